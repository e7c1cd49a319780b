"""Root believes nobody about an update, not even the supervisor; and a version can be chosen by hand.

Run by `tests/vm/run --all`. The acts are asked as the supervisor asks them, and the next version is served as the supervisor
serves what it has downloaded: on the box's own loopback. (That a box goes to the next version, and comes back by itself from
one that is broken, is in promises.py, through the pages' own API.)
"""

import json
import time
import unittest

from machine import PASSWORD, PATIENCE, Box, Machine, TookTooLong
from promises import IMAGE, Story
from release import WORK, Served, make, version_of

# what the box calls 127.0.0.1:PORT
PORT = 43211
SET = WORK / "next/stable"
UPDATES = "/run/orbitr-box/updates.json"

class RootBelievesNobody(Story):
    @classmethod
    def setUpClass(cls):
        cls.first = version_of(IMAGE)
        cls.next = f"{cls.first}.1"
        cls.machine = Machine("updates", IMAGE)
        cls.addClassCleanup(cls.machine.cut_power)
        cls.machine.start(fresh=True)
        # while it starts
        make(cls.next, "next")
        cls.server = Served(SET)
        cls.addClassCleanup(cls.server.shutdown)

    def told(self):
        return json.loads(self.machine.run("cat", UPDATES))

    def ask(self, act, seconds=900, **request):
        """As the supervisor would: a request, its unit started by whoever polkit lets."""
        machine, folder = self.machine, "/run/orbitr/requests"
        text = json.dumps({"version": 1, "id": f"t-{time.monotonic_ns()}", **request})
        machine.run(f"cat >/run/{act}.json <<'END'\n{text}\nEND\ninstall -o orbitr -g orbitr -m 600 /run/{act}.json {folder}/{act}.json")
        machine.run(f"runuser -u orbitr -- systemctl --no-ask-password start --no-block orbitr-{act}.service")
        deadline = time.monotonic() + seconds * PATIENCE
        seen = []
        while True:
            report = machine.run("cat", f"/run/orbitr-box/results/{act}.json", check=False)
            report = json.loads(report) if report else {}
            if report.get("id") == json.loads(text)["id"]:
                seen.append(report["fraction"])
                if report["state"] != "running":
                    return report, [fraction for fraction in seen if fraction is not None]
            if time.monotonic() > deadline:
                raise TookTooLong(f"{act} does not end: {report}")
            time.sleep(2)

    def install(self, version):
        report, seen = self.ask("install-update", target=version, port=PORT)
        self.assertEqual(report["state"], "done", report)
        return seen

    def restart(self):
        self.machine.forget_console()
        self.machine.agent("guest-shutdown", {"mode": "reboot"}, answer=False)

    def is_claimed(self):
        """Whether the box knows its owner, and the volume has what was put there."""
        self.assertEqual(self.machine.run("cat", "/var/lib/orbitr-system/kept").strip(), "precious")
        self.box.ask("GET", "/api/v1/status")

    def test_01_a_new_box_passes_the_gate_and_its_version_is_kept(self):
        code, fingerprint = self.machine.menu()
        box = Box(self.machine, fingerprint)
        box.make_data(code)
        code, fingerprint = self.machine.menu()
        type(self).box = Box(self.machine, fingerprint)
        self.box.ask("POST", "/api/v1/claim", {"code": code, "username": "ada", "password": PASSWORD})
        self.machine.run("echo precious >/var/lib/orbitr-system/kept")
        self.machine.wait_ready()
        self.machine.run("systemctl start orbitr-updates.service")
        told = self.told()
        self.assertEqual((told["running"], told["default"], told["returned"]), (self.first, None, []))
        self.assertEqual(told["gate"]["state"], "passed", told)
        (installed,) = told["installed"]
        self.assertEqual((installed["slot"], installed["blessed"], installed["running"]), ("a", True, True))

    def test_02_what_is_older_or_unsigned_is_refused(self):
        host = self.server.server_address[1]
        self.machine.run(
            f"systemd-run --unit=served --socket-property=ListenStream=127.0.0.1:{PORT} "
            f"/usr/lib/systemd/systemd-socket-proxyd 10.0.2.2:{host}"
        )
        report, _ = self.ask("install-update", target=self.first, port=PORT)
        self.assertEqual(report["problem"]["code"], "version-refused")
        signature = SET / "SHA256SUMS.gpg"
        whole = signature.read_bytes()
        try:
            signature.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
            report, _ = self.ask("install-update", target=self.next, port=PORT)
        finally:
            signature.write_bytes(whole)
        self.assertEqual(report["problem"]["code"], "update-untrusted", report)
        self.assertEqual(len(self.told()["installed"]), 1)

    def test_03_the_next_version_is_installed_beside_the_one_that_runs(self):
        seen = self.install(self.next)
        self.assertEqual(seen, sorted(seen))
        self.assertGreater(len(set(seen)), 3, "one sees how far it is")
        told = self.told()
        self.assertEqual([(known["version"], known["slot"], known["tries_left"]) for known in told["installed"]],
                         [(self.next, "b", 3), (self.first, "a", None)])
        self.assertEqual(told["running"], self.first)

    def test_04_it_runs_after_a_restart_and_is_kept_once_the_gate_has_passed(self):
        self.restart()
        self.assertEqual(self.machine.wait_for_version(self.next), "running")
        told = self.told()
        self.assertEqual((told["gate"]["state"], told["gate"]["counted"]), ("passed", True), told)
        self.machine.run("for _ in $(seq 30); do test -e /boot/EFI/Linux/orbitr_%s.efi && exit; sleep 2; done; exit 1" % self.next, seconds=90)
        self.is_claimed()

    def test_05_the_one_before_can_be_chosen_and_the_newer_one_again(self):
        for version, default in [(self.first, self.first), (self.next, None)]:
            report, _ = self.ask("choose-version", target=version)
            self.assertEqual(report["state"], "done", report)
            self.restart()
            self.assertEqual(self.machine.wait_for_version(version), "running")
            self.assertEqual((self.told()["running"], self.told()["default"]), (version, default))
            self.is_claimed()


if __name__ == "__main__":
    unittest.main(failfast=False, verbosity=2)
