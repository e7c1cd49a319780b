# shellcheck shell=bash disable=SC2034 # names set here are for those who source this
# What the testbed's scripts share: where things are. Sourced, never run.
#
# The testbed is a little machine of its own inside this one: own network, mounts, processes, host name and /run
# (Linux namespaces, held open by one process). In it run a Docker engine and a registry that stands in for docker.io.
# It has no way out: no route, no name service. Nothing in it can touch, or be touched by, a Docker that was here
# before; ports that are taken on this machine are free in it; and when the holder ends, everything in it is gone.

. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

# more than one can be up beside each other: ORBITR_TESTBED names another one than the first
TESTBED=$ROOT/target/testbed${ORBITR_TESTBED:+-$ORBITR_TESTBED}
IMAGES_STORE=$ROOT/target/testbed/registry   # what all registries serve
RUN=$TESTBED/run          # sockets, pid files; made anew by `up`
LOGS=$TESTBED/logs
REGISTRY=127.0.0.1:5000   # inside
SOCKET=$RUN/docker.sock
REGISTRY_PROGRAM=$CACHE/docker-registry/usr/bin/docker-registry
CGROUP=/orbitr-testbed-$(printf '%s' "$TESTBED" | sha256sum | cut -c 1-8)
ENTER=$ROOT/tests/testbed/enter   # works inside and outside

inside() { [ "$(cat /run/orbitr-testbed 2>/dev/null)" = "$TESTBED" ]; }
holder() { pid_from "$RUN/holder.pid"; }
# go_inside ARGUMENT...: runs the calling script again inside the testbed, unless it is there already, so that the pids
# it writes and reads are the testbed's own.
go_inside() {
    inside && return
    holder >/dev/null || die "the testbed is not up; start it with tests/testbed/up"
    exec "$ENTER" "$0" "$@"
}

# wait_for SECONDS WHAT COMMAND...
wait_for() {
    local tries=$(($1 * 10)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$tries" -gt 0 ] || { warn "$what did not come up"; return 1; }
        tries=$((tries - 1))
        sleep 0.1
    done
}

# Debian's docker-registry, unpacked beside the system, once.
fetch_registry() {
    [ ! -x "$REGISTRY_PROGRAM" ] || return 0
    say "Fetching the registry"
    rm -rf "$CACHE/docker-registry" "$CACHE/docker-registry.new"
    (private_apt && unpack_packages "$CACHE/docker-registry.new" docker-registry)
    mv "$CACHE/docker-registry.new" "$CACHE/docker-registry"
}
