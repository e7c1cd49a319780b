"""What a box lives through: power cuts, disks that are missing, doubled or full, wrong clocks, little memory, no network.

Run by `tests/vm/run --all`.
"""

import json
import random
import shutil
import subprocess
import threading
import time
import unittest

from machine import PASSWORD, PATIENCE, Box, Machine, TookTooLong
from promises import IMAGE, Story

DATA_TYPE = "4d1e513e-77f6-48fa-9e3d-a004057c625a"


def make_data(machine):
    """As its owner would, in a browser."""
    code, fingerprint = machine.menu()
    Box(machine, fingerprint).make_data(code)


def claim(machine):
    """A box in use: its data partition is there, and somebody owns it."""
    make_data(machine)
    code, fingerprint = machine.menu()
    box = Box(machine, fingerprint)
    box.ask("POST", "/api/v1/claim", {"code": code, "username": "ada", "password": PASSWORD})


def says(machine, words):
    """Waits until the console says what is wrong."""
    machine.wait_on_screen("What is wrong", 120)
    machine.press("i")
    machine.wait_on_screen(words)
    machine.press("\x1b")


def found(machine):
    return json.loads(machine.run("cat", "/run/orbitr-box/data.json"))


def data_partitions(machine):
    lines = machine.run("lsblk --noheadings --raw --output PARTTYPE,PATH").splitlines()
    return [line.split()[1] for line in lines if line.startswith(DATA_TYPE)]


class PowerCuts(Story):
    """The plug is pulled at twenty moments of the first start, data partition included."""

    @staticmethod
    def ask_quietly(machine):
        """The power goes while this waits for its answer."""
        try:
            make_data(machine)
        except (OSError, ValueError, AssertionError):
            pass

    def test_it_always_comes_up_again_with_one_data_partition(self):
        # the same moments in every run; a box that was set up in the meantime goes on from there
        moments = random.Random(20)
        machine = Machine("cuts", IMAGE)
        self.addCleanup(machine.cut_power)
        started = time.monotonic()
        machine.start(fresh=True)
        machine.wait_ready()
        whole = time.monotonic() - started
        machine.cut_power()
        for cut in range(20):
            fresh = cut % 4 == 0
            machine.start(fresh=fresh)
            if cut % 2:
                # in the middle of making the data partition
                machine.wait_ready()
                if not machine.succeeds("test -e /boot/orbitr/data"):
                    threading.Thread(target=self.ask_quietly, args=(machine,), daemon=True).start()
                time.sleep(moments.uniform(0, whole / 4))
            else:
                time.sleep(moments.uniform(0, whole))
            machine.cut_power()
        machine.start()
        machine.wait_ready()
        if found(machine)["state"] != "open":
            make_data(machine)
        self.assertEqual(found(machine)["state"], "open")
        self.assertEqual(len(data_partitions(machine)), 1)
        self.assertEqual(machine.run("systemctl --failed --no-legend --plain").strip(), "")


class Disks(Story):
    """The data partition is found by its number, or not at all; what is unclear is said and left alone."""

    @classmethod
    def setUpClass(cls):
        cls.machine = Machine("disks", IMAGE)
        cls.addClassCleanup(cls.machine.cut_power)
        cls.machine.start(fresh=True)
        cls.machine.wait_ready()
        claim(cls.machine)
        cls.machine.run("echo precious >/var/lib/orbitr/kept && sync")
        cls.machine.switch_off()
        cls.disk = cls.machine.folder / "disk.qcow2"
        cls.copy = cls.machine.folder / "copy.qcow2"
        shutil.copy(cls.disk, cls.copy)

    def up(self, *options):
        self.machine.start(*options)
        self.machine.wait_ready()

    def down(self):
        self.machine.cut_power()

    def test_01_two_disks_with_the_same_numbers_are_a_choice(self):
        self.up("--disk", str(self.copy))
        data = found(self.machine)
        self.assertEqual((data["state"], data["reason"]), ("choice", "ambiguous"))
        self.assertEqual(len(data["candidates"]), 2)
        self.assertFalse(self.machine.succeeds("mountpoint -q /var/lib/orbitr"))
        self.assertTrue(self.machine.succeeds("curl -ksS -m 30 -o /dev/null https://127.0.0.1/healthz"))
        self.down()

    def test_02_alone_again_everything_is_there(self):
        self.up()
        self.assertEqual(found(self.machine)["state"], "open")
        self.assertEqual(self.machine.run("cat", "/var/lib/orbitr/kept").strip(), "precious")

    def test_03_a_full_data_partition_leaves_the_pages_up(self):
        # first all room but a little, then the rest with what cannot be compressed
        self.machine.run(
            "fallocate -l $(($(df -B1 --output=avail /var/lib/docker | tail -n 1) - 67108864)) /var/lib/docker/filler; "
            "dd if=/dev/urandom of=/var/lib/docker/filler2 bs=64k; sync", seconds=300, check=False,
        )
        self.assertFalse(self.machine.succeeds("head -c 8388608 /dev/urandom >/var/lib/docker/filler3 && sync"))
        self.machine.run("systemctl restart orbitr.service", seconds=200, check=False)
        self.assertTrue(self.machine.succeeds("curl -ksS -m 60 -o /dev/null https://127.0.0.1/healthz"))
        says(self.machine, "The disk with the data is full")
        self.machine.run("rm -f /var/lib/docker/filler*")
        self.down()

    def test_04_a_disk_that_grew_is_used(self):
        before = self.size()
        subprocess.run(["qemu-img", "resize", "-q", self.disk, "+4G"], check=True)
        self.up()
        self.assertGreater(int(self.machine.run("findmnt --noheadings --bytes --output SIZE /var/lib/orbitr")), before)
        self.down()

    def size(self):
        self.up()
        size = int(self.machine.run("findmnt --noheadings --bytes --output SIZE /var/lib/orbitr"))
        self.down()
        return size

    def test_05_data_that_is_missing_is_missed_not_made(self):
        self.up()
        partition = data_partitions(self.machine)[0]
        number = "".join(c for c in partition if c.isdigit())
        # somebody else's disk label: the type stays, the number is another one
        self.machine.run(f"sfdisk --no-reread --force --part-uuid /dev/sda {number} 11111111-2222-4333-8444-555555555555")
        self.down()
        self.up()
        data = found(self.machine)
        self.assertEqual(data["state"], "choice")
        self.assertIn(data["reason"], ("missing", "unrecorded"))
        self.assertEqual(len(data_partitions(self.machine)), 1)


