#!/usr/bin/env bash
# Upstream's health check, as far as extensions use it: each option is something that must be so.
set -euo pipefail

FILE=/var/lib/mysql/.my-healthcheck.cnf

# over TCP: the server of the set-up answers on its socket only
ask() { mariadb "--defaults-extra-file=$FILE" --protocol=tcp --host=127.0.0.1 --skip-column-names --batch --execute="$1"; }

[ $# -gt 0 ] || { echo 'nothing to check' >&2; exit 1; }
for option in "$@"; do
    case $option in
    --connect) [ "$(ask 'SELECT 1')" = 1 ] ;;
    --innodb_initialized)
        # without a right to anything, the list has what everybody may know
        [ "$(ask "SELECT 1 FROM information_schema.ENGINES WHERE engine = 'innodb' AND support IN ('YES', 'DEFAULT')")" = 1 ]
        ;;
    *) echo "unknown: $option" >&2; exit 1 ;;
    esac
done
