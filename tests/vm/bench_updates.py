"""What an update of the system costs its owner: how long nothing is served, and how long a broken version takes to come back.

Part of bench.py: the same machine, the same run, so that what is compared is only what differs.
"""

import time

from machine import PASSWORD, PATIENCE, Box, Machine, TookTooLong
from registry import Registry
from release import WORK, Served, broken_pages, make, version_of


def until(machine, what, holds, seconds=600):
    """Waits until this holds on the machine; answers when. What cannot be asked yet does not hold."""
    deadline = time.monotonic() + seconds * PATIENCE
    while time.monotonic() < deadline:
        try:
            if holds():
                return time.monotonic()
        except (OSError, ValueError, AssertionError):
            pass
        time.sleep(0.5)
    raise TookTooLong(f"{machine.name}: {what}")


class Measured:
    """A box with an app, and two versions for it to go to."""

    def __init__(self, image, answers, handed_over):
        self.answers, self.handed_over = answers, handed_over
        self.registry, self.server = Registry(), Served()
        self.machine = Machine("bench-updates", image)
        first = version_of(image)
        self.next, self.broken = f"{first}.1", f"{first}.2"
        WORK.mkdir(parents=True, exist_ok=True)
        make(self.next, "next")
        make(self.broken, "broken", "--overlay", broken_pages())

    def close(self):
        self.machine.cut_power()
        self.server.shutdown()
        self.registry.stop()

    def claim(self):
        self.machine.start(*self.registry.credential(), fresh=True)
        self.machine.wait_ready()
        code, fingerprint = self.machine.menu()
        Box(self.machine, fingerprint).make_data(code)
        code, fingerprint = self.machine.menu()
        self.box = Box(self.machine, fingerprint)
        self.box.ask("POST", "/api/v1/claim", {"code": code, "username": "ada", "password": PASSWORD})
        self.machine.wait_ready()
        started = self.box.ask("POST", "/api/v1/projects/home/apps", {"extension": "official/postgresql", "inputs": {}})
        self.box.wait_for_job(started["job"])
        self.app_is_healthy(None)

    def app_is_healthy(self, not_boot):
        line = "docker ps --filter health=healthy --quiet | grep -q ."
        return until(self.machine, "the app is not healthy", lambda: self.machine.boot_id() != not_boot and self.machine.succeeds(line))

    def restarts(self):
        """The machine goes down by itself, or because it is told to here; answers seconds until the app is healthy again."""
        before = self.machine.boot_id()
        began = time.monotonic()
        self.machine.agent("guest-shutdown", {"mode": "reboot"}, answer=False)
        return self.app_is_healthy(before) - began

    def install(self, source):
        self.box.ask("PATCH", "/api/v1/box/updates/settings", {"source": self.server.address(source)})
        self.box.wait_for_job(self.box.ask("POST", "/api/v1/box/updates/check", {})["job"])
        self.box.wait_for_job(self.box.ask("POST", "/api/v1/box/updates/install", {})["job"], seconds=600)

    def comes_back(self):
        """Seconds from the loader's start of the broken version to the page of the one before."""
        self.machine.forget_console()
        self.machine.agent("guest-shutdown", {"mode": "reboot"}, answer=False)
        begun = self.handed_over(self.machine)
        until(
            self.machine, "the broken version did not come back",
            lambda: self.machine.succeeds(f"test -e /boot/orbitr/failed/{self.broken}.json") and self.box.ask("GET", "/api/v1/box/updates")["running"] == self.next,
        )
        return time.monotonic() - begun

    def plain_boot(self):
        """Seconds from the loader's start to the page."""
        self.machine.forget_console()
        self.machine.agent("guest-shutdown", {"mode": "reboot"}, answer=False)
        begun = self.handed_over(self.machine)
        return self.answers(self.machine) - begun


def updates(image, answers, handed_over):
    """Rows of what an update costs."""
    measured = Measured(image, answers, handed_over)
    try:
        measured.claim()
        measured.restarts()
        plain = measured.restarts()
        measured.install("next")
        update = measured.restarts()
        boot = measured.plain_boot()
        measured.install("broken")
        back = measured.comes_back()
    finally:
        measured.close()
    return [
        ("restart of a box with an app, until it is healthy", plain, "s", None),
        ("update: the same restart into the next version", update, "s", None),
        ("update: ratio to the plain restart", update / plain, "x", 1.2),
        ("hand-over to page", boot, "s", None),
        ("a version that answers 500: from its start to the page of the one before", back, "s", None),
        ("return: ratio to a plain boot", back / boot, "x", 2.5),
    ]