class Circumstances(Story):
    """Wrong clocks, little memory, no network: a box in use comes up with all it had, and says what is wrong."""

    @classmethod
    def setUpClass(cls):
        cls.machine = Machine("circumstances", IMAGE)
        cls.addClassCleanup(cls.machine.cut_power)
        cls.machine.start(fresh=True)
        cls.machine.wait_ready()
        claim(cls.machine)
        cls.machine.run("echo precious >/var/lib/orbitr/kept && sync")
        cls.machine.switch_off()

    def comes_up(self, *options):
        self.machine.start(*options)
        self.addCleanup(self.machine.cut_power)
        self.machine.menu()
        self.assertEqual(self.machine.wait_ready(), "running")
        self.assertEqual(self.machine.run("cat", "/var/lib/orbitr/kept").strip(), "precious")
        self.assertEqual(len(data_partitions(self.machine)), 1)
        self.assertTrue(self.machine.succeeds("curl -ksS -m 60 -o /dev/null https://127.0.0.1/healthz"))

    def test_01_a_clock_of_1970_is_not_gone_by(self):
        self.comes_up("--", "-rtc", "base=1970-01-01T00:00:00")
        # never before the day that the image was built
        self.assertGreater(int(self.machine.run("date", "+%Y")), 2025)
        # (such a clock has two digits for the year, and the kernel takes 70 for 2070)
        says(self.machine, r"The clock says .*, and (this box has already run on|the battery-backed one)")

    def test_02_a_clock_of_2040_is_called_wrong(self):
        self.comes_up("--", "-rtc", "base=2040-01-01T00:00:00")
        says(self.machine, r"The clock says 1 Jan 2040: \d+ years")

    def test_03_the_clock_being_right_again_is_all_it_takes(self):
        self.comes_up()
        self.assertNotIn("2040", self.machine.run("orbitr", "status"))

    def test_04_one_gibibyte_of_memory_is_enough(self):
        self.comes_up("--memory", "1024")
        self.assertEqual(self.machine.run("systemctl is-active docker.service").strip(), "active")

    def test_05_no_network_at_all_is_said(self):
        self.comes_up("--no-network")
        self.machine.wait_on_screen(r"no address: is the network cable plugged in")


class CrashLoop(Story):
    """A supervisor that crashes again and again takes neither the machine nor its console down, and says so."""

    @classmethod
    def setUpClass(cls):
        cls.machine = Machine("crashes", IMAGE)
        cls.addClassCleanup(cls.machine.cut_power)
        cls.machine.start(fresh=True)
        cls.machine.wait_ready()

    def crash(self):
        before = self.machine.main_pid()
        self.machine.run("systemctl kill --signal=KILL orbitr.service")
        deadline = time.monotonic() + 120 * PATIENCE
        while self.machine.main_pid() in ("0", before) or not self.machine.succeeds("systemctl -q is-active orbitr.service"):
            if time.monotonic() > deadline:
                raise TookTooLong("the supervisor does not come back")
            time.sleep(2)

    def test_01_before_there_are_data_it_comes_back_each_time(self):
        for _ in range(4):
            self.crash()
        self.assertIsNotNone(self.machine.menu()[0])

    def test_02_with_data_the_third_crash_is_one_too_many(self):
        make_data(self.machine)
        for _ in range(3):
            self.crash()
        self.machine.wait_on_screen(r"State +Recovery", 120)
        type(self).code = self.machine.wait_on_screen(r"Recovery code +(\S+)")[1]
        self.assertIn("crashed again and again", self.machine.run("curl -ksS -m 60 https://127.0.0.1/", seconds=90))

    def test_03_the_console_is_usable_meanwhile(self):
        self.machine.press("s")
        self.machine.wait_on_screen(r"docker\.service")
        self.machine.press("\x1b")
        self.assertEqual(self.machine.run("systemctl is-active docker.service").strip(), "active")

    def test_04_trying_again_brings_everything_back(self):
        form = f"-H 'Origin: https://127.0.0.1' --data choice=again --data code={self.code}"
        self.machine.run(f"curl -ksS -m 60 -o /dev/null {form} https://127.0.0.1/recovery", seconds=90)
        self.machine.wait_on_screen(r"State +Setup", 120)
        self.assertIsNotNone(self.machine.menu()[0])


if __name__ == "__main__":
    unittest.main(verbosity=2)
