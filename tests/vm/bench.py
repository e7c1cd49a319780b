"""What the image costs: its size, its memory, how long until it answers, and how long it takes to build.

Prints rows of (name, value, unit, bound) as JSON for scripts/bench, which shows them. The bare Debian (image/bare) is
started in the same run, by the same emulator, and has the same packages.
"""

import argparse
import http.client
import json
import os
import re
import ssl
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench_updates import updates
from machine import PASSWORD, PATIENCE, ROOT, Box, Machine, TookTooLong

# How long a box that is up is left alone before its memory is looked at.
SETTLE_SECONDS = 60


def say(text):
    print(text, file=sys.stderr, flush=True)


def image_builds(program, out):
    """Seconds from nothing, and after a change of the supervisor alone."""
    took = []
    for options in (["--fresh"], ["--fast"]):
        say("building the image " + ("from nothing" if options == ["--fresh"] else "after a change"))
        began = time.monotonic()
        folder = out / options[0].strip("-")
        command = [ROOT / "scripts/image", *options, "--bin", program, "--out", folder]
        subprocess.run(command, check=True, stdout=sys.stderr)
        took.append(time.monotonic() - began)
        # the next one is another program
        changed = out / "program"
        changed.write_bytes(Path(program).read_bytes() + b"\0")
        changed.chmod(0o755)
        program = changed
    return took


def update_set(program, out):
    """MB that a box downloads for an update, packed as a release is."""
    say("making a release")
    folder = out / "release"
    command = [ROOT / "scripts/image", "--bin", program, "--out", out / "released", "--release", folder]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return sum(os.path.getsize(part) for part in folder.iterdir() if part.suffix != ".update") / 1e6


def handed_over(machine):
    """When the firmware starts the loader, as it says on the serial port."""
    machine.wait_for(r"BdsDxe: starting Boot", 120)
    return time.monotonic()


def started_again(machine):
    """Switched off in an orderly way and on again; answers as `handed_over`."""
    machine.switch_off()
    machine.start()
    return handed_over(machine)


def answers(machine, seconds=400):
    """Waits until the box serves a page over HTTPS; answers when."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    deadline = time.monotonic() + seconds * PATIENCE
    while time.monotonic() < deadline:
        try:
            connection = http.client.HTTPSConnection("127.0.0.1", machine.ports[443], timeout=20, context=context)
            connection.request("GET", "/")
            answer = connection.getresponse()
            answer.read()
            if answer.status < 400:
                return time.monotonic()
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.25)
    raise TookTooLong(f"{machine.name} serves no page")


def active_since(machine, unit):
    """When a unit became active, on this machine's clock."""
    machine.run(f"until systemctl -q is-active {unit}; do sleep 1; done", seconds=200)
    text = machine.run(f"systemctl show -P ActiveEnterTimestampMonotonic {unit} && cat /proc/uptime").split()
    return time.monotonic() - (float(text[1]) - int(text[0]) / 1e6)


def memory_in_use(machine):
    """In MB (10⁶ bytes), once everything has come to rest."""
    time.sleep(SETTLE_SECONDS)
    text = machine.run("cat", "/proc/meminfo")
    total, available = (int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M)[1]) for name in ("MemTotal", "MemAvailable"))
    return (total - available) * 1024 / 1e6


def ours(image, rounds):
    """Seconds to the wizard, seconds of a box in use to its page and Docker, MB."""
    wizards = []
    machine = Machine("bench", image)
    try:
        for _ in range(rounds):
            machine.cut_power()
            machine.start(fresh=True)
            begun = handed_over(machine)
            wizards.append(answers(machine) - begun)
            say(f"from hand-over to the wizard: {wizards[-1]:.1f} s")
        machine.wait_ready()
        code, fingerprint = machine.menu()
        box = Box(machine, fingerprint)
        box.make_data(code)
        code, _ = machine.menu()
        box.ask("POST", "/api/v1/claim", {"code": code, "username": "ada", "password": PASSWORD})
        machine.wait_ready()
        starts = []
        for _ in range(rounds):
            begun = started_again(machine)
            page = answers(machine)
            machine.wait_ready()
            starts.append(max(page, active_since(machine, "docker.service")) - begun)
            say(f"from hand-over to page and Docker: {starts[-1]:.1f} s")
        return statistics.median(wizards), statistics.median(starts), memory_in_use(machine)
    finally:
        machine.cut_power()


def bare(rounds):
    """Seconds until a bare Debian has reached its default target with Docker, MB."""
    subprocess.run([ROOT / "image/bare/make"], check=True, stdout=sys.stderr)
    machine = Machine("bare", ROOT / "target/image/bare/out/bare.raw")
    try:
        # the very first start sets it up, which is left out
        machine.start(fresh=True)
        machine.wait_ready()
        took = []
        for _ in range(rounds):
            begun = started_again(machine)
            machine.wait_for(r"login:", 400)
            machine.wait_ready()
            took.append(max(active_since(machine, unit) for unit in ("multi-user.target", "docker.service")) - begun)
            say(f"from hand-over to the bare Debian's target: {took[-1]:.1f} s")
        return statistics.median(took), memory_in_use(machine)
    finally:
        machine.cut_power()


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--bin", required=True)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--image", help="measure this image, and not how long one takes to build")
    given = options.parse_args()
    rows = []
    image = given.image
    if not image:
        out = ROOT / "target/image/bench"
        nothing, change = image_builds(given.bin, out)
        (packed,) = (out / "fresh").glob("*.raw.zst")
        (image,) = (out / "fresh").glob("*.raw")
        rows += [
            ("compressed image", os.path.getsize(packed) / 1e6, "MB", 400),
            ("update set", update_set(given.bin, out), "MB", 330),
            ("image from nothing", nothing, "s", 300),
            ("image after a change of the supervisor", change, "s", 60),
        ]
    debian, debian_memory = bare(given.rounds)
    wizard, start, memory = ours(image, given.rounds)
    rows += [
        ("bare Debian: hand-over to its target with Docker", debian, "s", None),
        ("hand-over to wizard", wizard, "s", None),
        ("hand-over to wizard, ratio to bare Debian", wizard / debian, "x", 1.1),
        ("box in use: hand-over to page and Docker", start, "s", None),
        ("box in use: ratio to bare Debian", start / debian, "x", None),
        ("memory in use after boot with Docker, no apps", memory, "MB", 300),
        ("bare Debian: memory in use", debian_memory, "MB", None),
    ]
    os.environ["ORBITR_VM_PROGRAM"] = str(given.bin)
    rows += updates(Path(image), answers, handed_over)
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
