#!/usr/bin/env bash
# Starts and stops a private PostgreSQL: deploy/local/postgres.sh start|stop|status DIR PORT
# As root it runs as the OS user postgres. Its log lies in DIR/../log; the pid is the server's own, in DIR.
# shellcheck source=deploy/local/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

[ $# -eq 3 ] || die "usage: $0 start|stop|status DIR PORT"
verb="$1" dir="$(realpath -m -- "$2")" port="$3"
log="$(dirname -- "$dir")/log/postgres.log"

# newest_bin: the programs of the newest PostgreSQL that is at least 15.
newest_bin() {
    local found='' major
    for major in $(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null | grep -x '[0-9]*' | sort -n); do
        if [ "$major" -ge 15 ] && [ -x "/usr/lib/postgresql/$major/bin/initdb" ]; then
            found="/usr/lib/postgresql/$major/bin"
        fi
    done
    [ -n "$found" ] || die "no PostgreSQL 15 or newer below /usr/lib/postgresql; deploy/local/install.sh installs it"
    printf '%s\n' "$found"
}

bin="$(newest_bin)"
user="$(id -un)"
if is_root; then
    user=postgres
    id -u postgres >/dev/null 2>&1 || die "there is no user postgres to run the database as; install the package postgresql"
fi
if [ "$verb" = start ]; then
    home="$(service_dir "$dir" "$user")"
else
    home="$(service_home "$dir")"
fi
data="$home/cluster"

# as_server COMMAND...: PostgreSQL refuses to run as root.
as_server() {
    if is_root; then (cd / && runuser -u "$user" -- "$@"); else "$@"; fi
}

# A cluster made by an older major version runs with that version's programs as long as they are there.
if [ -r "$data/PG_VERSION" ]; then
    made="$(cat "$data/PG_VERSION")"
    bin="/usr/lib/postgresql/$made/bin"
    [ -x "$bin/postgres" ] || die "$data was made by PostgreSQL $made, which is not installed; install postgresql-$made, or make clean-data"
fi

# A server works in its data directory, and so do its children: after a kill or a reboot the number in postmaster.pid
# may be somebody else's, which pg_ctl would not notice.
works_here() { [ "$(readlink -- "/proc/$1/cwd" 2>/dev/null)" = "$data" ]; }

running() {
    local pid=''
    { read -r pid <"$data/postmaster.pid"; } 2>/dev/null || return 1
    works_here "$pid"
}

nobody_works_here() {
    local process
    for process in /proc/[0-9]*; do
        if works_here "${process#/proc/}"; then return 1; fi
    done
}

# PostgreSQL will not start while the number it left behind names any process of the same user.
forget_dead_server() {
    [ -e "$data/postmaster.pid" ] || return 0
    wait_until 30 nobody_works_here || die "processes of an earlier PostgreSQL still work in $data; see $log"
    rm -f -- "$data/postmaster.pid"
}

psql_admin() { "$bin/psql" -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$port" -U postgres -d postgres "$@"; }

make_cluster() {
    say "making a PostgreSQL cluster in $data"
    # A half-made cluster of an interrupted start is thrown away: only a whole one gets the name.
    rm -rf -- "$data.new"
    as_server "$bin/initdb" --pgdata="$data.new" --username=postgres --auth=trust --encoding=UTF8 \
        --locale=C.UTF-8 >>"$log" 2>&1 || die "initdb failed; see $log"
    echo "include 'davy.conf'" | as_server tee -a "$data.new/postgresql.conf" >/dev/null
    mv -- "$data.new" "$data"
}

start() {
    if running; then
        say "PostgreSQL runs already (port $port)"
    else
        check_port "$port" DAVY_PG_PORT
        if [ "$home" != "$dir" ]; then say "user $user cannot reach $dir; the database is in $home"; fi
        open_log "$log"
        [ -d "$data" ] || make_cluster
        forget_dead_server
        local preload=''
        if [ -n "$(find "${bin%/bin}/lib" -maxdepth 1 -name 'timescaledb*.so' -print -quit)" ]; then preload=timescaledb; fi
        sed -e "s|@PORT@|$port|" -e "s|@PRELOAD@|$preload|" "$ROOT/deploy/local/postgresql.conf.in" |
            as_server tee "$data/davy.conf" >/dev/null
        # The log is opened here, so that the server's user needs no right to the directory.
        if ! (umask 077 && as_server setsid "$bin/pg_ctl" start -s -w -t 60 -D "$data" >>"$log" 2>&1 </dev/null); then
            tail -n 5 -- "$log" >&2
            die "PostgreSQL does not start; its log is $log"
        fi
        say "PostgreSQL listens on 127.0.0.1:$port"
    fi
    psql_admin -f "$ROOT/deploy/postgres/bootstrap.sql" >>"$log" 2>&1 || die "deploy/postgres/bootstrap.sql failed; see $log"
}

stop() {
    if [ -d "$data" ] && running; then
        as_server "$bin/pg_ctl" stop -s -w -t 90 -m fast -D "$data" || die "PostgreSQL does not stop; see $log"
        say "PostgreSQL stopped"
    fi
}

case "$verb" in
start) start ;;
stop) stop ;;
status)
    if running; then
        echo "postgresql  up    127.0.0.1:$port"
    else
        echo "postgresql  down"
        exit 1
    fi
    ;;
*) die "usage: $0 start|stop|status DIR PORT" ;;
esac
