#!/usr/bin/env bash
# Starts Valkey the way users of the upstream image expect: options or a .conf file alone mean valkey-server, which
# owns /data and runs as user valkey; anything else is run as it is.
set -euo pipefail

case ${1-} in -* | *.conf) set -- valkey-server "$@" ;; esac
if [ "${1-}" != valkey-server ]; then exec "$@"; fi

if [ "$(id -u)" = 0 ]; then
    find . \! -user valkey -exec chown valkey:valkey {} +
    exec gosu valkey "$0" "$@"
fi

# files of the database are nobody else's business
umask 0077
# upstream's server is built with protected mode off: a container's network is its fence
case " $* " in *" --protected-mode "* | *.conf*) ;; *) set -- "$@" --protected-mode no ;; esac
# shellcheck disable=SC2086 # a list of words
exec "$@" ${VALKEY_EXTRA_FLAGS-}
