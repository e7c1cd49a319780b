"""Versions of the system made for tests from the program that is tested, and a server that offers them."""

import functools
import http.server
import os
import shutil
import subprocess
import threading

from machine import ROOT

WORK = ROOT / "target/vm/updates-made"
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
    """Files that are laid over a version that is to come back."""
    layer = WORK / "broken-pages"
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


def make(version, source, *more):
    """An update to this version, for a source of this name. ORBITR_VM_UPDATES_MADE=yes takes what an earlier run made."""
    if os.environ.get("ORBITR_VM_UPDATES_MADE"):
        return
    folder = WORK / source
    shutil.rmtree(folder, ignore_errors=True)
    command = [ROOT / "scripts/image", "--fast", "--version", version, "--out", WORK / "out", "--release", folder / "stable", *more]
    if program := os.environ.get("ORBITR_VM_PROGRAM"):
        command += ["--bin", program]
    # beside a machine whose tests wait for it
    with open(WORK / f"{source}.log", "w") as log:
        subprocess.run(["nice", *map(str, command)], check=True, stdout=log, stderr=subprocess.STDOUT)
    # the image itself, and the one file to carry: nobody here wants them, and they are large
    for large in [*(WORK / "out").glob("*.raw"), *(folder / "stable").glob("*.update")]:
        large.unlink()


class Served(http.server.ThreadingHTTPServer):
    """A folder of updates, towards the box's network, where this machine is 10.0.2.2."""

    daemon_threads = True

    def __init__(self, folder=WORK):
        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def address(self, source):
        return f"http://10.0.2.2:{self.server_address[1]}/{source}"
