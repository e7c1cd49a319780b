#!/usr/bin/env bash
# Starts MariaDB the way users of the upstream image expect: the first start makes the database from MARIADB_ROOT_PASSWORD,
# MARIADB_ROOT_HOST, MARIADB_DATABASE, MARIADB_USER and MARIADB_PASSWORD (each also as NAME_FILE, and with the older
# beginning MYSQL_) and runs /docker-entrypoint-initdb.d, while only the container itself can reach it; then, and at every
# later start, the server runs in the foreground as user mysql.
set -euo pipefail

DATA=/var/lib/mysql

# from_file NAME: the variable MARIADB_NAME or MYSQL_NAME, or what is in the file that it names with _FILE
from_file() {
    local name beginning file value=''
    for beginning in MYSQL MARIADB; do
        name=${beginning}_$1 file=${beginning}_$1_FILE
        if [ -n "${!name-}" ] && [ -n "${!file-}" ]; then
            echo "both $name and $file are set: choose one" >&2
            exit 1
        fi
        if [ -n "${!file-}" ]; then value=$(<"${!file}"); else value=${!name-$value}; fi
        unset "$file"
    done
    printf -v "MARIADB_$1" '%s' "$value"
}

# text STRING, name STRING: the string as SQL; pattern STRING: as the pattern of a GRANT, in which _ and % mean more
text() { local value=${1//\\/\\\\}; printf "'%s'" "${value//\'/\'\'}"; }
name() { printf '`%s`' "${1//\`/\`\`}"; }
pattern() { local value=${1//_/\\_}; name "${value//%/\\%}"; }

statements() {
    local user
    # at this start, users are not known before they are read
    echo 'FLUSH PRIVILEGES;'
    echo "SET PASSWORD FOR 'root'@'localhost' = PASSWORD($(text "$MARIADB_ROOT_PASSWORD"));"
    # made without a password, as on a machine of one's own
    echo "DROP USER IF EXISTS 'root'@'127.0.0.1', 'root'@'::1';"
    if [ "${MARIADB_ROOT_HOST:-%}" != localhost ]; then
        user="'root'@$(text "${MARIADB_ROOT_HOST:-%}")"
        echo "CREATE USER $user IDENTIFIED BY $(text "$MARIADB_ROOT_PASSWORD");"
        echo "GRANT ALL ON *.* TO $user WITH GRANT OPTION;"
    fi
    # for healthcheck.sh
    for user in "'healthcheck'@'127.0.0.1'" "'healthcheck'@'::1'" "'healthcheck'@'localhost'"; do
        echo "CREATE USER $user IDENTIFIED BY $(text "$HEALTH_PASSWORD");"
        echo "GRANT USAGE ON *.* TO $user;"
    done
    [ -z "$MARIADB_DATABASE" ] || echo "CREATE DATABASE IF NOT EXISTS $(name "$MARIADB_DATABASE");"
    if [ -n "$MARIADB_USER" ] && [ -n "$MARIADB_PASSWORD" ]; then
        echo "CREATE USER $(text "$MARIADB_USER")@'%' IDENTIFIED BY $(text "$MARIADB_PASSWORD");"
        [ -z "$MARIADB_DATABASE" ] || echo "GRANT ALL ON $(pattern "$MARIADB_DATABASE").* TO $(text "$MARIADB_USER")@'%';"
    fi
}

# own_scripts SERVER...: runs /docker-entrypoint-initdb.d against a server that nobody outside can reach
own_scripts() {
    local script server client=(mariadb --user=root "--database=$MARIADB_DATABASE")
    "$@" --skip-networking &
    server=$!
    export MYSQL_PWD=$MARIADB_ROOT_PASSWORD
    until mariadb-admin --user=root --silent ping 2>/dev/null; do
        kill -0 "$server"
        sleep 0.2
    done
    for script in /docker-entrypoint-initdb.d/*; do
        # shellcheck source=/dev/null
        case $script in
        *.sh) if [ -x "$script" ]; then "$script"; else . "$script"; fi ;;
        *.sql) "${client[@]}" <"$script" ;;
        *.sql.gz) gunzip -c "$script" | "${client[@]}" ;;
        esac
    done
    mariadb-admin --user=root shutdown
    wait "$server"
    unset MYSQL_PWD
}

case ${1-} in -*) set -- mariadbd "$@" ;; esac
case ${1-} in mariadbd | mysqld) ;; *) exec "$@" ;; esac
for argument in "$@"; do
    case $argument in --version | -V | --help | '-?' | --verbose) exec "$@" ;; esac
done

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$DATA" /run/mysqld
    find "$DATA" /run/mysqld \! -user mysql -exec chown mysql:mysql {} +
    exec gosu mysql "$0" "$@"
fi

# the folder .set-up says that an earlier first start was cut off
if [ ! -d "$DATA/mysql" ] || [ -d "$DATA/.set-up" ]; then
    for variable in ROOT_PASSWORD ROOT_HOST DATABASE USER PASSWORD; do from_file "$variable"; done
    if [ -z "$MARIADB_ROOT_PASSWORD" ]; then
        echo 'Error: the database is not set up and MARIADB_ROOT_PASSWORD is empty.' >&2
        exit 1
    fi
    HEALTH_PASSWORD=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    rm -rf "${DATA:?}"/*
    mkdir -p "$DATA/.set-up"
    mariadb-install-db --no-defaults --datadir="$DATA" --auth-root-authentication-method=normal --skip-test-db \
        --skip-name-resolve --cross-bootstrap >/dev/null
    statements | "$1" --bootstrap --skip-networking --datadir="$DATA"
    printf '[mariadb-client]\nport=3306\nsocket=/run/mysqld/mysqld.sock\nuser=healthcheck\npassword=%s\n' "$HEALTH_PASSWORD" \
        >"$DATA/.my-healthcheck.cnf"
    chmod 600 "$DATA/.my-healthcheck.cnf"
    if compgen -G '/docker-entrypoint-initdb.d/*' >/dev/null; then own_scripts "$@"; fi
    rmdir "$DATA/.set-up"
    echo 'MariaDB init process done. Ready for start up.'
fi
exec "$@"
