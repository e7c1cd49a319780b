"""The image keeps its promises: booted in QEMU as it is flashed, seen through its console, its network and its agent.

    tests/vm/run            boots of the image and what must be true then
    tests/vm/run --all      also what takes hours: power cuts, disks that are missing, doubled or full, wrong clocks

Each class is one machine and one story; its tests are the story's chapters, in order. After one has failed, those that
need it are skipped.
"""

import http.client
import json
import os
import re
import subprocess
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from machine import PASSWORD, PATIENCE, ROOT, Box, Machine
from registry import Registry
from release import WORK, Served, broken_pages, make, version_of

IMAGE = Path(os.environ["ORBITR_VM_IMAGE"])
# Whoever waits for the first start, which is the hardest work of all, looks for this (tests/vm/run).
OVER = ROOT / "target/vm/first-start-is-over"
# What may listen on a box without apps, as docs/image.md lists it: protocol, port, and whether only to the box itself.
DOCUMENTED_PORTS = {
    ("tcp", 80, "all"),
    ("tcp", 443, "all"),
    ("udp", 68, "all"),
    ("udp", 546, "all"),
    ("udp", 5353, "all"),
    ("tcp", 53, "box"),
    ("udp", 53, "box"),
}
MAY_BE_ABSENT = {("udp", 68, "all"), ("udp", 546, "all")}


