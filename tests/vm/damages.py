"""What a bad disk or a bad day does to the database, to Docker's store and to a factory reset: each is found, and each way out works.

Run by `tests/vm/run --all`. Damage is done as root, while what it is done to is stopped; everything else is asked as its owner
would: over HTTPS, with what the screen at the serial port shows.
"""

import base64
import http.server
import json
import random
import re
import sqlite3
import tempfile
import threading
import time
import unittest
import urllib.parse
from pathlib import Path

from in_use import InUse, until
from machine import PASSWORD, PATIENCE, Box, Machine, Pinned
from promises import IMAGE, Story
from registry import Registry

DB = "/var/lib/orbitr/db"
SOCKETS = "orbitr-control.socket orbitr-https.socket orbitr-http.socket"
DATA_TYPE = "4d1e513e-77f6-48fa-9e3d-a004057c625a"


class DamagedDatabases(Story):
    """The database is damaged in five ways, and a box in Recovery mode is led out of it on each way that its page offers."""

    @classmethod
    def setUpClass(cls):
        registry = Registry()
        cls.addClassCleanup(registry.stop)
        cls.it = InUse("damaged-databases", IMAGE, *registry.credential())
        cls.machine = cls.it.machine
        cls.addClassCleanup(cls.machine.cut_power)
        cls.it.begin()
        # the first copy of a day is made at a start
        cls.machine.run("systemctl restart orbitr.service", seconds=120)
        until("no copy of the database is kept", lambda: cls.machine.succeeds(f"ls {DB}/kept/*.sqlite"))
        # the restored copy must hold all of it
        cls.copy = cls.machine.run(f"cd {DB}/kept && ls *.sqlite").split()[-1]

    def stopped(self):
        """Stops the supervisor; answers the file of the database that it works with."""
        self.machine.run(f"systemctl stop orbitr.service {SOCKETS}", seconds=120)
        names = self.machine.run(f"cd {DB} && ls *.sqlite").split()
        return max(names, key=lambda name: int(name.split(".")[1]))

    def started(self):
        self.machine.run(f"systemctl start {SOCKETS} orbitr.service", seconds=300)

    def recovers(self):
        """It is in Recovery mode, and says so; answers the code that its screen shows."""
        self.machine.forget_console()
        self.started()
        self.machine.wait_on_screen(r"State +Recovery", 180)
        code = self.shown_code()
        status, page = self.ask("GET", "/")
        self.assertEqual(status, 503)
        for words in (b"start-over", b"export"):
            self.assertIn(words, page)
        status, _ = self.choose("AAAA-AAAA-AAAA", "start-over", "START OVER")
        self.assertIn(status, range(400, 500))
        return code

    def shown_code(self):
        return self.machine.wait_on_screen(r"Recovery code +(\S+)")[1]

    def ask(self, method, path, body=None):
        connection = Pinned(self.machine.ports[443], self.it.box.fingerprint, 120 * PATIENCE)
        headers = {"Sec-Fetch-Site": "same-origin", "Origin": f"https://127.0.0.1:{self.machine.ports[443]}"}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, text

    def choose(self, code, choice, confirm=""):
        """As the form on its page does."""
        return self.ask("POST", "/recovery", urllib.parse.urlencode({"choice": choice, "code": code, "confirm": confirm}))

    def is_back(self):
        self.machine.wait_on_screen(r"State +Running", 300)
        until("the box does not answer", lambda: self.it.box.ask("GET", "/api/v1/status"))
        self.assertIsNone(self.it.is_intact())

    def test_01_one_that_was_cut_off_goes_back_to_a_kept_copy(self):
        name = self.stopped()
        self.machine.run(f"truncate -s $(($(stat -c %s {DB}/{name}) / 2)) {DB}/{name}")
        code = self.recovers()
        status, _ = self.choose(code, f"restore:{self.copy}")
        self.assertIn(status, (200, 202, 303))
        self.is_back()

    def test_02_pages_of_zeros_are_taken_away_as_they_are_and_a_copy_is_restored(self):
        name = self.stopped()
        # everything but the first page, as a file system leaves what it never wrote
        self.machine.run(f"dd if=/dev/zero of={DB}/{name} bs=4096 seek=1 count=$(($(stat -c %s {DB}/{name}) / 4096 - 1)) conv=notrunc")
        code = self.recovers()
        status, archive = self.choose(code, "export")
        self.assertEqual(status, 200)
        size = int(self.machine.run(f"stat -c %s {DB}/{name}"))
        self.assertIn(bytes(size - 4096), archive, "as it is on the disk")
        self.choose(code, f"restore:{self.copy}")
        self.is_back()

    def test_03_a_header_that_is_none_is_put_back_by_hand_and_opened_again(self):
        name = self.stopped()
        self.machine.run(f"cp {DB}/{name} /var/lib/orbitr-system/good && printf 'not a database, by far' | dd of={DB}/{name} conv=notrunc")
        code = self.recovers()
        # nothing is better yet: it stays, with another code
        self.machine.forget_console()
        self.choose(code, "again")
        self.machine.wait_on_screen(r"State +Recovery", 180)
        before = code
        code = until("it has no new code", lambda: self.shown_code() != before and self.shown_code(), 180)
        self.machine.run(f"cat /var/lib/orbitr-system/good >{DB}/{name}")
        self.choose(code, "again")
        self.is_back()

    def test_04_a_table_that_is_gone_comes_back_with_a_copy(self):
        name = self.stopped()
        with tempfile.TemporaryDirectory() as folder:
            here = Path(folder) / name
            here.write_bytes(base64.b64decode(self.machine.run("base64", f"{DB}/{name}")))
            with sqlite3.connect(here) as database:
                database.executescript("PRAGMA foreign_keys = OFF; DROP TABLE session; PRAGMA journal_mode = DELETE;")
            database.close()
            self.put(here, f"{DB}/{name}")
        code = self.recovers()
        self.choose(code, f"restore:{self.copy}")
        self.is_back()

    def put(self, file, to):
        """Brings a file onto the box, over its network."""
        class One(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(file.read_bytes())

            def log_message(self, *_):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), One) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.machine.run(f"curl -sSf -m 60 http://10.0.2.2:{server.server_address[1]}/ >{to}", seconds=90)
            server.shutdown()

    def test_05_a_key_that_is_cut_off_costs_secrets_and_nothing_else(self):
        self.stopped()
        self.machine.run("truncate -s 5 /var/lib/orbitr/box.key")
        code = self.recovers()
        self.choose(code, "forget-secrets")
        self.machine.wait_on_screen(r"State +Running", 300)
        self.it.box.ask("POST", "/api/v1/session", {"username": "ada", "password": PASSWORD})
        self.assertIsNone(self.it.is_intact())

    def test_06_one_of_a_newer_version_is_left_and_a_new_one_begun(self):
        name = self.stopped()
        generation = name.split(".")[1]
        # nothing of the schema that this version knows is left to it
        self.machine.run(f"cd {DB} && mv {name} newest && rm -f *.sqlite && mv newest orbitr-v9999.{generation}.sqlite")
        code = self.recovers()
        status, _ = self.choose(code, "start-over", "")
        self.assertIn(status, range(400, 500), "it asks for words")
        self.choose(code, "start-over", "START OVER")
        self.machine.wait_on_screen(r"State +Setup", 300)
        code, fingerprint = self.machine.menu()
        Box(self.machine, fingerprint).ask("POST", "/api/v1/claim", {"code": code, "username": "grace", "password": PASSWORD})
        self.assertTrue(self.machine.succeeds(f"ls {DB}/set-aside/*/orbitr-v9999.*"), "what was there is not deleted")


