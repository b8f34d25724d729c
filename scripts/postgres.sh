#!/usr/bin/env bash
# Runs a command with a PostgreSQL of its own: `postgres.sh <command> [argument]...`
# The command finds it in CCS_TEST_POSTGRES_URL. The server is started in a temporary directory on a free
# loopback port by an unprivileged user, fsync left on, started again when it ends, as a service manager
# would, and removed with all its data afterwards, whatever happens. About 3 s; installs the binaries when
# they are missing (30 s, once).
# `postgres.sh --install` only does that.
set -euo pipefail
. "$(dirname "$0")/paths.sh"

# The newest server binaries on this machine, at least the version the product supports.
find_binaries() {
    local directory
    for directory in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) \
        "$(dirname "$(command -v postgres || echo /none)")"; do
        if [ ! -x "$directory/initdb" ] || [ ! -x "$directory/postgres" ]; then continue; fi
        at_least "$("$directory/postgres" --version | grep -o '[0-9][0-9.]*' | head -n 1)" "$POSTGRES_MAJOR" || continue
        echo "$directory"
        return
    done
    return 1
}

install_binaries() {
    command -v apt-get >/dev/null || die "the tests need PostgreSQL $POSTGRES_MAJOR or newer: please install its server binaries"
    # Debian starts a cluster of its own with every server it installs; nobody asked for one.
    local setting=/etc/postgresql-common/createcluster.d/ccs-no-main-cluster.conf package=postgresql as_root=() result=0
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    if apt-cache show "postgresql-$POSTGRES_MAJOR" >/dev/null 2>&1; then package=postgresql-$POSTGRES_MAJOR; fi
    "$ROOT/scripts/debian-packages.sh" "the store tests" postgresql-common
    echo 'create_main_cluster = false' | ${as_root[@]+"${as_root[@]}"} tee "$setting" >/dev/null
    "$ROOT/scripts/debian-packages.sh" "the store tests" "$package" || result=1
    ${as_root[@]+"${as_root[@]}"} rm -f "$setting"
    return $result
}

if ! binaries=$(find_binaries); then
    install_binaries
    binaries=$(find_binaries) || die "PostgreSQL is installed, but its binaries were not found"
fi
[ "${1:-}" != --install ] || exit 0
[ $# -gt 0 ] || die "usage: postgres.sh <command> [argument]..."

# PostgreSQL refuses to run as root. The death signal stops it even when this script is killed.
unprivileged=()
if [ "$(id -u)" = 0 ]; then
    user=postgres
    id "$user" >/dev/null 2>&1 || user=nobody
    unprivileged=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups --pdeathsig INT)
elif command -v setpriv >/dev/null; then
    unprivileged=(setpriv --pdeathsig INT)
fi
# To be called in a subshell, which it becomes: what is started in the background has the pid bash reports.
as_user() { cd / && exec env -i PATH=/usr/bin:/bin LC_ALL=C ${unprivileged[@]+"${unprivileged[@]}"} "$@"; }

directory=$(mktemp -d "${TMPDIR:-/tmp}/ccs-postgres.XXXXXX")
server=
keeper=
cleanup() {
    trap - EXIT INT TERM HUP
    if [ -n "$keeper" ]; then kill "$keeper" 2>/dev/null && wait "$keeper" 2>/dev/null || true; fi
    if [ -n "$server" ]; then kill -INT "$server" 2>/dev/null && wait "$server" 2>/dev/null || true; fi
    rm -rf "$directory"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
printf '%s\n' "$password" >"$directory/password"
if [ "$(id -u)" = 0 ]; then chown -R "$user" "$directory"; fi
(as_user "$binaries/initdb" -D "$directory/data" -U postgres --pwfile="$directory/password" --auth=scram-sha-256 \
    --encoding=UTF8 --locale=C --no-sync) >"$directory/initdb.log" 2>&1 || { cat "$directory/initdb.log" >&2; die "initdb failed"; }

start() {
    (as_user "$binaries/postgres" -D "$directory/data" -p "$port" -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories= -c max_connections=300) >>"$directory/server.log" 2>&1 &
    server=$!
}

# Starts the server again whenever it has ended, until this script ends. To be called in a subshell, whose
# child the server is then, and ends with it.
keep() {
    trap '[ "$server" = "$1" ] || { kill -INT "$server" && wait "$server"; } 2>/dev/null; exit' TERM
    while sleep 0.2 && kill -0 $$ 2>/dev/null; do
        kill -0 "$server" 2>/dev/null || start
    done
}

# Nothing can hand out a free port that stays free, so a taken one is answered by trying the next.
for _ in 1 2 3 4 5 6 7 8 9 10; do
    port=$((20000 + RANDOM % 12000))
    : >"$directory/server.log"
    start
    for _ in $(seq 150); do
        if grep -q 'ready to accept connections' "$directory/server.log"; then break 2; fi
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    kill -INT "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
done
[ -n "$server" ] || { cat "$directory/server.log" >&2; die "PostgreSQL did not start"; }
keep "$server" &
keeper=$!

export CCS_TEST_POSTGRES_URL="postgres://postgres:$password@127.0.0.1:$port/postgres"
# In the foreground, so that the command gets the terminal and an interrupt itself.
result=0
"$@" || result=$?
exit $result
