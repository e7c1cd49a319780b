"""What becomes of a PostgreSQL while it is updated, and of 10 GB of data: on btrfs, as on the appliance, in a file.

Beside it runs the same PostgreSQL from the same Compose file, which nobody looks after.
"""

import json
import os
import shutil
import socket
import statistics
import struct
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from rig import ROOT, Box, compose, docker, load, say

IMAGE = "postgres:17.9"
GIB = 1 << 30
BALLAST = 10 * GIB
# The disk keeps so much besides.
RESERVE = 6 * GIB
FILE = 1 << 20
ROWS = 10_000


@contextmanager
def btrfs(folder):
    """A new btrfs in a file, mounted; answers with the folder and how many bytes of ballast it takes."""
    room = shutil.disk_usage(folder).free - RESERVE
    ballast = max(min(BALLAST, room), 0) // FILE * FILE
    disk, at = Path(folder, "disk"), Path(folder, "at")
    at.mkdir()
    with open(disk, "wb") as file:
        file.truncate(ballast + 4 * GIB)
    subprocess.run(["mkfs.btrfs", "--quiet", disk], check=True, capture_output=True)
    subprocess.run(["mount", "-o", "loop,noatime", disk, at], check=True)
    try:
        yield at, ballast
    finally:
        subprocess.run(["umount", "--lazy", at], check=True)


class Caller(threading.Thread):
    """Asks a PostgreSQL every 20 ms whether it takes somebody in, as its users do, and notes when it did."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.goes_on, self.answers = port, True, []
        words = b"user\0app\0database\0app\0\0"
        self.hello = struct.pack("!ii", 8 + len(words), 3 << 16) + words

    def answered(self):
        """An R asks for the password; whoever is not ready says E, or nothing."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=0.3) as line:
                line.sendall(self.hello)
                return line.recv(1) == b"R"
        except OSError:
            return False

    def run(self):
        while self.goes_on:
            if self.answered():
                self.answers.append(time.monotonic())
            time.sleep(0.02)

    def end(self):
        self.goes_on = False
        self.join()

    def outage(self):
        """Seconds of the longest silence."""
        return max(after - before for before, after in zip(self.answers, self.answers[1:]))

    def wait(self, since, limit=120):
        """The first answer after this moment."""
        while time.monotonic() < since + limit:
            if later := [answer for answer in list(self.answers) if answer > since]:
                return later[0]
            time.sleep(0.01)
        raise SystemExit(f"port {self.port} does not answer within {limit} s")


@contextmanager
def calling(port):
    caller = Caller(port)
    caller.start()
    try:
        yield caller
    finally:
        caller.end()


def manifest(version, **changes):
    """The official extension under another version, with lines that are replaced."""
    text = (ROOT / "extensions/catalog/postgresql/extension.yaml").read_text()
    assert 'version: "17.9"' in text
    text = text.replace('version: "17.9"', f'version: "17.9.{version}"')
    for old, new in changes.values():
        assert old in text, old
        text = text.replace(old, new)
    # (its documents are the official one's own)
    return "\n".join(line for line in text.splitlines() if not line.startswith("  docs:")) + "\n"


class Server:
    """The app, and the bare one beside it."""

    def __init__(self, box, at):
        self.box, self.at, self.version = box, Path(at), 1
        box.publish("postgresql", manifest(1))
        box.start()
        box.claim()
        started = box.ask("POST", "/api/v1/projects/home/apps", {"extension": "local/postgresql"})
        box.wait_for(started["job"])
        self.app = started["app"]
        self.port = self.shown()["endpoints"][0]["port"]
        self.sql(f"CREATE TABLE shelf AS SELECT n, repeat('a book ', 20) FROM generate_series(1, {ROWS}) AS n")

    def shown(self):
        return self.box.ask("GET", f"/api/v1/apps/{self.app}")

    def folder(self):
        return self.box.state / "box/apps" / self.app

    def sql(self, text):
        """Inside the container, where no password is asked for."""
        container = f"orbitr-{self.app}-db-1"
        return docker("exec", container, "psql", "-U", "app", "-d", "app", "-Atc", text)

    def whole(self):
        """Every row is there; else nothing here is worth a number."""
        found = self.sql("SELECT count(*) FROM shelf")
        if found != str(ROWS):
            raise SystemExit(f"{found} of {ROWS} rows are left")

    def publish(self, **changes):
        self.version += 1
        self.box.publish("postgresql", manifest(self.version, **changes))
        self.box.stop()
        self.box.start()
        # Docker's first list is in, and the caretaker has looked
        while self.shown()["status"]["state"] != "running":
            time.sleep(0.05)

    def asks(self, what, body):
        return self.box.ask("POST", f"/api/v1/apps/{self.app}/{what}", body)["job"]

    def updated(self):
        """Seconds of outage in an update."""
        self.publish()
        with calling(self.port) as caller:
            caller.wait(time.monotonic())
            self.box.wait_for(self.asks("update", {}))
            caller.wait(time.monotonic())
        self.whole()
        return caller.outage()

    def comes_back(self):
        """An update that never answers; seconds from the decision to go back until the old version answers again."""
        # what is asked to end does not, as many a service whose author never thought of it
        hangs = "    image: postgres:17.9\n    entrypoint: [sleep, infinity]\n"
        self.publish(hangs=("    image: postgres:17.9\n", hangs), grace=("grace: 2m", "grace: 3s"))
        with calling(self.port) as caller:
            job, decided = self.asks("update", {}), None
            for found in self.box.watch(job):
                if decided is None and found["state"] == "undoing":
                    decided = time.monotonic()
            if found["state"] != "failed" or decided is None:
                raise SystemExit(f"an update that never answers ended {found['state']}")
            answered = caller.wait(decided)
        self.whole()
        return answered - decided

    def bare(self):
        """The same files without the box: another project, port and folder for the data, none of our labels."""
        folder = self.folder() / "current"
        files = ["-f", folder / "compose.yaml", "-f", folder / "orbitr.override.json", "--env-file", folder / ".env"]
        told = json.loads(compose("--project-directory", folder.resolve(), *files, "config", "--format", "json"))
        told["name"] = "bare"
        text = json.dumps(told).replace(str(self.folder().resolve() / "data"), str(self.at / "bare"))
        told = json.loads(text)
        for part in (*told["services"].values(), *told.get("networks", {}).values(), *told.get("volumes", {}).values()):
            part["labels"] = {k: v for k, v in (part.get("labels") or {}).items() if not k.startswith("io.orbitr")}
        for kind in ("networks", "volumes"):
            for part in told.get(kind, {}).values():
                part.pop("name", None)
        return Bare(self.at, told)


