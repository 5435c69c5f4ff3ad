#!/usr/bin/env bash
# Installs what `make run` and `make test` need and this machine lacks: Debian packages, as root or through sudo.
# `deploy/local/install.sh tests` adds what only tests need.
# Servers that come with the packages are neither started nor enabled; Davy runs private ones. Says nothing if all is there.
# shellcheck source=deploy/local/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

RUST_NEEDED=1.89
POLICY=/usr/sbin/policy-rc.d
CLUSTER_DIR=/etc/postgresql-common/createcluster.d
CLUSTER_FILE="$CLUSTER_DIR/davy.conf"

sudo_if_needed() { if is_root; then "$@"; else sudo "$@"; fi; }

have_postgres() {
    local initdb major
    for initdb in /usr/lib/postgresql/*/bin/initdb; do
        [ -x "$initdb" ] || continue
        major="${initdb#/usr/lib/postgresql/}"
        major="${major%%/*}"
        case "$major" in *[!0-9]*) continue ;; esac
        [ "$major" -lt 15 ] || return 0
    done
    return 1
}

missing_packages() {
    command -v mosquitto >/dev/null || echo mosquitto
    command -v mosquitto_pub >/dev/null || echo mosquitto-clients
    have_postgres || echo postgresql
    [ -s /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
    # A test publishes with a client library out of a virtual environment.
    python3 -c 'import venv, ensurepip' 2>/dev/null || echo python3-venv
}

# For tests only: node runs the WebAssembly build of TimescaleDB. Without it that part of the store suite is skipped, and
# says so; nothing here ends the run.
node_for_tests() {
    if command -v node >/dev/null && command -v npm >/dev/null; then return 0; fi
    command -v apt-get >/dev/null || return 0
    is_root || command -v sudo >/dev/null || return 0
    say "installing Debian packages for the tests: nodejs npm"
    sudo_if_needed apt-get update -q >/dev/null 2>&1 || true
    sudo_if_needed env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends nodejs npm >/dev/null 2>&1 ||
        say "nodejs and npm could not be installed: the store suite will say that it skips pglite"
}

undo() {
    if [ "${made_policy:-}" ]; then sudo_if_needed rm -f -- "$POLICY"; fi
    if [ "${made_cluster_file:-}" ]; then sudo_if_needed rm -f -- "$CLUSTER_FILE"; fi
    if [ "${made_cluster_dir:-}" ]; then sudo_if_needed rmdir --ignore-fail-on-non-empty -- "$CLUSTER_DIR"; fi
}

# While packages are being installed no server of theirs is started, and no database cluster is made.
hold_servers() {
    trap undo EXIT
    if [ ! -e "$POLICY" ]; then
        made_policy=yes
        printf '#!/bin/sh\nexit 101\n' | sudo_if_needed tee "$POLICY" >/dev/null
        sudo_if_needed chmod 755 "$POLICY"
    fi
    if [ ! -d "$CLUSTER_DIR" ]; then
        made_cluster_dir=yes
        sudo_if_needed mkdir -p -- "$CLUSTER_DIR"
    fi
    if [ ! -e "$CLUSTER_FILE" ]; then
        made_cluster_file=yes
        echo 'create_main_cluster = false' | sudo_if_needed tee "$CLUSTER_FILE" >/dev/null
    fi
}

# After the next boot they would take ports and memory that nobody asked for.
disable_servers() {
    local service
    for service in "$@"; do
        # The one knows systemd's links, with or without a running systemd; the other those of /etc/rc*.d.
        sudo_if_needed deb-systemd-helper disable "$service.service" >/dev/null 2>&1 || true
        sudo_if_needed update-rc.d "$service" disable >/dev/null 2>&1 || true
    done
}

install_packages() {
    local services=() package
    command -v apt-get >/dev/null || die "missing: $*; this machine has no apt-get, please install them by hand"
    if ! is_root && ! command -v sudo >/dev/null; then
        die "missing packages: $*; installing them needs root or sudo. Ask an administrator for: apt-get install $*"
    fi
    say "installing Debian packages: $*"
    is_root || sudo -v || die "missing packages: $*; sudo was refused. Ask an administrator for: apt-get install $*"
    for package in "$@"; do
        case "$package" in mosquitto | postgresql) services+=("$package") ;; esac
    done
    hold_servers
    sudo_if_needed apt-get update -q || die "apt-get update failed; is there a network?"
    sudo_if_needed env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" ||
        die "apt-get could not install: $*"
    disable_servers "${services[@]}"
}

# at_least NEEDED VERSION
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

check_toolchain() {
    local version
    # A toolchain installed by rustup a minute ago is not yet in the PATH of an open shell.
    if ! command -v cargo >/dev/null && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
        die "cargo is installed but not in PATH: run  . \"${CARGO_HOME:-$HOME/.cargo}/env\"  and try again"
    fi
    command -v cargo >/dev/null || die "cargo is missing: install Rust $RUST_NEEDED or newer from https://rustup.rs"
    version="$(rustc --version | cut -d' ' -f2)" || die "rustc does not run; install Rust $RUST_NEEDED or newer from https://rustup.rs"
    at_least "$RUST_NEEDED" "$version" || die "rustc is $version, Davy needs $RUST_NEEDED or newer: run  rustup update"
    command -v cc >/dev/null || die "no C compiler (cc), which Rust needs for linking: apt-get install gcc libc6-dev"
}

if [ -z "${DAVY_BIN:-}" ]; then check_toolchain; fi
mapfile -t missing < <(missing_packages)
if [ "${#missing[@]}" -gt 0 ]; then
    install_packages "${missing[@]}"
    mapfile -t missing < <(missing_packages)
    [ "${#missing[@]}" -eq 0 ] || die "still missing after the installation (too old a distribution?): ${missing[*]}"
fi
if [ "${1:-}" = tests ]; then node_for_tests; fi
