"""Data that only this machine opens by itself, and whoever holds the recovery key: LUKS2 with a security chip (swtpm).

Run by `tests/vm/run --all`.
"""

import base64
import hashlib
import hmac
import json
import shutil
import ssl
import struct
import subprocess
import time
import unittest

from machine import PASSWORD, PATIENCE, ROOT, Box, Machine, TookTooLong
from promises import IMAGE, Story


def one_time_code(secret):
    """RFC 6238, as an authenticator app makes it."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    offset = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[offset:offset + 4])[0] & 0x7FFFFFFF) % 1000000:06}"


class Chip:
    """A TPM 2.0 in software. Without `forget` it is the one of before."""

    def __init__(self, name):
        self.folder = ROOT / "target/vm" / name
        self.process = None

    def start(self, forget=False):
        self.stop()
        if forget:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        socket = self.folder / "sock"
        socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.folder}", "--ctrl", f"type=unixio,path={socket}",
             "--flags", "startup-clear"], stderr=subprocess.DEVNULL,
        )
        for _ in range(100):
            if socket.exists():
                return ["--tpm", str(self.folder)]
            time.sleep(0.1)
        raise TookTooLong("swtpm does not start")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
        self.process = None


class WithASecurityChip(Story):
    """The owner has the data encrypted, restarts, and one day moves the disk to another machine."""

    @classmethod
    def setUpClass(cls):
        cls.chip = Chip("chip")
        cls.addClassCleanup(cls.chip.stop)
        cls.machine = Machine("encrypted", IMAGE)
        cls.addClassCleanup(cls.machine.cut_power)
        cls.machine.start(*cls.chip.start(forget=True), fresh=True)

    def found(self):
        return json.loads(self.machine.run("cat", "/run/orbitr-box/data.json"))

    def restart(self, forget_chip=False):
        self.machine.switch_off()
        self.machine.start(*self.chip.start(forget=forget_chip))
        self.machine.wait_ready()

    def test_01_the_data_are_encrypted_before_anything_is_written(self):
        code, fingerprint = self.machine.menu()
        type(self).box = Box(self.machine, fingerprint)
        self.assertTrue(self.box.ask("GET", "/api/v1/setup/facts", code=code)["tpm2"])
        type(self).key = self.box.ask("POST", "/api/v1/setup/recovery-key", code=code)["recovery_key"]
        self.box.make_data(code, recovery_key=self.key, tpm2=True)
        opened = self.found()["open"]
        self.assertTrue(opened["encrypted"])
        self.assertIn("crypto_LUKS", self.machine.run("blkid", opened["device"]))
        dump = self.machine.run(f"cryptsetup luksDump {opened['device']}")
        self.assertRegex(dump, r"Version:\s+2")
        self.assertIn("systemd-tpm2", dump)

    def test_02_it_is_claimed_and_keeps_a_secret(self):
        code, _ = self.machine.menu()
        self.box.ask("POST", "/api/v1/claim", {"code": code, "username": "ada", "password": PASSWORD})
        self.assertEqual(self.sealed()["sealed_by"], "tpm2")
        # sealed with the box key
        type(self).secret = self.box.ask("POST", "/api/v1/me/second-step")["secret"]
        self.box.ask("PUT", "/api/v1/me/second-step", {"code": one_time_code(self.secret)})

    def sealed(self):
        return json.loads(self.machine.run("cat", "/run/orbitr-box/key.json"))

    def test_03_this_machine_opens_them_by_itself(self):
        self.restart()
        data = self.found()
        self.assertEqual((data["state"], data["open"]["unlocked_by"]), ("open", "tpm2"))
        self.assertEqual(self.sealed()["state"], "open")
        self.box.ask("GET", "/api/v1/me")

    def test_04_the_recovery_key_is_written_nowhere(self):
        bare = self.key.replace("-", "")
        for text in (self.key, bare):
            # (the guest agent writes down what this test asks of it)
            self.assertFalse(self.machine.succeeds(f"journalctl --no-pager --boot=all | grep -v guest-exec | grep -qi {text}"))
            self.assertFalse(self.machine.succeeds(f"grep -rqsi {text} /run /var/lib/orbitr /var/lib/orbitr-system /boot"))

    def test_05_another_machine_asks_for_the_key(self):
        self.restart(forget_chip=True)
        self.assertEqual(self.found()["state"], "locked")
        self.assertFalse(self.machine.succeeds("mountpoint -q /var/lib/orbitr"))
        type(self).code, fingerprint = self.machine.menu()
        type(self).stranger = Box(self.machine, fingerprint)
        self.assertEqual(self.stranger.ask("GET", "/api/v1/setup")["stage"], "degraded")

    def open_with(self, key):
        self.stranger.ask("POST", "/api/v1/setup/open-data", {"key": key}, code=self.code)

    def test_06_a_wrong_key_opens_nothing(self):
        wrong = self.stranger.ask("POST", "/api/v1/setup/recovery-key", code=self.code)["recovery_key"]
        self.open_with(wrong)
        deadline = time.monotonic() + 60 * PATIENCE
        while not (problem := self.stranger.ask("GET", "/api/v1/setup/facts", code=self.code)["problem"]):
            self.assertLess(time.monotonic(), deadline, "nobody says that the key is wrong")
            time.sleep(1)
        self.assertIn("key", json.dumps(problem))
        self.assertEqual(self.found()["state"], "locked")

    def known_again(self):
        """A certificate of its own authority, and a new one where the machine has other addresses: until the console shows it."""
        deadline = time.monotonic() + 60 * PATIENCE
        while True:
            code, self.box.fingerprint = self.machine.menu()
            try:
                self.box.ask("GET", "/healthz")
                return code, self.box.fingerprint
            except ssl.SSLError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(2)

    def test_07_the_right_one_opens_them_and_everything_is_there(self):
        before = self.machine.main_pid()
        self.open_with(self.key.lower())
        self.machine.run(
            f"for _ in $(seq 60); do [ $(systemctl show -P MainPID orbitr.service) != {before} ] && "
            "mountpoint -q /var/lib/orbitr && systemctl -q is-active orbitr.service && exit; sleep 2; done; exit 1", seconds=150,
        )
        self.assertEqual(self.found()["open"]["unlocked_by"], "key")
        code, fingerprint = self.known_again()
        self.assertIsNone(code)
        self.box.ask("GET", "/api/v1/me")
        self.assertEqual(self.sealed()["state"], "open", "the box key is not lost with the chip")
        anew = Box(self.machine, fingerprint)
        step = anew.ask("POST", "/api/v1/session", {"username": "ada", "password": PASSWORD})
        anew.ask("POST", "/api/v1/session/second-step", {"challenge": step["challenge"], "code": one_time_code(self.secret)})

    def test_08_from_then_on_the_new_machine_opens_them(self):
        self.restart()
        data = self.found()
        self.assertEqual((data["state"], data["open"]["unlocked_by"]), ("open", "tpm2"))
        self.assertEqual((self.sealed()["state"], self.sealed()["sealed_by"]), ("open", "tpm2"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
