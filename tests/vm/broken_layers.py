"""Files that are laid over a version of the system to break it, each as a real release could be broken."""

import shutil
from pathlib import Path

from release import WORK

UNITS = "usr/lib/systemd/system"
LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")


class Layer:
    """A folder for `scripts/image --overlay`."""

    def __init__(self, name):
        self.folder = WORK / f"{name}-layer"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def file(self, path, text, mode=0o644):
        to = self.folder / path
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text)
        to.chmod(mode)
        return self

    def unit(self, name, text, wanted_by="multi-user.target"):
        wants = self.folder / UNITS / f"{wanted_by}.wants"
        wants.mkdir(parents=True, exist_ok=True)
        (wants / name).symlink_to(f"../{name}")
        return self.file(f"{UNITS}/{name}", text)

    def seconds(self, name, value):
        """One of the image's own settings for tests (overlays/image/README.md)."""
        return self.file(f"usr/lib/orbitr/updates/{name}", f"{value}\n")


def does_not_boot(name):
    """Its first process ends at once, and the kernel with it."""
    return Layer(name).file("usr/lib/systemd/systemd", "#!/bin/sh\nexit 1\n", 0o755)


def crashes(name):
    """The supervisor is killed by a signal before it has said that it is ready, at every start."""
    dropin = "[Service]\nExecStart=\nExecStart=/bin/sh -c 'kill -ABRT $$$$'\n"
    return Layer(name).file(f"{UNITS}/orbitr.service.d/90-crashes.conf", dropin)


def breaks_docker(name):
    """Docker is given settings that it cannot read."""
    return Layer(name).file("etc/docker/daemon.json", '{"log-driver": \n')


def hangs_early(name):
    """Something that everything waits for never ends; the first process is well."""
    unit = """[Unit]
DefaultDependencies=no
Before=basic.target
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/usr/bin/sleep infinity
"""
    return Layer(name).unit("hangs.service", unit, "basic.target").seconds("gate-deadline", 90)


def freezes(name):
    """The first process itself stops for good, as systemd does after a fault of its own: only hardware is left to help.

    The watchdog's time is a shorter one, and it waits until systemd has found the watchdog.
    """
    unit = """[Unit]
Before=boot-complete.target
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/usr/lib/freezes
"""
    script = '#!/bin/sh\nuntil [ "$(cat /sys/class/watchdog/watchdog0/state)" = active ]; do sleep 1; done\nkill -SEGV 1\n'
    layer = Layer(name).file("usr/lib/freezes", script, 0o755).unit("freezes.service", unit)
    return layer.file("usr/lib/systemd/system.conf.d/90-freezes.conf", "[Manager]\nRuntimeWatchdogSec=60s\n")


def migrates_wrongly(name):
    """A new schema whose migration loses a table.

    The program is of the schema before, so what a newer one would do is done by a script: it writes the copy under the name
    of the next schema, where an older version finds it later, and this version's supervisor works with that copy.
    """
    layer = Layer(name)
    here = layer.folder / "usr/lib/migrates-wrongly"
    here.mkdir(parents=True)
    shutil.copy("/usr/bin/sqlite3", here)
    for library in ("libsqlite3.so.0", "libreadline.so.8", "libtinfo.so.6"):
        shutil.copy((LIBRARIES if (LIBRARIES / library).exists() else Path("/lib/x86_64-linux-gnu")) / library, here)
    script = """#!/bin/sh -e
cd /var/lib/orbitr/db
seen=/run/migrates-wrongly/db
mkdir -p "$seen"
[ -z "$(ls "$seen")" ] || exit 0
newest=$(ls | sed -n 's/^orbitr-v[0-9]*\\.\\([0-9]*\\)\\.sqlite$/\\1 &/p' | sort -n | tail -n 1)
generation=$((${newest%% *} + 1)) from=${newest#* }
schema=${from#orbitr-v}
schema=${schema%%.*}
to=orbitr-v$((schema + 1)).$generation.sqlite
sql() { LD_LIBRARY_PATH=/usr/lib/migrates-wrongly /usr/lib/migrates-wrongly/sqlite3 "$@"; }
sql "$from" ".backup $to"
sql "$to" "PRAGMA foreign_keys = OFF; DROP TABLE session; PRAGMA wal_checkpoint(TRUNCATE);"
rm -f "$to-wal" "$to-shm"
cp "$to" "$seen/orbitr-v$schema.$generation.sqlite"
chown -R orbitr:orbitr "$seen" .
chmod 700 "$seen"
"""
    layer.file("usr/lib/migrates-wrongly/migrate", script, 0o755)
    dropin = """[Service]
ExecStartPre=+/usr/lib/migrates-wrongly/migrate
BindPaths=-/run/migrates-wrongly/db:/var/lib/orbitr/db
"""
    return layer.file(f"{UNITS}/orbitr.service.d/90-migrates-wrongly.conf", dropin)


def breaks_an_app(name):
    """Nobody reaches the database any more, from the box or from outside; everything else is well."""
    rules = """table inet breaks {
    chain from_here { type filter hook output priority -300; tcp dport 5432 reject with tcp reset; }
    chain through { type filter hook forward priority -300; tcp dport 5432 reject with tcp reset; }
}
"""
    unit = """[Unit]
Before=docker.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f /usr/lib/breaks-an-app.nft
"""
    layer = Layer(name).file("usr/lib/breaks-an-app.nft", rules).unit("breaks-an-app.service", unit)
    # five minutes as delivered
    return layer.seconds("apps-grace", 30)