# As tests/tests/e2e/docker_store.rs has them; each is a line of shell for a store in which nothing runs.
ZERO = 'zero() { for file; do size=$(stat -c %s "$file"); head -c "$size" /dev/zero >"$file"; done; }; cd /var/lib/docker; '
STORE_DAMAGES = {
    "networks": ZERO + "zero network/files/local-kv.db",
    "images": ZERO + "zero image/overlay2/imagedb/content/sha256/*",
    "layers": ZERO + 'for id in image/overlay2/layerdb/sha256/*/cache-id; do rm -r "overlay2/$(cat "$id")"; done',
    "containers": ZERO + "zero containers/*/config.v2.json",
    "containerd": ZERO + "zero /var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db",
}


class DamagedStores(Story):
    """Docker's store is damaged in five ways while the power is away; the app comes back with its row from each."""

    @classmethod
    def setUpClass(cls):
        registry = Registry()
        cls.addClassCleanup(registry.stop)
        cls.it = InUse("damaged-stores", IMAGE, *registry.credential())
        cls.machine = cls.it.machine
        cls.addClassCleanup(cls.machine.cut_power)
        cls.it.begin()
        cls.last = None

    def store(self):
        return self.it.box.ask("GET", "/api/v1/box/docker-store")

    def suffer(self, damage):
        # nothing of Docker may run while its store changes
        stop = "systemctl stop docker.socket docker.service containerd.service; pkill -KILL -f containerd-shim; sleep 2"
        unmount = "umount /var/lib/docker/overlay2/*/merged"
        self.machine.run(f"({stop}; {unmount}) 2>/dev/null; {STORE_DAMAGES[damage]} && sync", seconds=180)
        self.machine.cut_power()
        self.it.start()
        self.machine.wait_ready()
        until("the box does not answer", lambda: self.it.box.ask("GET", "/api/v1/status"))

    def is_rebuilt(self, by_the_box):
        def ended():
            last = self.store()["last"]
            return last and last["job"] != type(self).last and last["end"] and last

        last = until("it is not rebuilt", ended, 900)
        type(self).last = last["job"]
        self.assertEqual((last["end"], last["by_the_box"]), ("done", by_the_box), last)
        self.assertEqual(last["back"], [self.it.before["apps"][0][0]], last)
        self.assertIsNone(self.it.is_intact())
        until("something is still wrong with the store", lambda: self.store()["trouble"] is None)

    def asks_and_is_told(self):
        """The second time on one day it asks, and is told to with the issue's button."""
        def broken():
            issues = self.it.box.ask("GET", "/api/v1/issues")
            return next((issue for issue in issues if issue["id"].startswith("docker-store-broken")), None)

        issue = until("it asks nobody", broken, 600)
        self.assertIn("24 hours", json.dumps(issue))
        self.it.box.ask("POST", "/api/v1/box/docker-store/rebuild", {})

    def test_01_zeroed_networks_are_mended_by_the_box_itself(self):
        self.suffer("networks")
        self.is_rebuilt(by_the_box=True)

    def by_button(self, damage):
        self.suffer(damage)
        self.asks_and_is_told()
        self.is_rebuilt(by_the_box=False)

    def test_02_zeroed_images(self):
        self.by_button("images")

    def test_03_layers_that_are_gone(self):
        self.by_button("layers")

    def test_04_zeroed_containers(self):
        self.by_button("containers")

    def test_05_a_zeroed_database_of_containerd(self):
        self.by_button("containerd")

    def test_06_the_old_stores_go_when_their_owner_says_so(self):
        self.assertEqual(len(self.store()["aside"]), 5)
        self.it.box.wait_for_job(self.it.box.ask("POST", "/api/v1/box/docker-store/remove", {})["job"])
        self.assertEqual(self.store()["aside"], [])
        self.assertIsNone(self.it.is_intact())


