#!/usr/bin/env bash
# The whole district on one machine: deploy/local/run.sh run|up|down|status|clean-data
# `run` stays in front, follows the log and stops everything in reverse order on Ctrl-C; `up` returns when Davy is ready.
# shellcheck source=deploy/local/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

here="$ROOT/deploy/local"
logs="$DAVY_LOCAL/log"

broker() { "$here/mosquitto.sh" "$1" "$DAVY_LOCAL/mosquitto" "$DAVY_MQTT_PORT"; }
database() { "$here/postgres.sh" "$1" "$DAVY_LOCAL/postgres" "$DAVY_PG_PORT"; }
davy() { "$here/davy.sh" "$1" serve; }
gateways() { "$here/davy.sh" "$1" simulate; }

have_servers() { compgen -G '/usr/lib/postgresql/*/bin/pg_ctl' >/dev/null; }

any_running() {
    gateways status >/dev/null || [ -n "$(pid_or_nothing davy)" ] || broker status >/dev/null || { have_servers && database status >/dev/null; }
}

# A Davy that is not ready runs all the same.
pid_or_nothing() { pid_of "$DAVY_LOCAL/run/$1.pid" "$(realpath -m -- "${DAVY_BIN:-$ROOT/target/release/davy}")" || true; }

# Two servers on one port would be told as "in use by another program" when the second of them starts.
check_distinct_ports() {
    local again
    again="$(printf '%s\n' "$DAVY_MQTT_PORT" "$DAVY_PG_PORT" "$DAVY_HTTP_PORT" | sort | uniq -d)"
    [ -z "$again" ] || die "port $again is set twice: DAVY_MQTT_PORT, DAVY_PG_PORT and DAVY_HTTP_PORT must differ"
}

# Another user's servers would be stopped by half, root included: it looks for a database that runs as postgres.
check_owner() {
    [ ! -e "$DAVY_LOCAL" ] || [ -O "$DAVY_LOCAL" ] ||
        die "$DAVY_LOCAL belongs to $(stat -c %U -- "$DAVY_LOCAL"): run this as that user, or remove it"
}

prepare() {
    if ! any_running; then
        # Before minutes of building, and all of them before the first server.
        check_distinct_ports
        check_port "$DAVY_MQTT_PORT" DAVY_MQTT_PORT
        check_port "$DAVY_PG_PORT" DAVY_PG_PORT
        check_port "$DAVY_HTTP_PORT" DAVY_HTTP_PORT
    fi
    check_owner
    mkdir -p -- "$DAVY_LOCAL/run" "$logs" 2>/dev/null || die "$DAVY_LOCAL cannot be written by $(id -un)"
    "$here/install.sh"
    if [ -z "${DAVY_BIN:-}" ]; then
        say "building (the first time takes some minutes)"
        # Where davy.sh looks for it, whatever CARGO_TARGET_DIR or the user's cargo configuration say.
        (cd -- "$ROOT" && cargo build --release -p ingest --bin davy --target-dir target)
    fi
}

start_all() {
    broker start && database start && davy start && gateways start
}

# One that does not stop must not keep the others running.
stop_all() {
    local code=0
    gateways stop || code=1
    davy stop || code=1
    if have_servers; then database stop || code=1; fi
    broker stop || code=1
    return "$code"
}

hint() {
    cat <<HINT

    The live page:  http://127.0.0.1:$DAVY_HTTP_PORT

    Light a fire (a flame detector of the enterprise hc-001 says 1), and put it out again with "v":0:

    mosquitto_pub -p $DAVY_MQTT_PORT -q 1 -t davy/v1/hc-001/gw-1/json \\
        -m '{"ts":'\$(date +%s%3N)',"d":[{"p":"F-101.flame","v":1}]}'

HINT
}

end_run() {
    local code=$?
    # A second Ctrl-C while stopping changes nothing: what was accepted is being put in order.
    trap '' INT TERM HUP
    trap - EXIT
    if [ "${tail_pid:-}" ]; then kill "$tail_pid" 2>/dev/null || true; fi
    say "stopping"
    stop_all || code=1
    exit "$code"
}

run() {
    local lines davy_pid
    if any_running; then die "it runs already (make status shows what, make down stops it)"; fi
    prepare
    open_log "$logs/davy.log"
    lines="$(wc -l <"$logs/davy.log")"
    trap 'exit 0' INT TERM HUP
    trap end_run EXIT
    start_all
    hint
    say "the log ($logs/davy.log) follows; Ctrl-C stops everything"
    davy_pid="$(pid_or_nothing davy)"
    [ -n "$davy_pid" ] || die "davy has ended; its log is $logs/davy.log"
    # Of this start only; tail ends when Davy does. In the background, because a trap waits for a command in front.
    tail -n "+$((lines + 1))" --pid="$davy_pid" -F -- "$logs/davy.log" 2>/dev/null &
    tail_pid=$!
    wait "$tail_pid" || true
    die "davy has ended by itself; its log is $logs/davy.log"
}

up() {
    prepare
    if ! start_all; then
        warn "the start failed; stopping what was started"
        stop_all || true
        exit 1
    fi
    hint
    say "make status shows how it is, make down stops it"
}

status() {
    local code=0
    broker status || code=1
    if have_servers; then database status || code=1; else echo "postgresql  not installed"; fi
    davy status || code=1
    gateways status || code=1
    return "$code"
}

clean_data() {
    if any_running; then die "it is running: make down first"; fi
    local dir
    for dir in "$DAVY_LOCAL"/{davy,postgres,mosquitto,run,log} "$(elsewhere "$DAVY_LOCAL/postgres")" "$(elsewhere "$DAVY_LOCAL/mosquitto")"; do
        [ -e "$dir" ] || continue
        rm -rf -- "$dir"
        say "removed $dir"
    done
    rmdir --ignore-fail-on-non-empty -- "$DAVY_LOCAL" 2>/dev/null || true
    if [ -e "$DAVY_DATA" ]; then warn "$DAVY_DATA is outside $DAVY_LOCAL and stays: remove it yourself"; fi
}

case "${1:-}" in
run) run ;;
up) up ;;
down)
    check_owner
    stop_all
    ;;
status) status ;;
clean-data)
    check_owner
    clean_data
    ;;
*) die "usage: $0 run|up|down|status|clean-data" ;;
esac
