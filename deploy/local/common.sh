# shellcheck shell=bash
# What the local scripts share: settings, messages, ports, pid files. Sourced, never run.
set -euo pipefail

# Debian keeps servers and system tools where the PATH of a normal user does not look.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export PATH LC_ALL=C.UTF-8

ROOT="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)"
# Everything `make run` writes lies below this directory.
DAVY_LOCAL="$(realpath -m -- "${DAVY_LOCAL:-$ROOT/data}")"
DAVY_CONFIG="$(realpath -m -- "${DAVY_CONFIG:-$ROOT/deploy/davy.toml}")"
DAVY_DATA="$(realpath -m -- "${DAVY_DATA:-$DAVY_LOCAL/davy}")"
DAVY_MQTT_PORT="${DAVY_MQTT_PORT:-18830}"
DAVY_PG_PORT="${DAVY_PG_PORT:-54330}"
DAVY_HTTP_PORT="${DAVY_HTTP_PORT:-8420}"
export DAVY_LOCAL DAVY_CONFIG DAVY_DATA DAVY_MQTT_PORT DAVY_PG_PORT DAVY_HTTP_PORT

say() { printf '==> %s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

is_root() { [ "$(id -u)" -eq 0 ]; }

# short_hash TEXT: eight hex digits, for names derived from a path.
short_hash() { printf '%s' "$1" | sha256sum | cut -c1-8; }

# port_taken PORT: whether something accepts connections there on loopback.
port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# check_port PORT SETTING: a number, and free.
check_port() {
    case "$1" in '' | *[!0-9]*) die "$2=$1: not a port number" ;; esac
    if [ "$1" -lt 1 ] || [ "$1" -gt 65535 ]; then die "$2=$1: a port lies between 1 and 65535"; fi
    if port_taken "$1"; then
        die "port $1 is in use by another program: stop that program, or choose a free port with $2=PORT"
    fi
}

# wait_until SECONDS COMMAND...: asks ten times a second, until it succeeds or the time is over.
wait_until() {
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.1
    done
}

# start_time PID: when the kernel started it; with the pid it names a process for ever.
start_time() {
    local stat
    stat="$(cat "/proc/$1/stat" 2>/dev/null)" || return 1
    # The name in parentheses may contain blanks; field 22 is the 20th after it.
    stat="${stat##*) }"
    cut -d' ' -f20 <<<"$stat"
}

# write_pid FILE PID
write_pid() {
    local started
    started="$(start_time "$2")" || return 1
    printf '%s\n%s\n' "$2" "$started" >"$1"
}

# pid_of FILE MARKER: prints the pid if that very process still runs and its command line contains MARKER. A number
# that the system has given to somebody else since is never ours to signal.
pid_of() {
    local pid='' started='' command
    [ -r "$1" ] || return 1
    { read -r pid && read -r started; } <"$1" || return 1
    [ "$(start_time "$pid")" = "$started" ] || return 1
    # A zombie has no command line: it runs no more.
    command="$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline")" || return 1
    case "$command" in *"$2"*) printf '%s\n' "$pid" ;; *) return 1 ;; esac
}

# gone FILE MARKER
gone() { ! pid_of "$1" "$2" >/dev/null; }

# stop_pid NAME FILE MARKER SECONDS: SIGTERM, then a bounded wait, then SIGKILL with a word about it.
stop_pid() {
    local pid
    if pid="$(pid_of "$2" "$3")"; then
        kill -TERM "$pid" 2>/dev/null || die "$1 (pid $pid) belongs to another user: stop it as that user"
        if ! wait_until "$4" gone "$2" "$3"; then
            warn "$1 (pid $pid) has not ended within $4 s of SIGTERM; ending it with SIGKILL"
            kill -KILL "$pid" 2>/dev/null || true
            wait_until 10 gone "$2" "$3" || die "$1 (pid $pid) does not end"
        fi
        say "$1 stopped"
    fi
    rm -f -- "$2"
}

# open_log FILE: an old log that has grown large is set aside once.
open_log() {
    mkdir -p -- "$(dirname -- "$1")"
    if [ -f "$1" ] && [ "$(stat -c %s -- "$1")" -gt 67108864 ]; then
        mv -f -- "$1" "$1.1"
    fi
    touch -- "$1"
}

# service_dir DIR USER: prints the directory a service may use when it runs as USER. As root that user is not root and
# perhaps cannot reach a checkout below a closed directory such as /root; then it is a directory below /var/lib.
service_dir() {
    local dir="$1" user="$2" closed
    if [ "$user" = "$(id -un)" ]; then
        mkdir -p -- "$dir"
    else
        mkdir -p -- "$(dirname -- "$dir")"
        closed="$(dirname -- "$dir")"
        if ! runuser -u "$user" -- test -x "$closed" 2>/dev/null; then
            dir="$(elsewhere "$1")"
        fi
        mkdir -p -- "$dir"
        chown "$user:" -- "$dir"
    fi
    chmod 700 -- "$dir"
    printf '%s\n' "$dir"
}

# elsewhere DIR: where a service's data goes when DIR cannot be reached by the service's user.
elsewhere() { printf '/var/lib/davy-%s\n' "$(short_hash "$1")"; }

# service_home DIR: the directory that service_dir has chosen before.
service_home() {
    if [ -d "$(elsewhere "$1")" ]; then elsewhere "$1"; else printf '%s\n' "$1"; fi
}