class Bare:
    def __init__(self, at, told):
        self.file, self.told, self.change = at / "bare.json", told, 0
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (service,) = told["services"].values()
        service["ports"][0]["published"] = str(self.port)
        for volume in service["volumes"]:
            if volume["type"] == "bind":
                Path(volume["source"]).mkdir(parents=True)
        self.up()

    def __enter__(self):
        with calling(self.port) as caller:
            caller.wait(time.monotonic())
        return self

    def __exit__(self, *_):
        compose("-f", self.file, "down", "--volumes", "-t", "5")

    def up(self):
        (service,) = self.told["services"].values()
        service["labels"] = {**service.get("labels", {}), "change": str(self.change)}
        self.file.write_text(json.dumps(self.told))
        compose("-f", self.file, "up", "-d", "--pull", "never")

    def updated(self):
        """Seconds of outage when its file has changed."""
        self.change += 1
        with calling(self.port) as caller:
            caller.wait(time.monotonic())
            self.up()
            caller.wait(time.monotonic())
        return caller.outage()

    def starts(self):
        """Seconds that it takes by itself from its start to its first answer."""
        name = compose("-f", self.file, "ps", "-q").strip()
        docker("stop", name)
        with calling(self.port) as caller:
            begun = time.monotonic()
            docker("start", name)
            return caller.wait(begun) - begun


def weigh_down(folder, size):
    """So many bytes of data, in files of 1 MiB of which no two are alike."""
    say(f"writing {size / GIB:.1f} GiB of data")
    book = bytearray(os.urandom(FILE))
    for number in range(size // FILE):
        shelf = folder / str(number // 256)
        if number % 256 == 0:
            shelf.mkdir(parents=True)
        book[:8] = struct.pack("!Q", number)
        (shelf / str(number)).write_bytes(book)
    os.sync()


def step_seconds(job, name):
    (step,) = [step for step in job["steps"] if step["name"] == name]
    begun, ended = (datetime.fromisoformat(step[key].replace("Z", "+00:00")) for key in ("started", "ended"))
    return (ended - begun).total_seconds()


def snapshots(server, rounds):
    """Seconds that a change takes to keep the data, and a roll-back to have it as it was."""
    kept, back = [], []
    for _ in range(rounds):
        server.publish()
        before = server.shown()["release"]["number"]
        kept.append(step_seconds(server.box.wait_for(server.asks("update", {})), "snapshot"))
        ended = server.box.wait_for(server.asks("roll-back", {"release": before, "data": "then"}))
        back.append(step_seconds(ended, "data"))
        server.whole()
    return statistics.median(kept), statistics.median(back)


def measure(program, rounds):
    rounds = max(rounds, 3)
    docker("pull", "--quiet", IMAGE)
    with tempfile.TemporaryDirectory(prefix="orbitr-bench-", dir="/var/tmp") as folder, btrfs(folder) as (at, ballast):
        with Box(program, at) as box:
            server = Server(box, at)
            say("updating PostgreSQL, and a bare one")
            ours, theirs, comes_back, starts = [], [], [], []
            with server.bare() as bare:
                for _ in range(rounds):
                    ours.append(server.updated())
                    theirs.append(bare.updated())
                weigh_down(server.folder() / "data/ballast", ballast)
                say("snapshots")
                kept, back = snapshots(server, rounds)
                say("updates that fail")
                for _ in range(rounds):
                    comes_back.append(server.comes_back())
                    starts.append(bare.starts())
            busy = load()
    ours, theirs, start = (statistics.median(all) for all in (ours, theirs, starts))
    size = f"{ballast / GIB:.1f} GiB"
    return [
        ("PostgreSQL, outage in a bare compose up of a changed file", theirs, "s", None),
        ("PostgreSQL, outage in an update", ours, "s", None),
        ("PostgreSQL, outage in an update, ratio to bare", ours / theirs, "x", 1.2),
        (f"snapshot of {size} on btrfs", kept, "s", 0.5),
        (f"return to a snapshot of {size} on btrfs", back, "s", 2),
        ("PostgreSQL, its own start", start, "s", None),
        (f"failed update with {size}, decision until the old version answers", statistics.median(comes_back), "s",
         round(5 + start, 3)),
        ("load on each core meanwhile", busy, "x", None),
    ]