class Story(unittest.TestCase):
    """Chapters run in the order in which they are written; the first failure ends the story."""

    broken = None

    def setUp(self):
        if type(self).broken:
            self.skipTest(f"because «{type(self).broken}» failed")

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        began = time.monotonic()
        outcome = super().run(result)
        print(f"    ({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)
        if len(result.failures) + len(result.errors) > before and not type(self).broken:
            type(self).broken = self._testMethodName
        return outcome


class FromFlashingToRows(Story):
    """A box is flashed, started, claimed with the code from its screen, and runs a database; it goes to the next version of the
    system with all of that, and comes back by itself from one that is broken."""

    @classmethod
    def setUpClass(cls):
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.stop)
        cls.machine = Machine("promises", IMAGE, forward=(443, 80, 5432))
        cls.addClassCleanup(cls.machine.cut_power)
        cls.machine.start(*cls.registry.credential(), fresh=True)
        cls.first = version_of(IMAGE)
        cls.next, cls.broken_one = f"{cls.first}.1", f"{cls.first}.2"
        cls.server = Served()
        cls.addClassCleanup(cls.server.shutdown)

    def psql(self, statement):
        command = ["psql", "-h", "127.0.0.1", "-p", str(self.machine.ports[5432]), "-U", "app", "-d", "app", "-Atc", statement]
        done = subprocess.run(
            command, env={**os.environ, "PGPASSWORD": "a-database-password", "PGCONNECT_TIMEOUT": "60"},
            capture_output=True, text=True, timeout=120 * PATIENCE,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def test_01_the_console_shows_where_the_box_is_and_its_setup_code(self):
        code, fingerprint = self.machine.menu()
        self.assertRegex(code, r"^[0-9A-Z]{4}(-[0-9A-Z]{4})+$")
        self.assertEqual(len(fingerprint), 64)
        self.machine.wait_on_screen(r"https://10\.0\.2\.15")

    def test_02_everything_that_was_to_start_has_started(self):
        state = self.machine.wait_ready()
        failed = self.machine.run("systemctl --failed --no-legend --plain")
        self.assertEqual((state, failed.strip()), ("running", ""))

    def test_03_nothing_is_mounted_or_formatted_before_the_owner_has_spoken(self):
        self.assertFalse(self.machine.succeeds("mountpoint -q /var/lib/orbitr"))
        self.assertFalse(self.machine.succeeds("test -e /boot/orbitr/data"))
        types = self.machine.run("lsblk --noheadings --raw --output PARTTYPE /dev/sda").split()
        self.assertEqual(len(types), 3, "ESP, root and verity, and nothing else")

    def browse(self, half, code):
        """A half of the wizard, in a real browser (tests/vm/wizard.mjs)."""
        url = f"https://127.0.0.1:{self.machine.ports[443]}"
        done = subprocess.run(
            ["node", ROOT / "tests/vm/wizard.mjs", half, url, code, str(PATIENCE)], capture_output=True, text=True, timeout=300 * PATIENCE,
        )
        if done.returncode:
            seen = self.machine.run("systemctl list-jobs --no-pager; uptime; journalctl --no-pager --lines=80 --output=short-monotonic", check=False)
            self.fail(f"{done.stderr}\n{seen}")
        return done.stdout

    def test_04_the_data_partition_is_made(self):
        code, fingerprint = self.machine.menu()
        box, before = Box(self.machine, fingerprint), self.machine.main_pid()
        self.browse("data", code)
        box.wait_for_data(code, before)
        for folder in ["orbitr", "orbitr-system", "systemd", "docker", "containerd"]:
            self.assertTrue(self.machine.succeeds(f"mountpoint -q /var/lib/{folder}"), folder)
        self.assertTrue(self.machine.succeeds("mountpoint -q /var/log"))
        record = self.machine.run("cat", "/boot/orbitr/data").strip()
        self.assertTrue(self.machine.succeeds(f"test -b /dev/disk/by-partuuid/{record}"))

    def test_05_it_is_claimed_with_that_code_and_checked_by_that_fingerprint(self):
        code, fingerprint = self.machine.menu()
        type(self).box = Box(self.machine, fingerprint)
        refused = {"code": "AAAA-AAAA", "username": "ada", "password": PASSWORD}
        self.box.ask("POST", "/api/v1/claim", refused, expect=range(400, 500))
        self.box.cookie = json.loads(self.browse("claim", code))["cookie"]
        type(self).id = self.box.ask("GET", "/api/v1/box/settings")["id"]
        OVER.touch()
        # The versions that come later are made while this one is looked at, and not during the first start: two cores are few.
        WORK.mkdir(parents=True, exist_ok=True)
        maker = ThreadPoolExecutor(1)
        self.addClassCleanup(maker.shutdown, cancel_futures=True)
        type(self).next_made = maker.submit(make, self.next, "next")
        type(self).broken_made = maker.submit(make, self.broken_one, "broken", "--overlay", broken_pages())

    def test_06_plain_http_leads_to_https(self):
        done = subprocess.run(
            ["curl", "-sS", "-m", str(30 * PATIENCE), "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", f"http://127.0.0.1:{self.machine.ports[80]}/"],
            capture_output=True, text=True, check=True,
        )
        self.assertRegex(done.stdout, r"^30[78] https://")

    def test_07_a_database_is_installed_and_takes_rows(self):
        self.machine.run("systemctl is-active docker.service || systemctl start docker.service", seconds=120)
        inputs = {"password": "a-database-password"}
        started = self.box.ask("POST", "/api/v1/projects/home/apps", {"extension": "official/postgresql", "inputs": inputs})
        self.box.wait_for_job(started["job"], seconds=300)
        self.psql("CREATE TABLE kept (line text); INSERT INTO kept VALUES ('still here')")
        self.assertEqual(self.psql("SELECT line FROM kept"), "still here")

    def update_to(self, version, source):
        """Has the box go to a version of this source, restart included; answers how far its job was said to be meanwhile."""
        self.box.ask("PATCH", "/api/v1/box/updates/settings", {"source": self.server.address(source)})
        self.box.wait_for_job(self.box.ask("POST", "/api/v1/box/updates/check", {})["job"])
        updates = self.box.ask("GET", "/api/v1/box/updates")
        self.assertEqual(updates["offer"] and updates["offer"]["version"], version, updates)
        self.machine.forget_console()
        job = self.box.ask("POST", "/api/v1/box/updates/install", {"restart": True})["job"]
        seen = {}

        def note(found):
            at = [step["name"] for step in found["steps"] if step["state"] == "running"]
            if at and found["progress"] is not None:
                seen.setdefault(at[0], []).append(found["progress"])

        try:
            self.box.wait_for_job(job, seconds=600, note=note)
        except (OSError, http.client.HTTPException):
            pass  # the machine went down for its restart before the job could be asked about again
        return seen

    def updates(self):
        return self.box.ask("GET", "/api/v1/box/updates")

    def test_08_the_next_version_is_downloaded_and_installed_and_one_sees_how_far_it_is(self):
        type(self).machine_id = self.machine.run("cat", "/etc/machine-id")
        self.next_made.result()
        seen = self.update_to(self.next, "next")
        for step in ("download", "install"):
            self.assertEqual(seen[step], sorted(seen[step]))
            self.assertGreater(len(set(seen[step])), 2, f"one sees how far «{step}» is: {seen}")

    def test_09_it_runs_and_all_is_as_it_was(self):
        self.assertEqual(self.machine.wait_for_version(self.next), "running")
        self.assertEqual(self.machine.run("cat", "/etc/machine-id"), self.machine_id)
        code, fingerprint = self.machine.menu()
        self.assertIsNone(code, "a claimed box has no setup code")
        self.assertEqual(fingerprint, self.box.fingerprint)
        # the session that was signed in before
        self.assertEqual(self.box.ask("GET", "/api/v1/box/settings")["id"], self.id)
        self.machine.run("for _ in $(seq 60); do docker ps | grep -q healthy && exit; sleep 2; done; exit 1", seconds=180)
        self.assertEqual(self.psql("SELECT line FROM kept"), "still here")

    def test_10_the_journal_of_the_first_start_is_there(self):
        boots = json.loads(self.machine.run("journalctl --list-boots --output=json", check=False))
        self.assertGreaterEqual(len(boots), 2)

    def test_11_the_version_that_came_up_is_kept_after_the_gate_and_not_before(self):
        names = set(self.machine.run("ls /boot/EFI/Linux").split())
        self.assertEqual(names, {f"orbitr_{self.first}.efi", f"orbitr_{self.next}.efi"}, "no counter of tries in a name any more")
        order = self.machine.run(
            "for unit in orbitr-health-gate systemd-bless-boot; do systemctl show -P ExecMainExitTimestampMonotonic $unit.service; done"
        ).split()
        self.assertLess(int(order[0]), int(order[1]))
        updates = self.updates()
        self.assertEqual((updates["running"], updates["gate"]["state"], updates["gate"]["counted"]), (self.next, "passed", True))

    def test_12_nothing_has_failed_and_the_kernel_is_as_it_was_built(self):
        self.assertEqual(self.machine.run("systemctl --failed --no-legend --plain").strip(), "")
        self.assertEqual(self.machine.run("cat", "/proc/sys/kernel/tainted").strip(), "0")
        cycles = self.machine.run("journalctl --no-pager --identifier=systemd --grep='ordering cycle' --output=cat || true")
        self.assertEqual(cycles.strip(), "")

    def test_13_the_supervisor_is_nobody_special(self):
        for line in self.machine.run("ps -o user:32=,comm= -C orbitr").strip().splitlines():
            self.assertRegex(line, r"^orbitr(-console)?\s")
        report = self.machine.run("systemd-analyze security --no-pager orbitr.service | tail -n 1")
        self.assertLessEqual(float(re.search(r"([0-9.]+) \w+", report)[1]), 2.0, report)

    def test_14_the_documented_ports_are_open_and_no_others(self):
        found = set()
        for line in self.machine.run("ss --no-header --listening --tcp --udp --numeric --processes").splitlines():
            if "docker-proxy" in line:
                continue  # an app's
            kind, local = line.split()[0], line.split()[4]
            address, port = local.rsplit(":", 1)
            found.add((kind, int(port), "box" if address.startswith(("127.", "[::1]")) else "all"))
        self.assertEqual(found | MAY_BE_ABSENT, DOCUMENTED_PORTS)

    def test_15_the_system_cannot_be_written_to(self):
        for folder in ["/etc", "/usr", "/", "/usr/bin", "/opt"]:
            self.assertFalse(self.machine.succeeds(f"touch {folder}/x"), folder)
        self.assertFalse(self.machine.succeeds("mount -o remount,rw /"))

    def test_16_only_the_listed_units_can_be_started_by_the_supervisor(self):
        def may(verb, unit):
            return self.machine.succeeds(f"runuser -u orbitr -- systemctl --no-ask-password {verb} {unit}")

        self.assertTrue(may("restart", "systemd-timesyncd.service"))
        self.assertFalse(may("start", "systemd-sysext.service"))
        self.assertFalse(may("stop", "orbitr-data.service"))
        self.assertFalse(self.machine.succeeds("runuser -u orbitr -- busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager PowerOff"))
        self.assertFalse(self.machine.succeeds("runuser -u nobody -- systemctl --no-ask-password restart systemd-timesyncd.service"))

    def test_17_a_restart_of_the_supervisor_turns_nobody_away(self):
        refused = []
        before = self.machine.main_pid()
        self.machine.run("systemctl restart --no-block orbitr.service")
        for _ in range(10):
            try:
                self.box.ask("GET", "/healthz", seconds=60)
            except (ConnectionError, AssertionError) as error:
                refused.append(str(error))
        self.assertEqual(refused, [])
        self.assertNotEqual(self.machine.main_pid(), before)

    def test_18_a_hung_supervisor_is_replaced(self):
        before = self.machine.main_pid()
        self.machine.run(f"kill -STOP {before}")
        self.machine.run(
            f"for _ in $(seq 60); do [ $(systemctl show -P MainPID orbitr.service) != {before} ] && "
            "systemctl -q is-active orbitr.service && exit; sleep 2; done; exit 1", seconds=200,
        )
        self.assertIn(b"ok", self.box.ask("GET", "/healthz", seconds=60))

    def test_19_a_version_whose_pages_answer_with_an_error_comes_back_by_itself(self):
        self.broken_made.result()
        before = self.machine.boot_id()
        # until its apps are as healthy as before, a version is the one to go back to
        deadline = time.monotonic() + 300 * PATIENCE
        while self.updates()["proving"] and time.monotonic() < deadline:
            time.sleep(5)
        proved = self.box.ask("GET", "/api/v1/events?action=box.update-proved")["items"]
        self.assertEqual([event["subject"]["name"] for event in proved], [self.next])
        self.update_to(self.broken_one, "broken")
        self.machine.wait_for_version(self.next, returned=self.broken_one, not_boot=before)
        (returned,) = self.updates()["returned"]
        self.assertEqual((returned["version"], returned["reason"]["code"]), (self.broken_one, "health-ui"), returned)
        self.assertIn("500", returned["reason"]["detail"])
        self.assertTrue(self.machine.succeeds(f"test -s /boot/orbitr/failed/{self.broken_one}.log"))

    def test_20_its_owner_is_told_and_it_is_not_offered_again(self):
        issues = self.box.ask("GET", "/api/v1/issues")
        self.assertTrue(any(issue["id"].startswith("update-returned") for issue in issues), issues)
        self.box.wait_for_job(self.box.ask("POST", "/api/v1/box/updates/check", {})["job"])
        updates = self.updates()
        self.assertEqual((updates["running"], updates["offer"]), (self.next, None), updates)
        self.machine.run("for _ in $(seq 60); do docker ps | grep -q healthy && exit; sleep 2; done; exit 1", seconds=180)
        self.assertEqual(self.psql("SELECT line FROM kept"), "still here")


if __name__ == "__main__":
    unittest.main(failfast=False, verbosity=2)
