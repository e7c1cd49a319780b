#!/usr/bin/env bash
# Starts PostgreSQL the way users of the upstream image expect: the first start makes the database from POSTGRES_USER,
# POSTGRES_PASSWORD and POSTGRES_DB (each also as NAME_FILE) and runs /docker-entrypoint-initdb.d, while only the
# container itself can reach it; then, and at every later start, the server runs in the foreground as user postgres.
set -euo pipefail

# from_file NAME DEFAULT: the variable, or what is in the file that NAME_FILE names
from_file() {
    local file="$1_FILE"
    if [ -n "${!1-}" ] && [ -n "${!file-}" ]; then
        echo "both $1 and $file are set: choose one" >&2
        exit 1
    fi
    if [ -n "${!file-}" ]; then printf -v "$1" '%s' "$(<"${!file}")"; fi
    export "$1=${!1:-$2}"
    unset "$file"
}

case ${1-} in -*) set -- postgres "$@" ;; esac
if [ "${1-}" != postgres ]; then exec "$@"; fi
for argument in "$@"; do
    case $argument in --version | -V | --help | '-?' | --describe-config) exec "$@" ;; esac
done

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" /run/postgresql
    chmod 700 "$PGDATA"
    chown postgres:postgres /run/postgresql
    find "$PGDATA" \! -user postgres -exec chown postgres:postgres {} +
    exec gosu postgres "$0" "$@"
fi

mkdir -p "$PGDATA"
chmod 700 "$PGDATA" 2>/dev/null || true

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    from_file POSTGRES_PASSWORD ''
    from_file POSTGRES_USER postgres
    from_file POSTGRES_DB "$POSTGRES_USER"
    from_file POSTGRES_INITDB_ARGS ''
    method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -z "$POSTGRES_PASSWORD" ] && [ "$method" != trust ]; then
        echo 'Error: the database is not set up and POSTGRES_PASSWORD is empty.' >&2
        exit 1
    fi
    # shellcheck disable=SC2086 # the arguments are a list of words
    initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") $POSTGRES_INITDB_ARGS
    printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"

    # a server for the rest of the set-up, which nobody outside can reach
    pg_ctl -D "$PGDATA" -w start -o "-c listen_addresses='' -p 5432"
    psql=(psql -v ON_ERROR_STOP=1 --no-password --username "$POSTGRES_USER")
    if [ "$POSTGRES_DB" != postgres ]; then
        "${psql[@]}" --dbname postgres --set db="$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
    fi
    for script in /docker-entrypoint-initdb.d/*; do
        # shellcheck source=/dev/null
        case $script in
        *.sh) if [ -x "$script" ]; then "$script"; else . "$script"; fi ;;
        *.sql) "${psql[@]}" --dbname "$POSTGRES_DB" --file "$script" ;;
        *.sql.gz) gunzip -c "$script" | "${psql[@]}" --dbname "$POSTGRES_DB" ;;
        esac
    done
    pg_ctl -D "$PGDATA" -m fast -w stop
    echo 'PostgreSQL init process complete; ready for start up.'
fi
exec "$@"
