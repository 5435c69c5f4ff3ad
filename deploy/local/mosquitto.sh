#!/usr/bin/env bash
# Starts and stops a private mosquitto: deploy/local/mosquitto.sh start|stop|status DIR PORT
# Its pid file lies in DIR/../run, its log in DIR/../log.
# shellcheck source=deploy/local/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

[ $# -eq 3 ] || die "usage: $0 start|stop|status DIR PORT"
verb="$1" dir="$(realpath -m -- "$2")" port="$3"
run="$(dirname -- "$dir")/run" log="$(dirname -- "$dir")/log/mosquitto.log"
pid_file="$run/mosquitto.pid" conf="$run/mosquitto.conf"

running() { pid_of "$pid_file" "$conf" >/dev/null; }

listens() {
    running || return 2
    port_taken "$port"
}

answers() {
    local code=0
    listens || code=$?
    # A broker that has ended is no longer waited for.
    [ "$code" -ne 1 ]
}

start() {
    local user
    if running; then
        say "mosquitto runs already (port $port)"
        return
    fi
    check_port "$port" DAVY_MQTT_PORT
    user="$(id -un)"
    # As root the broker gives up its rights; Debian's package brings the user.
    if is_root && id -u mosquitto >/dev/null 2>&1; then user=mosquitto; fi
    local home
    home="$(service_dir "$dir" "$user")"
    if [ "$home" != "$dir" ]; then say "user $user cannot reach $dir; the broker's store is $home"; fi
    mkdir -p -- "$run"
    open_log "$log"
    sed -e "s|@PORT@|$port|" -e "s|@DIR@|$home|" -e "s|@USER@|$user|" "$ROOT/deploy/mosquitto/mosquitto.conf.in" >"$conf"
    # A session of its own: Ctrl-C in the terminal must reach Davy first and the broker last.
    setsid mosquitto -c "$conf" >>"$log" 2>&1 </dev/null &
    write_pid "$pid_file" $! || true
    disown
    wait_until 1 running || true
    if ! wait_until 20 answers || ! listens; then
        tail -n 5 -- "$log" >&2
        die "mosquitto does not start; its log is $log"
    fi
    say "mosquitto listens on 127.0.0.1:$port"
}

case "$verb" in
start) start ;;
stop) stop_pid mosquitto "$pid_file" "$conf" 20 ;;
status)
    if listens; then
        echo "mosquitto   up    127.0.0.1:$port"
    else
        echo "mosquitto   down"
        exit 1
    fi
    ;;
*) die "usage: $0 start|stop|status DIR PORT" ;;
esac
