"""The system is installed from a stick. Run beside promises.py."""

import json
import subprocess
import time
import unittest

from machine import PATIENCE, Box, Machine
from promises import IMAGE, Story


class FromStickToDisk(Story):
    """A stick installs the system onto a disk that held something, with the power going in between; the disk then boots alone."""

    @classmethod
    def setUpClass(cls):
        cls.machine = Machine("stick", IMAGE)
        cls.addClassCleanup(cls.machine.cut_power)
        cls.installed = Machine("installed", IMAGE)
        cls.addClassCleanup(cls.installed.cut_power)
        cls.disk = cls.installed.folder / "disk.qcow2"
        for folder in (cls.machine.folder, cls.installed.folder):
            folder.mkdir(parents=True, exist_ok=True)
        for firmware in cls.installed.folder.glob("vars.fd"):
            firmware.unlink()
        photos = cls.machine.folder / "photos.raw"
        subprocess.run(["truncate", "--size=12G", photos], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-L", "photos", "-E", "lazy_itable_init=1,lazy_journal_init=1", photos], check=True)
        subprocess.run(["qemu-img", "convert", "-O", "qcow2", photos, cls.disk], check=True)
        photos.unlink()
        cls.machine.start("--stick", "--disk", str(cls.disk), fresh=True)

    def facts(self):
        return self.box.ask("GET", "/api/v1/setup/facts", code=self.code)

    def sign_in(self):
        type(self).code, fingerprint = self.machine.menu()
        type(self).box = Box(self.machine, fingerprint)

    def wait_until(self, what, holds, seconds=600, problem=False):
        deadline = time.monotonic() + seconds * PATIENCE
        while not holds(facts := self.facts()):
            if not problem:
                self.assertIsNone(facts["problem"])
            self.assertLess(time.monotonic(), deadline, f"{what} takes too long: {facts['at_work']}")
            time.sleep(1)
        return facts

    def test_01_the_stick_offers_the_disk_and_says_what_is_on_it(self):
        self.sign_in()
        facts = self.facts()
        self.assertEqual(facts["stage"], "installer")
        (target,) = facts["targets"]
        self.assertEqual((target["disk"]["serial"], target["unfinished"]), ("DISK-1", False))
        self.assertIn("ext4", " ".join(target["contents"]))
        type(self).device = target["disk"]["device"]

    def test_02_a_disk_with_data_is_refused_until_its_serial_is_typed(self):
        beginning = f"head -c 256M {self.device} | sha256sum"
        before = self.machine.run(beginning)
        for serial in ["", "DISK-2", "ORBITR-STICK"]:
            self.box.ask("POST", "/api/v1/setup/install", {"disk": self.device, "serial": serial}, code=self.code, expect=[202])
            facts = self.wait_until("the refusal", lambda facts: not facts["waiting"] and not facts["at_work"], problem=True)
            self.assertEqual(facts["problem"]["code"], "serial-wrong")
        self.assertEqual(self.machine.run(beginning), before)

    def test_03_the_power_goes_in_the_middle(self):
        self.box.ask("POST", "/api/v1/setup/install", {"disk": self.device, "serial": "DISK-1"}, code=self.code, expect=[202])
        self.wait_until("the copy", lambda facts: facts["at_work"] and (facts["at_work"]["fraction"] or 0) > 0.2)
        self.machine.cut_power()

    def test_04_the_stick_starts_again_says_so_and_goes_on(self):
        self.machine.start("--stick", "--disk", str(self.disk))
        self.sign_in()
        self.assertTrue(self.facts()["targets"][0]["unfinished"])
        # nothing on it is anybody's any more: no serial is asked for
        self.box.ask("POST", "/api/v1/setup/install", {"disk": self.device}, code=self.code, expect=[202])
        self.wait_until("the installation", lambda facts: not facts["waiting"] and not facts["at_work"])
        told = json.loads(self.machine.run("cat", "/run/orbitr-box/results/install.json"))
        self.assertEqual((told["state"], told["value"]["resumed"]), ("done", True))
        self.machine.cut_power()

    def test_05_the_disk_boots_alone_with_firmware_that_has_never_seen_it(self):
        self.installed.start()
        code, fingerprint = self.installed.menu()
        self.assertIsNotNone(code)
        box = Box(self.installed, fingerprint)
        self.assertEqual(box.ask("GET", "/api/v1/setup")["stage"], "setup")
        box.make_data(code)
        self.assertEqual(self.installed.wait_ready(), "running")


if __name__ == "__main__":
    unittest.main(failfast=False, verbosity=2)
