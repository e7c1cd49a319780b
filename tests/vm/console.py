"""Every entry of the menu on the box's own screen, driven over the serial port as a person would.

Run by `tests/vm/run --all`.
"""

import gzip
import io
import re
import subprocess
import tarfile
import tempfile
import time
import unittest
from pathlib import Path

from machine import PASSWORD, PATIENCE, Box, Machine
from promises import IMAGE, Story
from registry import Registry

RIGHT, DOWN, ESC, ENTER = "\x1b[C", "\x1b[B", "\x1b", "\r"


# Where the only partition of the stick begins, in MiB, and where the stick ends.
BEGIN, END = 1, 64


def stick(path):
    """A USB stick as one buys it, one FAT partition, with a photo on it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with open(path, "wb") as file:
        file.truncate(END << 20)
    subprocess.run(["sfdisk", "--quiet", path], input=f"label: dos\nstart={BEGIN}MiB, type=c\n", text=True, check=True)
    sectors, kib = str(BEGIN * 2048), str((END - BEGIN) * 1024)
    subprocess.run(["mkfs.vfat", "--offset", sectors, "-n", "PHOTOS", path, kib], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["mcopy", "-i", f"{path}@@{BEGIN}M", "-", "::holiday.jpg"], input=b"a photo", check=True)
    return path


def on_stick(path, name):
    """What a file on it holds at this moment, as another computer would read it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        subprocess.run(["mcopy", "-n", "-i", f"{path}@@{BEGIN}M", f"::{name}", copy], check=True)
        return copy.read_bytes()


