"""A box in use, as stories about its hard days need it: claimed, with a database that has a row, and a file that root keeps."""

import http.client
import os
import subprocess
import time

from machine import PASSWORD, PATIENCE, Box, Machine, TookTooLong

DATABASE_PASSWORD = "a-database-password"
# What a box that is down, or on its way, answers with.
AWAY = (OSError, ValueError, AssertionError, http.client.HTTPException)


def until(what, holds, seconds=300, pause=2):
    """Waits until this holds, and answers what it answered; what cannot be asked at the moment does not hold."""
    deadline = time.monotonic() + seconds * PATIENCE
    last = None
    while time.monotonic() < deadline:
        try:
            if found := holds():
                return found
        except AWAY as error:
            last = error
        time.sleep(pause)
    raise TookTooLong(f"{what} ({last})")


class InUse:
    """The machine, its owner's browser, and what they would miss."""

    def __init__(self, name, image, *options):
        self.machine = Machine(name, image, forward=(443, 80, 5432))
        self.options = options
        self.box = None

    def begin(self):
        """From flashing to rows."""
        self.machine.start(*self.options, fresh=True)
        code, fingerprint = self.machine.menu()
        Box(self.machine, fingerprint).make_data(code)
        code, fingerprint = self.machine.menu()
        self.box = Box(self.machine, fingerprint)
        self.box.ask("POST", "/api/v1/claim", {"code": code, "username": "ada", "password": PASSWORD})
        self.machine.run("echo precious >/var/lib/orbitr-system/kept && sync")
        self.machine.run("systemctl is-active docker.service || systemctl start docker.service", seconds=120)
        wanted = {"extension": "official/postgresql", "inputs": {"password": DATABASE_PASSWORD}}
        started = self.box.ask("POST", "/api/v1/projects/home/apps", wanted)
        self.box.wait_for_job(started["job"], seconds=300)
        self.psql("CREATE TABLE kept (line text); INSERT INTO kept VALUES ('still here')")
        self.machine.run("sync")
        self.before = self.told()
        return self

    def start(self, *options):
        return self.machine.start(*self.options, *options)

    def psql(self, statement):
        command = ["psql", "-h", "127.0.0.1", "-p", str(self.machine.ports[5432]), "-U", "app", "-d", "app", "-Atc", statement]
        done = subprocess.run(
            command, env={**os.environ, "PGPASSWORD": DATABASE_PASSWORD, "PGCONNECT_TIMEOUT": "60"},
            capture_output=True, text=True, timeout=120 * PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def told(self):
        """What the box says of itself to the session that was opened when it was claimed, and what must never change."""
        apps = [(app["id"], app["name"], app["version"], app["wanted"]) for app in self.box.ask("GET", "/api/v1/apps")]
        return {
            "box": self.box.ask("GET", "/api/v1/box/settings")["id"],
            "owner": self.box.ask("GET", "/api/v1/me")["user"]["username"],
            "apps": apps,
            "machine": self.machine.run("cat", "/etc/machine-id"),
            "kept": self.machine.run("cat", "/var/lib/orbitr-system/kept"),
        }

    def is_intact(self, seconds=300):
        """Session, state, app and row, as they were: answers what it is of these that is not."""
        until("the app is not up again", self.app_is_up, seconds)
        now = self.told()
        lost = {key: (value, now[key]) for key, value in self.before.items() if now[key] != value}
        row = self.psql("SELECT line FROM kept")
        return lost or (None if row == "still here" else row)

    def app_is_up(self):
        (app,) = self.box.ask("GET", "/api/v1/apps")
        return app["status"]["state"] == "running"

    def updates(self):
        return self.box.ask("GET", "/api/v1/box/updates")

    def look_for_updates(self, address=None):
        """Has it look at this source, or once more at the one that it has; answers what it knows then."""
        if address:
            self.box.ask("PATCH", "/api/v1/box/updates/settings", {"source": address})
        self.box.wait_for_job(self.box.ask("POST", "/api/v1/box/updates/check", {})["job"])
        return self.updates()

    def restart_into(self, version, address, seconds=600):
        """Has it go to this version, restart included."""
        updates = self.look_for_updates(address)
        assert updates["offer"] and updates["offer"]["version"] == version, updates
        self.machine.forget_console()
        job = self.box.ask("POST", "/api/v1/box/updates/install", {"restart": True})["job"]
        try:
            self.box.wait_for_job(job, seconds)
        except (OSError, http.client.HTTPException):
            pass  # the machine went down for its restart before the job could be asked about again
