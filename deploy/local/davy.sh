#!/usr/bin/env bash
# Starts and stops Davy itself and the simulated gateways: deploy/local/davy.sh start|stop|status serve|simulate
# shellcheck source=deploy/local/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

READY_SECONDS=120

usage() { die "usage: $0 start|stop|status serve|simulate"; }
[ $# -eq 2 ] || usage
verb="$1" part="$2"
case "$part" in
serve) name=davy ;;
simulate) name=simulator ;;
*) usage ;;
esac
davy="$(realpath -m -- "${DAVY_BIN:-$ROOT/target/release/davy}")"
pid_file="$DAVY_LOCAL/run/$name.pid" log="$DAVY_LOCAL/log/$name.log"
marker="$davy $part "

# Paths in the configuration are relative to the checkout.
cd -- "$ROOT"

running() { pid_of "$pid_file" "$marker" >/dev/null; }
ready() { "$davy" status --config "$DAVY_CONFIG" >/dev/null 2>&1; }
# Ended is an answer too: nobody waits for a process that is gone.
ready_or_gone() { ready || ! running; }

# connected: whether the process has a connection to the broker.
connected() {
    local pid remote inodes
    pid="$(pid_of "$pid_file" "$marker")" || return 1
    remote="$(printf ':%04X' "$DAVY_MQTT_PORT")"
    inodes="$(awk -v remote="$remote" '$3 ~ remote "$" && $4 == "01" { print "socket:[" $10 "]" }' /proc/net/tcp)"
    [ -n "$inodes" ] && find "/proc/$pid/fd" -type l -printf '%l\n' 2>/dev/null | grep -qxF -- "$inodes"
}
connected_or_gone() { connected || ! running; }

# spawn ARGS...: in a session of its own, so that Ctrl-C reaches it through us, in order.
spawn() {
    mkdir -p -- "$DAVY_LOCAL/run"
    open_log "$log"
    setsid "$davy" "$part" --config "$DAVY_CONFIG" "$@" >>"$log" 2>&1 </dev/null &
    write_pid "$pid_file" $! || true
    disown
    wait_until 2 running || failed "ended at once"
}

failed() {
    tail -n 15 -- "$log" >&2
    stop
    die "$name $1; its log is $log"
}

# Coverage looks back thirty days: a district that begins today would show nothing for a month.
write_past() {
    local days="${DAVY_HISTORY:-35d}"
    if [ "$days" = none ]; then return 0; fi
    # Half a past is not gone on with: Davy says so itself.
    if [ -e "$DAVY_DATA/journal" ] && [ ! -e "$DAVY_DATA/history-unfinished" ]; then return 0; fi
    say "writing $days of simulated past (once; DAVY_HISTORY=none leaves it out)"
    "$davy" simulate --history "$days" --if-empty --config "$DAVY_CONFIG" 2>>"$log" || die "the past could not be written; the log is $log"
}

start_serve() {
    local out
    check_port "$DAVY_HTTP_PORT" DAVY_HTTP_PORT
    mkdir -p -- "$DAVY_DATA"
    say "bringing the database schema up to date"
    "$davy" migrate --config "$DAVY_CONFIG"
    say "checking the district's data"
    out="$("$davy" seed --config "$DAVY_CONFIG")" || die "the district's data is not in order"
    printf '%s\n' "$out"
    write_past
    spawn
    # Ready means subscribed: a message published before the first subscription would be nobody's.
    wait_until "$READY_SECONDS" ready_or_gone || failed "is not ready after $READY_SECONDS s"
    running || failed "ended before it was ready"
    say "Davy accepts and judges readings"
}

start_simulate() {
    local args=()
    read -r -a args <<<"${DAVY_SIMULATE:---seed 1 --scenario flame,gas-leak,dust-collector-stops}"
    spawn "${args[@]}"
    wait_until 30 connected_or_gone || failed "does not reach the broker"
    running || failed "ended at once"
    say "simulated gateways publish (${args[*]})"
}

stop() {
    # Davy puts what it has accepted on its own disk and ends; it does not wait for the database.
    stop_pid "$name" "$pid_file" "$marker" 60
}

case "$verb" in
start)
    if running; then say "$name runs already"; else "start_$part"; fi
    ;;
stop) stop ;;
status)
    if ! running; then
        printf '%-11s down\n' "$name"
        exit 1
    fi
    if [ "$part" = simulate ]; then
        printf '%-11s up\n' "$name"
    elif ready; then
        printf '%-11s up    http://127.0.0.1:%s\n' "$name" "$DAVY_HTTP_PORT"
    else
        printf '%-11s up, not ready\n' "$name"
        exit 1
    fi
    ;;
*) usage ;;
esac
