#!/usr/bin/env bash
# The runner behind `make test`: everything that can be checked, each suite with its own log in target/test-log, then a
# table suite x backend. The last line counts test cases. `tests/run.sh lint` stops after format, clippy and docs.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# Settings of a running instance must not leak into the instances that the suites start.
unset DAVY_CONFIG DAVY_DATA DAVY_LOCAL DAVY_MQTT_PORT DAVY_PG_PORT DAVY_HTTP_PORT DAVY_PG_PASSWORD DAVY_BIN DAVY_FAULT
export CARGO_TERM_COLOR=never LC_ALL=C.UTF-8

# A suite that hangs is a failure, not a night without a result.
SUITE_SECONDS="${SUITE_SECONDS:-1800}"
target="${CARGO_TARGET_DIR:-target}"
davy="$target/debug/davy"
logs="$target/test-log"
rows="$logs/rows"
rm -rf -- "$logs"
mkdir -p -- "$logs"
: >"$rows"
child=''
trap '[ -z "$child" ] || kill -TERM "$child" 2>/dev/null || true; exit 130' INT TERM HUP

# These measure times, load both cores, or stop servers and start them again on the port they had: their tests run one
# after the other. The rest use all cores.
threads_of() {
    case "$1" in
    bench* | live* | kill* | broker* | outage* | alarm* | recover* | mqtt*) echo 1 ;;
    *) nproc ;;
    esac
}

# row SUITE BACKEND RESULT PASSED FAILED SKIPPED SECONDS
row() {
    local IFS=$'\t'
    printf '%s\n' "$*" >>"$rows"
}

# logged NAME COMMAND...: runs it with its output in the suite's log; sets `code` and `took`.
logged() {
    local log="$logs/$1.log" from=$SECONDS
    printf '==> %s: ' "$1"
    shift
    # In the background, because bash lets a trap wait for a command in front.
    timeout -k 30 "$SUITE_SECONDS" "$@" >"$log" 2>&1 </dev/null &
    child=$!
    code=0
    wait "$child" || code=$?
    child=''
    took=$((SECONDS - from))
    [ "$code" -ne 124 ] || printf 'error: ended after %s s without a result\n' "$SUITE_SECONDS" >>"$log"
}

# told NAME: one line about it now, and what went wrong at once.
told() {
    if [ "$code" -eq 0 ]; then
        printf 'ok, %s s\n' "$took"
    else
        printf 'FAILED, %s s (%s)\n' "$took" "$logs/$1.log"
        awk '/^failures:$|^error|^Diff in|panicked at/ { show = 1 } show && shown++ < 60 { print "    " $0 }
             { last[NR % 20] = $0 }
             END { if (!shown) for (i = NR - 19; i <= NR; i++) if (i > 0) print "    " last[i % 20] }' "$logs/$1.log"
    fi
}

# check NAME COMMAND...: passes or fails as a whole and counts as one case.
check() {
    local name="$1"
    logged "$@"
    told "$name"
    if [ "$code" -eq 0 ]; then row "$name" - ran 1 0 0 "$took"; else row "$name" - ran 0 1 0 "$took"; fi
}

# suite NAME COMMAND...: counts the cases of Rust's test harness. A suite with live servers says on lines
# `SUITE <suite> <backend> ran|skipped <reason>` what it met; each pair becomes a row, the counts stand in the first.
suite() {
    local name="$1"
    logged "$@"
    told "$name"
    awk -v name="$name" -v code="$code" -v took="$took" '
        match($0, /SUITE [^ ]+ [^ ]+ (ran|skipped)/) {
            split(substr($0, RSTART, RLENGTH), word, " ")
            key = word[2] "\t" word[3]
            if (!(key in result)) { order[++keys] = key; result[key] = "" }
            if (word[4] == "ran") result[key] = "ran"
            else if (result[key] != "ran") result[key] = "skipped because" substr($0, RSTART + RLENGTH)
        }
        match($0, /test result: .* [0-9]+ passed; [0-9]+ failed; [0-9]+ ignored/) {
            line = substr($0, RSTART, RLENGTH)
            count = split(line, part, /[ ;]+/)
            for (i = 2; i <= count; i++) {
                if (part[i] == "passed") passed += part[i - 1]
                if (part[i] == "failed") failed += part[i - 1]
                if (part[i] == "ignored") ignored += part[i - 1]
            }
        }
        END {
            # A crash, a time-out or a broken build prints no count, and is a failure all the same.
            if (code != 0 && failed == 0) failed = 1
            if (keys == 0) { order[++keys] = name "\t-"; result[order[1]] = "ran" }
            for (i = 1; i <= keys; i++) {
                skipped = (result[order[i]] ~ /^skipped/)
                printf "%s\t%s\t%d\t%d\t%d\t%d\n", order[i], result[order[i]], passed, failed, ignored + skipped, took
                passed = failed = ignored = took = 0
            }
        }' "$logs/$name.log" >>"$rows"
}