class AtTheConsole(Story):
    """Somebody stands in front of a new box, and has nothing but its screen and a keyboard (and a browser to claim it)."""

    @classmethod
    def setUpClass(cls):
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.stop)
        cls.machine = Machine("console", IMAGE)
        cls.addClassCleanup(cls.machine.cut_power)
        cls.stick = stick(cls.machine.folder / "stick.raw")
        cls.machine.start(*cls.registry.credential(), "--usb", str(cls.stick), fresh=True)

    def home(self):
        """Back to the first screen, from wherever one is."""
        for _ in range(4):
            if re.search(r"State ", self.machine.screen()):
                break
            self.machine.press(ESC)
            # an escape that is followed by something at once would be the beginning of a key's sequence
            time.sleep(2)
        return self.machine.menu()

    def see(self, key, *patterns):
        """Opens an entry, sees what must be there, and goes back."""
        self.home()
        self.machine.press(key)
        for pattern in patterns:
            self.machine.wait_on_screen(pattern)

    def say_yes(self):
        self.machine.wait_on_screen(r"\[ Back \]")
        self.machine.press(RIGHT)
        self.machine.press(ENTER)

    def sign_in(self, password):
        box = Box(self.machine, self.box.fingerprint)
        return box, box.ask("POST", "/api/v1/session", {"username": "ada", "password": password})

    def test_01_the_data_partition_is_made(self):
        before = self.machine.menu() and self.machine.main_pid()
        self.machine.press("k")
        self.say_yes()
        self.machine.run(
            f"for _ in $(seq 90); do [ $(systemctl show -P MainPID orbitr.service) != {before} ] && mountpoint -q /var/lib/orbitr && "
            "systemctl -q is-active orbitr.service && exit; sleep 2; done; exit 1", seconds=200,
        )
        code, fingerprint = self.home()
        type(self).box = Box(self.machine, fingerprint)
        self.box.ask("POST", "/api/v1/claim", {"code": code, "username": "ada", "password": PASSWORD})
        self.machine.wait_on_screen(r"State +Running")
        self.machine.wait_ready()

    def test_02_what_can_be_looked_at_is_there(self):
        self.see("q", r"https://10\.0\.2\.15", r"Certificate, SHA-256", r"Authority, SHA-256")
        self.see("n", r"10\.0\.2\.15", r"52:54:00:0b:17:01")
        self.see("d", r"ORBITR-SYSTEM|QEMU HARDDISK")
        self.see("s", r"docker\.service")
        self.see("l", r"Esc back")
        self.see("?", r"Esc back")

    def test_03_a_network_that_nobody_keeps_comes_back(self):
        def address():
            return re.findall(r"inet (10\.0\.2\.\d+)/", self.machine.run("ip -4 address show scope global"))

        self.assertEqual(address(), ["10.0.2.15"])
        self.see("n", r"is set to DHCP")
        self.machine.press("c")
        self.machine.wait_on_screen(r"A fixed address")
        self.machine.press(DOWN)
        self.machine.press(ENTER)
        self.machine.wait_on_screen(r"Address +10\.0\.2\.15/24")
        self.machine.press("\x7f" * len("15/24") + "16/24" + ENTER + ENTER + ENTER)
        self.machine.wait_on_screen(r"Keep the new setting")
        self.assertEqual(address(), ["10.0.2.16"])
        deadline = time.monotonic() + 150 * PATIENCE
        while address() != ["10.0.2.15"]:
            self.assertLess(time.monotonic(), deadline, "the old setting does not come back")
            time.sleep(3)

    def test_04_an_app_is_stopped_and_started(self):
        started = self.box.ask("POST", "/api/v1/projects/home/apps", {"extension": "official/nginx", "inputs": {}})
        self.box.wait_for_job(started["job"], seconds=900)
        self.see("a", r"nginx +running", r"t stop")
        self.machine.press("t")
        self.say_yes()
        self.wait_for_app("stopped")
        self.see("a", r"nginx +stopped", r"s start")
        self.machine.press("s")
        self.say_yes()
        self.wait_for_app("running")

    def wait_for_app(self, state, seconds=120):
        deadline = time.monotonic() + seconds * PATIENCE
        while True:
            (app,) = self.box.ask("GET", "/api/v1/apps")
            if app["status"]["state"] == state:
                return
            self.assertLess(time.monotonic(), deadline, f"the app is {app['status']}, not {state}")
            time.sleep(2)

    def test_05_a_service_is_restarted(self):
        before = self.machine.run("systemctl show -P MainPID systemd-timesyncd.service")
        self.see("s", r"systemd-timesyncd\.service")
        for _ in range(12):
            if re.search(r">\s*systemd-timesyncd", self.machine.screen()):
                break
            self.machine.press(DOWN)
            time.sleep(1)
        self.machine.press("r")
        self.say_yes()
        self.machine.run(
            f"for _ in $(seq 30); do [ $(systemctl show -P MainPID systemd-timesyncd.service) != {before.strip()} ] && exit; sleep 1; done; exit 1"
        )

    def test_06_safe_mode_stops_the_apps_and_gives_them_back(self):
        self.see("m")
        self.say_yes()
        self.wait_for_app("stopped")
        self.assertTrue(self.box.ask("GET", "/api/v1/status")["safe_mode"])
        self.see("m")
        self.say_yes()
        self.wait_for_app("running")

    def test_07_a_password_is_reset_by_who_stands_there(self):
        self.see("p", r"> ada", r"r reset")
        self.machine.press("r")
        self.say_yes()
        once = self.machine.wait_on_screen(r"A one-time password for ada.*?\n\s+(\S{6,})\s")[1]
        self.box.ask("GET", "/api/v1/me", expect=[401])
        _, opened = self.sign_in(once)
        self.assertTrue(opened["must_change_password"])
        type(self).once = once

    def test_08_a_shell_wants_a_password_and_is_roots(self):
        box, _ = self.sign_in_with_a_new_password()
        self.see("h", r"Name")
        self.machine.press("ada" + ENTER + "not the password" + ENTER)
        self.machine.wait_on_screen(r"(?i)wrong|not right|does not|refused|match")
        self.see("h", r"Name")
        self.machine.press("ada" + ENTER + PASSWORD + ENTER)
        self.machine.wait_on_screen(r"# ", 90)
        self.machine.press("echo me:$(id -u):$(tty)" + ENTER)
        self.machine.wait_on_screen(r"me:0:/dev/ttyS0")
        self.machine.press("exit" + ENTER)
        self.machine.menu()
        type(self).box = box

    def sign_in_with_a_new_password(self):
        box, _ = self.sign_in(self.once)
        box.ask("PUT", "/api/v1/me/password", {"current_password": self.once, "new_password": PASSWORD})
        return self.sign_in(PASSWORD)

    def test_09_a_support_bundle_goes_onto_a_stick(self):
        self.see("b", r"Plug one in now")
        self.say_yes()
        name = self.machine.wait_on_screen(r"(orbitr-support-\S+\.tar\.gz)\s+on .*PHOTOS.*Pull the stick out now", 300)[1]
        # from now on somebody may pull it out: everything must be there already
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(on_stick(self.stick, name)))) as bundle:
            names = [Path(member).name for member in bundle.getnames()]
        self.assertIn("about.json", names)
        self.assertIn("kernel-log.txt", names, "what only root can read is in it")
        self.assertEqual(on_stick(self.stick, "holiday.jpg"), b"a photo")
        self.assertFalse(self.machine.succeeds("ls /run/orbitr-console/*"), "nothing is left behind")

    def test_10_the_supervisor_is_restarted_when_it_does_not_answer(self):
        self.home()
        self.machine.run("systemctl stop orbitr.service orbitr-control.socket orbitr-https.socket orbitr-http.socket")
        self.machine.wait_on_screen(r"x Restart Orbitr", 120)
        self.machine.press("x")
        self.say_yes()
        self.machine.wait_on_screen(r"has been restarted", 200)
        self.home()
        self.machine.wait_on_screen(r"State +Running", 200)

    def test_11_reboot(self):
        before = self.machine.boot_id()
        self.see("r")
        self.say_yes()
        self.machine.forget_console()
        self.machine.wait_ready(not_boot=before)
        self.home()

    def test_12_factory_reset_wants_the_serial_number(self):
        before = self.machine.boot_id()
        self.see("f", r"serial number")
        serial = re.search(r"serial number,\s+(\S+?),", re.sub(r"\s+", " ", self.machine.screen()))[1]
        self.machine.press("nonsense" + ENTER)
        self.machine.wait_on_screen(r"(?i)not the|wrong|differs")
        self.see("f", r"serial number")
        self.machine.press(serial + ENTER)
        self.machine.wait_ready(not_boot=before, seconds=400)
        code, _ = self.home()
        self.assertIsNotNone(code, "a new box has a setup code")
        self.assertFalse(self.machine.succeeds("mountpoint -q /var/lib/orbitr"))

    def test_13_power_off(self):
        self.see("o")
        self.say_yes()
        self.machine.wait_off()


if __name__ == "__main__":
    unittest.main(verbosity=2)
