#!/usr/bin/env bash
# The testbed's first process (PID 1 in its namespaces): lays out the little machine, says ready, and holds it open.
# Run by `up`, never by hand.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

hostname testbox

# a /run of our own, so that no containerd, Docker socket or resolver of the host is seen; keep the way to the name
# service file, which is often a link into /run
resolv=$(readlink -m /etc/resolv.conf)
mount -t tmpfs -o mode=755,size=256m tmpfs /run
mkdir -p /run/lock "$(dirname "$resolv")"
[ -e "$resolv" ] || : >"$resolv"

# /sys shows the network devices of the namespace it was mounted in; cgroups are carried over
mkdir /run/cgroup
mount --rbind /sys/fs/cgroup /run/cgroup
mount -t sysfs sysfs /sys
mount --rbind /run/cgroup /sys/fs/cgroup
umount --recursive --lazy /run/cgroup
rmdir /run/cgroup

# names: ourselves and nobody else. The engine asks for docker.io's address before it asks its mirror; here the answer
# is an immediate "no" and the mirror is used
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost\n10.77.0.1 testbox testbox.local\n' >"$RUN/hosts"
printf 'nameserver 127.0.0.1\noptions attempts:1 timeout:1\n' >"$RUN/resolv.conf"
mount --bind "$RUN/hosts" /etc/hosts
mount --bind "$RUN/resolv.conf" "$resolv"

# the loopback, and a network card with an address, as a machine at home has one; its cable ends in this machine
ip link set lo up
ip link add lan0 type veth peer name cable0
ip address add 10.77.0.1/24 dev lan0
ip link set lan0 up
ip link set cable0 up

printf '%s\n' "$TESTBED" >/run/orbitr-testbed
: >"$RUN/ready"
trap 'exit 0' TERM INT
# bash, as PID 1, reaps the orphans of the containers' shims while it waits
sleep infinity &
wait $!