# component NAME: a part of the toolchain that a minimal installation lacks.
component() {
    cargo "${1/rustfmt/fmt}" --version >/dev/null 2>&1 && return
    if command -v rustup >/dev/null; then rustup component add "$1" >/dev/null 2>&1 && return; fi
    row "$1" - "skipped because it is not installed and rustup cannot add it" 0 0 1 0
    return 1
}

lint() {
    if component rustfmt; then check fmt cargo fmt --all --check -- --color never; fi
    if component clippy; then check clippy cargo clippy --workspace --all-targets -- -D warnings; fi
    check doc env RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps
}

# The names of all integration test targets, in the order of the workspace.
targets() {
    cargo metadata --no-deps --format-version 1 |
        grep -o '"kind":\["test"\],"crate_types":\["bin"\],"name":"[^"]*"' | sed 's/.*"name":"//; s/"$//'
}

# Always `cargo test --workspace`: cargo then unifies features in one way, and nothing is built twice. It builds the
# binary davy too, for the integration tests of its crate, and with the feature `faults`, which the live suites need; a
# `cargo build` would leave out what dev-dependencies ask for and compile half the tree again. In the same
# way the load runner davy-bench is built for the test of its crate.
tests() {
    local names name
    # Another build may have left one without `faults` there.
    rm -f -- "$davy"
    check build cargo test --workspace --no-run
    [ "$code" -eq 0 ] || return 0
    if [ ! -x "$davy" ]; then
        echo "error: cargo test has not built $davy; the crate ingest needs an integration test for that" >&2
        exit 1
    fi
    suite unit cargo test --workspace --lib --bins
    suite doc-tests cargo test --workspace --doc
    names="$(targets)"
    [ -n "$names" ] || { echo 'error: cargo metadata names no test target' >&2; exit 1; }
    for name in $names; do
        suite "$name" cargo test --workspace --test "$name" -- --nocapture --test-threads="$(threads_of "$name")"
    done
}

# The table says about TimescaleDB either way, and a machine that has it must have tested with it: silence would look
# like success.
check_timescaledb() {
    if ! grep -q 'SUITE store pglite' "$logs"/*.log; then
        row store pglite 'skipped because the store suite did not come to it' 0 0 1 0
    fi
    if grep -q 'SUITE store timescaledb ran' "$logs"/*.log; then return 0; fi
    if compgen -G '/usr/share/postgresql/*/extension/timescaledb.control' >/dev/null; then
        echo 'error: TimescaleDB is installed, but the store suite has not run with it' >&2
        row timescaledb-present - ran 0 1 0 0
    elif ! grep -q 'SUITE store timescaledb skipped' "$logs"/*.log; then
        row store timescaledb 'skipped because TimescaleDB is not installed' 0 0 1 0
    fi
}

table() {
    echo
    awk -F '\t' '
        { for (i = 1; i <= NF; i++) cell[NR, i] = $i
          passed += $4; failed += $5; skipped += $6; seconds += $7 }
        END {
            printf "%-22s %-12s %7s %7s %8s %8s  %s\n", "suite", "backend", "passed", "failed", "skipped", "seconds", "result"
            for (r = 1; r <= NR; r++)
                printf "%-22s %-12s %7d %7d %8d %8d  %s\n", cell[r, 1], cell[r, 2], cell[r, 4], cell[r, 5], cell[r, 6],
                    cell[r, 7], (cell[r, 5] > 0 ? "FAILED" : cell[r, 3])
            printf "%-22s %-12s %7d %7d %8d %8d\n\n", "all", "", passed, failed, skipped, seconds
            printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
            exit failed > 0
        }' "$rows"
}

deploy/local/install.sh tests
lint
if [ "${1:-}" != lint ]; then
    tests
    check_timescaledb
fi
table