class CutOffResets(Story):
    """A factory reset is asked for, in the browser and on the serial console, and the power goes again and again before it has ended."""

    @classmethod
    def setUpClass(cls):
        cls.machine = Machine("resets", IMAGE)
        cls.addClassCleanup(cls.machine.cut_power)
        cls.machine.start(fresh=True)
        # the same moments in every run
        cls.moments = random.Random(6)

    def claimed(self):
        self.machine.wait_ready()
        code, fingerprint = self.machine.menu()
        Box(self.machine, fingerprint).make_data(code)
        code, fingerprint = self.machine.menu()
        box = Box(self.machine, fingerprint)
        box.ask("POST", "/api/v1/claim", {"code": code, "username": "ada", "password": PASSWORD})
        self.machine.run("echo precious >/var/lib/orbitr-system/kept && sync")
        return box

    def is_cut_off_and_ends(self):
        """Right after it was noted, then three times somewhere on the way to the menu; the next start ends it."""
        try:
            until("the reset is not noted", lambda: self.machine.succeeds("test -e /boot/orbitr/reset"), 60, pause=0.2)
        finally:
            self.machine.cut_power()
        began = time.monotonic()
        for _ in range(3):
            self.machine.start()
            time.sleep(self.moments.uniform(5, 60))
            self.machine.cut_power()
        self.machine.start()
        self.machine.wait_ready()
        code, _ = self.machine.menu()
        self.assertIsNotNone(code, f"a new box has a setup code ({time.monotonic() - began:.0f} s)")
        self.assertFalse(self.machine.succeeds("test -e /boot/orbitr/reset || test -e /boot/orbitr/data"))
        self.assertNotIn(DATA_TYPE, self.machine.run("lsblk --noheadings --raw --output PARTTYPE /dev/sda"))
        self.assertFalse(self.machine.succeeds("mountpoint -q /var/lib/orbitr"))

    def test_01_over_the_network(self):
        box = self.claimed()
        serial = box.ask("GET", "/api/v1/box/factory-reset")["serial"]
        box.ask("POST", "/api/v1/box/factory-reset", {"serial": "nonsense"}, expect=range(400, 500))
        box.ask("POST", "/api/v1/box/factory-reset", {"serial": serial})
        self.is_cut_off_and_ends()

    def test_02_at_the_serial_console(self):
        self.claimed()
        self.machine.wait_on_screen(r"State +Running", 120)
        self.machine.press("f")
        self.machine.wait_on_screen(r"serial number")
        serial = re.search(r"serial number,\s+(\S+?),", re.sub(r"\s+", " ", self.machine.screen()))[1]
        self.machine.press(serial + "\r")
        self.is_cut_off_and_ends()


if __name__ == "__main__":
    unittest.main(failfast=False, verbosity=2)
