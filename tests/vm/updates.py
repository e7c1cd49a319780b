"""A box goes to the next version, which is kept once it has proved itself, and comes back by itself from one that does not.

Run by `tests/vm/run --all`. Both versions are made here from the program that is tested: the next one, and one whose pages
answer with an error. They are served as the supervisor serves what it has downloaded: on the box's own loopback.
"""

import functools
import http.server
import json
import os
import subprocess
import sys
import threading
import time
import unittest

from machine import PASSWORD, PATIENCE, ROOT, Box, Machine, TookTooLong
from promises import IMAGE, Story

WORK = ROOT / "target/vm/updates-made"
# what the box calls 127.0.0.1:PORT
PORT = 43211
UPDATES = "/run/orbitr-box/updates.json"
# A server in front of the supervisor's: it has the box's own certificate, and answers everything with an error. One that
# rests on the real one would have to be another program.
BROKEN_UNIT = """[Unit]
After=orbitr.service
[Service]
WorkingDirectory=/usr/lib/broken-pages
ExecStartPre=/usr/sbin/nft -f /usr/lib/broken-pages/redirect.nft
ExecStart=/usr/bin/openssl s_server -quiet -accept 8443 -cert /var/lib/orbitr/tls/leaf.pem -key /var/lib/orbitr/tls/leaf.pem -HTTP
Restart=always
RestartSec=1
"""
BROKEN_RULES = """table inet broken {
    chain here { type nat hook output priority -100; tcp dport 443 redirect to :8443; }
    chain there { type nat hook prerouting priority -100; tcp dport 443 redirect to :8443; }
}
"""
BROKEN_PAGE = "HTTP/1.0 500 Internal Server Error\r\nContent-Type: text/plain\r\n\r\nthis version is broken\n"


def version_of(image):
    return image.name.removeprefix("orbitr-").removesuffix(".raw")


def broken_pages():
    """Files that are laid over the version that is to come back."""
    layer = WORK / "broken"
    pages = layer / "usr/lib/broken-pages"
    units = layer / "usr/lib/systemd/system"
    wants = units / "multi-user.target.wants"
    for folder in (pages, wants):
        folder.mkdir(parents=True, exist_ok=True)
    (pages / "sign-in").write_text(BROKEN_PAGE)
    (pages / "redirect.nft").write_text(BROKEN_RULES)
    (units / "broken-pages.service").write_text(BROKEN_UNIT)
    link = wants / "broken-pages.service"
    link.unlink(missing_ok=True)
    link.symlink_to("../broken-pages.service")
    return layer


def make(version, *more):
    """An update to this version in the folder that is served. ORBITR_VM_UPDATES_MADE=yes takes those of an earlier run."""
    command = [ROOT / "scripts/image", "--fast", "--version", version, "--out", WORK / "out", "--release", WORK / "set", *more]
    if program := os.environ.get("ORBITR_VM_PROGRAM"):
        command += ["--bin", program]
    subprocess.run(command, check=True, stdout=sys.stderr)
    for image in (WORK / "out").glob("*.raw"):
        image.unlink()


class Served(http.server.ThreadingHTTPServer):
    """The folder of updates, towards the box's network."""

    def __init__(self, folder):
        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
        threading.Thread(target=self.serve_forever, daemon=True).start()


class ThereAndBack(Story):
    @classmethod
    def setUpClass(cls):
        cls.first = version_of(IMAGE)
        cls.next, cls.broken_one = f"{cls.first}.1", f"{cls.first}.2"
        cls.machine = Machine("updates", IMAGE)
        cls.addClassCleanup(cls.machine.cut_power)
        cls.machine.start(fresh=True)
        # while it starts
        if not os.environ.get("ORBITR_VM_UPDATES_MADE"):
            subprocess.run(["rm", "-rf", WORK], check=True)
            make(cls.next)
            make(cls.broken_one, "--overlay", broken_pages())
        cls.server = Served(WORK / "set")
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

    def wait_for_version(self, version, seconds=900):
        """Waits until this version runs and says that everything has been started."""
        deadline = time.monotonic() + seconds * PATIENCE
        while True:
            try:
                if f'IMAGE_VERSION="{version}"\n' in self.machine.run("cat", "/etc/os-release"):
                    return self.machine.wait_ready(seconds)
            except (OSError, ValueError, AssertionError):
                pass
            if time.monotonic() > deadline:
                raise TookTooLong(f"{version} does not come up; the console's end:\n{self.machine.text[-1500:]}")
            time.sleep(3)

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
        signature = WORK / "set/SHA256SUMS.gpg"
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
        self.assertEqual(self.wait_for_version(self.next), "running")
        told = self.told()
        self.assertEqual((told["gate"]["state"], told["gate"]["counted"]), ("passed", True), told)
        self.machine.run("for _ in $(seq 30); do test -e /boot/EFI/Linux/orbitr_%s.efi && exit; sleep 2; done; exit 1" % self.next, seconds=90)
        order = self.machine.run(
            "for unit in orbitr-health-gate systemd-bless-boot; do systemctl show -P ExecMainExitTimestampMonotonic $unit.service; done"
        ).split()
        self.assertLess(int(order[0]), int(order[1]), "it is kept after the gate, and not before")
        self.is_claimed()

    def test_05_a_version_whose_pages_answer_with_an_error_comes_back_by_itself(self):
        self.machine.run(
            f"systemctl -q is-active served.socket || systemd-run --unit=served --socket-property=ListenStream=127.0.0.1:{PORT} "
            f"/usr/lib/systemd/systemd-socket-proxyd 10.0.2.2:{self.server.server_address[1]}"
        )
        self.install(self.broken_one)
        self.assertEqual([known["version"] for known in self.told()["installed"]], [self.broken_one, self.next])
        began = time.monotonic()
        self.restart()
        self.assertEqual(self.wait_for_version(self.next), "running")
        print(f"\nthere and back took {time.monotonic() - began:.0f} s", file=sys.stderr)
        (returned,) = self.told()["returned"]
        self.assertEqual((returned["version"], returned["reason"]["code"]), (self.broken_one, "health-ui"), returned)
        self.assertIn("500", returned["reason"]["detail"])
        self.assertTrue(self.machine.succeeds(f"test -s /boot/orbitr/failed/{self.broken_one}.log"))
        self.is_claimed()

    def test_06_it_is_not_installed_again_by_itself(self):
        report, _ = self.ask("install-update", target=self.broken_one, port=PORT)
        self.assertEqual(report["problem"]["code"], "version-refused")


if __name__ == "__main__":
    unittest.main(failfast=False, verbosity=2)
