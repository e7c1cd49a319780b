"""What a server of updates may do to a box: lie, stall, cut the line, offer what nobody signed. The version that runs is never touched.

Run by `tests/vm/run --all`. Everything is asked through the box's own API; the server is one that does what each test wants.
"""

import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from machine import PASSWORD, PATIENCE, ROOT, Box, Machine
from promises import IMAGE, Story
from release import WORK, make, version_of

PIECE = 1 << 20
# The one that `scripts/image` makes where none is given.
KEY = ROOT / "target/image/gnupg"


def sign(folder, key=KEY):
    """SHA256SUMS of a set, as scripts/image does."""
    command = ["gpg", "--homedir", key, "--batch", "--quiet", "--yes", "--pinentry-mode", "loopback"]
    subprocess.run([*command, "--detach-sign", "--output", folder / "SHA256SUMS.gpg", folder / "SHA256SUMS"], check=True)


class Serving(http.server.BaseHTTPRequestHandler):
    """Gives a set as it is, or as the trick for that file wants."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        name = self.path.rsplit("/", 1)[-1]
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        begin = int(asked[1]) if asked else 0
        self.server.asked.append((name, begin))
        file = self.server.folder / name
        if not file.is_file():
            return self.send_error(404)
        tricks = (trick for end, trick in self.server.tricks.items() if re.search(end, name))
        return next(tricks, give)(self, file, begin)


def give(to, file, begin, most=None, length=None, more=0, change=None):
    """The file from there on: at most so many bytes, under this length, with so many more at its end, or with one byte changed."""
    size = file.stat().st_size
    to.send_response(206 if begin else 200)
    if begin:
        to.send_header("Content-Range", f"bytes {begin}-{size - 1}/{size}")
    if length != "unsaid":
        to.send_header("Content-Length", str((length or size) - begin))
    to.end_headers()
    left = size - begin if most is None else min(most, size - begin)
    with open(file, "rb") as source:
        source.seek(begin)
        while left and (piece := source.read(min(PIECE, left))):
            if change is not None and begin <= change < begin + len(piece):
                piece = bytearray(piece)
                piece[change - begin] ^= 1
            to.wfile.write(piece)
            begin, left = begin + len(piece), left - len(piece)
    to.wfile.write(b"\0" * more)
    to.close_connection = True


def stall(to, file, begin):
    """Says that the file comes, gives a little of it, and nothing more; but does not hang up."""
    give(to, file, begin, most=1000 if begin == 0 else 0)
    to.wfile.flush()
    to.server.over.wait()


def cut_after(most):
    return lambda to, file, begin: give(to, file, begin, most=most)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Serving)
        self.folder, self.tricks, self.asked, self.over = None, {}, [], threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def offers(self, folder, **tricks):
        """From now on, this set, with tricks for files by a word in their name."""
        self.folder, self.tricks, self.asked = folder, {re.escape(word): trick for word, trick in tricks.items()}, []

    def address(self):
        return f"http://10.0.2.2:{self.server_address[1]}"

    def close(self):
        self.over.set()
        self.shutdown()


class ServersThatLie(Story):
    """One box, one server, and everything that the server can think of."""

    @classmethod
    def setUpClass(cls):
        WORK.mkdir(parents=True, exist_ok=True)
        cls.first = version_of(IMAGE)
        cls.next = f"{cls.first}.1"
        cls.machine = Machine("bad-servers", IMAGE)
        cls.addClassCleanup(cls.machine.cut_power)
        cls.machine.start(fresh=True)
        # while it starts
        make(cls.next, "next")
        cls.good = WORK / "next/stable"
        cls.server = Server()
        cls.addClassCleanup(cls.server.close)
        cls.copies = Path(tempfile.mkdtemp(dir=WORK))
        cls.addClassCleanup(shutil.rmtree, cls.copies)
        code, fingerprint = cls.machine.menu()
        Box(cls.machine, fingerprint).make_data(code)
        code, fingerprint = cls.machine.menu()
        cls.box = Box(cls.machine, fingerprint)
        cls.box.ask("POST", "/api/v1/claim", {"code": code, "username": "ada", "password": PASSWORD})
        cls.machine.wait_ready()
        cls.box.ask("PATCH", "/api/v1/box/updates/settings", {"source": cls.server.address()})
        cls.before = cls.here()

    @classmethod
    def here(cls):
        """What the version that runs consists of: its two partitions, the table, and the kernels of all."""
        line = "sha256sum /dev/sda2 /dev/sda3 /boot/EFI/Linux/*; sfdisk --dump /dev/sda"
        return cls.machine.run(line, seconds=300)

    def is_untouched(self):
        self.assertEqual(self.here(), self.before)
        self.assertEqual(self.updates()["running"], self.first)
        self.assertEqual(len(self.updates()["installed"]), 1)

    def updates(self):
        return self.box.ask("GET", "/api/v1/box/updates")

    def ended(self, asked, seconds=900):
        """The end of the job that was begun: nothing, or the code of its problem."""
        deadline = time.monotonic() + seconds * PATIENCE
        while time.monotonic() < deadline:
            found = self.box.ask("GET", f"/api/v1/jobs/{asked['job']}")
            if found["state"] in ("succeeded", "failed", "cancelled"):
                return found["problem"] and found["problem"]["code"]
            time.sleep(1)
        raise AssertionError(f"the job does not end: {found}")

    def check(self):
        return self.ended(self.box.ask("POST", "/api/v1/box/updates/check", {}))

    def install(self):
        return self.ended(self.box.ask("POST", "/api/v1/box/updates/install", {}))

    def papers(self, name, change=lambda manifest: manifest, key=KEY):
        """A set like the good one whose manifest says something else: well signed, with this key, but for its large files."""
        folder = self.copies / name
        folder.mkdir()
        (told,) = self.good.glob("*.json")
        manifest = change(json.loads(told.read_text()))
        sums = {line.split("  ")[1]: line.split("  ")[0] for line in (self.good / "SHA256SUMS").read_text().splitlines()}
        del sums[told.name]
        old, new = f"orbitr_{self.next}.", f"orbitr_{manifest['version']}."
        text = json.dumps(manifest).replace(old, new)
        (folder / f"{new}json").write_text(text)
        sums = {file.replace(old, new): value for file, value in sums.items()}
        sums[f"{new}json"] = hashlib.sha256(text.encode()).hexdigest()
        for file in self.good.glob(f"{old}*"):
            if file != told:
                os.link(file, folder / file.name.replace(old, new))
        (folder / "SHA256SUMS").write_text("".join(f"{value}  {file}\n" for file, value in sorted(sums.items())))
        sign(folder, key)
        return folder

    def test_01_what_nobody_signed_is_not_even_read(self):
        for name, signature in [("unsigned", b""), ("of-somebody-else", (self.good / "SHA256SUMS.gpg").read_bytes()[:-1] + b"\0")]:
            folder = self.papers(name)
            (folder / "SHA256SUMS.gpg").write_bytes(signature)
            self.server.offers(folder)
            self.assertEqual(self.check(), "update-not-signed", name)
            self.assertEqual({asked for asked, _ in self.server.asked}, {"SHA256SUMS", "SHA256SUMS.gpg"})
        (folder / "SHA256SUMS.gpg").unlink()
        self.assertEqual(self.check(), "update-source-unreachable", "without any signature")
        self.is_untouched()

    def test_02_what_another_key_signed_is_not_either(self):
        key = self.copies / "key"
        key.mkdir(mode=0o700)
        make_key = ["gpg", "--homedir", key, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
        subprocess.run([*make_key, "--quick-generate-key", "Somebody else", "ed25519", "sign", "never"], check=True)
        self.addCleanup(subprocess.run, ["gpgconf", "--homedir", key, "--kill", "gpg-agent"])
        self.server.offers(self.papers("wrong-key", key=key))
        self.assertEqual(self.check(), "update-not-signed")
        self.is_untouched()

    def test_03_what_is_older_is_not_offered(self):
        older = self.papers("older", lambda manifest: manifest | {"version": "0.0.1"})
        self.server.offers(older)
        self.assertIsNone(self.check())
        self.assertIsNone(self.updates()["offer"])
        self.box.ask("POST", "/api/v1/box/updates/install", {"version": "0.0.1"}, expect=range(400, 500))
        self.is_untouched()

    def test_04_what_is_larger_than_its_place_is_not_offered(self):
        def grow(manifest):
            for file in manifest["files"]:
                if file["role"] == "root":
                    file |= {"bytes": 1 << 40, "unpacked_bytes": 1 << 40}
            return manifest

        self.server.offers(self.papers("too-large", grow))
        self.assertIsNone(self.check())
        updates = self.updates()
        self.assertIsNone(updates["offer"])
        self.assertIn("its place on the disk", updates["passed_over"][0]["why"])
        self.is_untouched()

    def test_05_a_list_without_an_end_is_not_read_to_its_end(self):
        self.server.offers(self.good, **{"SHA256SUMS": lambda to, file, begin: give(to, file, begin, length="unsaid", more=1 << 20)})
        self.assertEqual(self.check(), "update-set-odd")
        self.is_untouched()

    def installs(self, **tricks):
        """Installs the good set with these tricks; a set of its own, or what an earlier test left would not be fetched again."""
        name = f"set-{len(list(self.copies.iterdir()))}"
        self.server.offers(self.papers(name, lambda manifest: manifest | {"notes": name}))
        self.assertIsNone(self.check())
        self.server.offers(self.server.folder, **tricks)
        return self.install()

    def refuses(self, code, **tricks):
        self.assertEqual(self.installs(**tricks), code)
        self.is_untouched()

    def test_06_a_payload_that_was_tampered_with_is_thrown_away(self):
        self.refuses("update-damaged", root=lambda to, file, begin: give(to, file, begin, change=file.stat().st_size // 2))
        self.refuses("update-damaged", efi=lambda to, file, begin: give(to, file, begin, change=100))

    def test_07_a_server_that_lies_about_sizes_is_not_believed(self):
        def size(file):
            return file.stat().st_size

        self.refuses("update-set-odd", verity=lambda to, file, begin: give(to, file, begin, length=size(file) + 1000))
        self.refuses("update-set-odd", verity=lambda to, file, begin: give(to, file, begin, length="unsaid", more=1000))
        short = lambda to, file, begin: give(to, file, begin, length="unsaid", most=max(0, size(file) - 1000 - begin))  # noqa: E731
        self.refuses("update-source-unreachable", verity=short)

    def test_08_a_server_that_stalls_for_ever_is_given_up(self):
        self.refuses("update-source-unreachable", verity=stall)

    def test_09_one_that_cuts_the_line_again_and_again_is_asked_for_the_rest(self):
        self.assertIsNone(self.installs(root=cut_after(60 << 20), efi=cut_after(30 << 20)))
        for word in ("root", "efi"):
            begins = [begin for name, begin in self.server.asked if word in name]
            self.assertGreater(len(begins), 2, self.server.asked)
            self.assertEqual(begins, sorted(set(begins)), "nothing is fetched twice")
        # it is in the other slot, and the one that runs is as it was
        now, before = self.here().splitlines(), self.before.splitlines()
        self.assertEqual(now[:2], before[:2])
        self.assertTrue(set(line for line in before if "/boot/EFI/Linux" in line) <= set(now))
        self.assertEqual([known["version"] for known in self.updates()["installed"]], [self.next, self.first])


if __name__ == "__main__":
    unittest.main(failfast=False, verbosity=2)
