"""A machine that runs the real image: started with scripts/vm, driven from outside as a person and a hypervisor would.

The serial console, the forwarded ports and the guest agent are all that tests get; the image has nothing in it for them.
"""

import base64
import http.client
import hashlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pyte

ROOT = Path(__file__).resolve().parent.parent.parent
# How much longer everything may take than on two free cores under emulation.
PATIENCE = float(os.environ.get("ORBITR_VM_PATIENCE", "3"))


# The owner's, who is called ada.
PASSWORD = "correct horse battery staple"


class TookTooLong(AssertionError):
    pass


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Machine:
    def __init__(self, name, image=None, forward=(443, 80)):
        self.name = name
        self.image = image
        self.ports = {guest: free_port() for guest in forward}
        self.folder = ROOT / "target/vm" / name
        self.process = None
        self.text = ""
        self._clear_screen()
        self._serial = None
        self._heard = threading.Condition()

    # --- power ---------------------------------------------------------------------------------------------------

    def start(self, *options, fresh=False):
        """Switches it on. With `fresh`, on a disk just flashed and firmware that has forgotten everything."""
        command = [str(ROOT / "scripts/vm"), "--name", self.name]
        if self.image:
            command += ["--image", str(self.image)]
        for guest, host in self.ports.items():
            command += ["--forward", f"{host}:{guest}"]
        # an emulated processor that waits for the host is no fault of the kernel's, nor is a timer that comes late
        command += ["--cmdline", "watchdog_thresh=60 no_timer_check"]
        command += ["--fresh"] if fresh else []
        self.forget_console()
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "vm.log", "w") as log:
            self.process = subprocess.Popen([*command, *options], stdout=log, stderr=subprocess.STDOUT)
        self._serial = self._connect("serial.sock")
        threading.Thread(target=self._listen, args=(self._serial,), daemon=True).start()
        return self

    def cut_power(self):
        """As if the plug were pulled."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.process = None
        if self._serial:
            self._serial.close()

    def wait_off(self, seconds=120):
        try:
            self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            raise TookTooLong(f"{self.name} did not switch itself off") from None
        self.process = None

    def switch_off(self):
        """Orderly, as with its button."""
        self.agent("guest-shutdown", {"mode": "powerdown"}, answer=False)
        self.wait_off()

    def reboot(self):
        """Restarts it in an orderly way and waits until the old system is gone."""
        before = self.boot_id()
        self.forget_console()
        self.agent("guest-shutdown", {"mode": "reboot"}, answer=False)
        self.wait_ready(not_boot=before)

    def _connect(self, name):
        deadline = time.monotonic() + 60
        while True:
            process = self.process
            if process is None:
                raise ConnectionError(f"{self.name} is switched off")
            if process.poll() is not None:
                raise AssertionError((self.folder / "vm.log").read_text())
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self.folder / name))
                return connection
            except OSError:
                connection.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    # --- the serial console --------------------------------------------------------------------------------------

    def _listen(self, connection):
        while True:
            try:
                data = connection.recv(65536)
            except OSError:
                return
            if not data:
                return
            with self._heard:
                self.text += data.decode("utf-8", "replace").replace("\r", "")
                self._terminal.feed(data)
                self._heard.notify_all()

    def _clear_screen(self):
        self._screen = pyte.Screen(80, 25)
        self._terminal = pyte.ByteStream(self._screen)

    def forget_console(self):
        """What was shown up to now counts no more."""
        with self._heard:
            self.text = ""
            self._clear_screen()

    def screen(self):
        """What a person sees on a terminal at the serial port: 25 lines."""
        with self._heard:
            return "\n".join(line.rstrip() for line in self._screen.display)

    def press(self, keys):
        """Types on that terminal. A line ends with \\r, as its Enter key does."""
        for key in re.findall(r"\x1b\[[A-D]|.", keys, re.S):
            self._serial.sendall(key.encode())
            # as fast as nobody types, and slow enough for a serial port without flow control
            time.sleep(0.05)

    def wait_for(self, pattern, seconds=60):
        """Waits until the console has shown the pattern; answers the match."""
        deadline = time.monotonic() + seconds * PATIENCE
        with self._heard:
            while True:
                # colours and cursor movements are no part of what a person reads
                found = re.search(pattern, re.sub(r"\x1b\[[0-9;?!]*[A-Za-z]", "", self.text), re.S)
                if found:
                    return found
                left = deadline - time.monotonic()
                if left <= 0 or (self.process and self.process.poll() is not None):
                    raise TookTooLong(f"{self.name}: the console does not show /{pattern}/; its end:\n{self.text[-1500:]}")
                self._heard.wait(min(left, 5))

    def wait_on_screen(self, pattern, seconds=60):
        """Waits until the screen shows the pattern now; answers the match."""
        deadline = time.monotonic() + seconds * PATIENCE
        asked = time.monotonic()
        with self._heard:
            while True:
                if found := re.search(pattern, "\n".join(self._screen.display), re.S):
                    return found
                if time.monotonic() > asked + 15:
                    # the emulated serial port repeats a byte now and then; Ctrl-L has the menu drawn once more
                    self._serial.sendall(b"\x0c")
                    asked = time.monotonic()
                left = deadline - time.monotonic()
                if left <= 0 or (self.process and self.process.poll() is not None):
                    shown = "\n".join(self._screen.display)
                    raise TookTooLong(f"{self.name}: the screen does not show /{pattern}/ but:\n{shown}")
                self._heard.wait(min(left, 5))

    def menu(self, seconds=600):
        """Waits for the menu's first screen; answers the setup code, if there is one, and the certificate's fingerprint."""
        half = r"((?:[0-9A-F]{2}:?){16})"
        shown = self.wait_on_screen(rf"State .*Certificate +{half}.*?\n *SHA-256 +{half}", seconds)
        code = re.search(r"Setup code +(\S+)", self.screen())
        return code and code[1], re.sub(r"[^0-9a-f]", "", (shown[1] + shown[2]).lower())

    # --- the guest agent -----------------------------------------------------------------------------------------

    def agent(self, command, arguments=None, answer=True, seconds=30):
        """One call of the QEMU guest agent."""
        with self._connect("agent.sock") as connection:
            connection.settimeout(seconds * PATIENCE)
            # what an earlier call has left unread ends here
            mark = time.monotonic_ns() & 0x7FFFFFFF
            connection.sendall(b"\xff" + json.dumps({"execute": "guest-sync-delimited", "arguments": {"id": mark}}).encode() + b"\n")
            buffer = b""
            while f'"return": {mark}'.encode() not in buffer:
                part = connection.recv(65536)
                if not part:
                    raise ConnectionError("the agent's channel is closed")
                buffer += part
            connection.sendall(json.dumps({"execute": command, "arguments": arguments or {}}).encode() + b"\n")
            if not answer:
                time.sleep(0.5)
                return None
            buffer = b""
            while not buffer.endswith(b"\n"):
                part = connection.recv(1 << 20)
                if not part:
                    raise ConnectionError("the agent's channel is closed")
                buffer += part
        answered = json.loads(buffer)
        if "error" in answered:
            raise AssertionError(f"{command}: {answered['error']}")
        return answered["return"]

    def run(self, *command, seconds=60, check=True):
        """Runs a program on the box as root; answers what it printed. A single word is a line for the shell."""
        if len(command) == 1:
            command = ("/bin/sh", "-c", command[0])
        started = self.agent(
            "guest-exec", {"path": command[0], "arg": list(command[1:]), "capture-output": True}
        )
        deadline = time.monotonic() + seconds * PATIENCE
        while True:
            found = self.agent("guest-exec-status", {"pid": started["pid"]})
            if found["exited"]:
                break
            if time.monotonic() > deadline:
                raise TookTooLong(f"{self.name}: {command} does not end")
            time.sleep(0.3)
        printed, complained = (base64.b64decode(found.get(key, "")).decode("utf-8", "replace") for key in ("out-data", "err-data"))
        if check and found.get("exitcode", -1) != 0:
            raise AssertionError(f"{command} ended with {found}: {printed}{complained}")
        return printed

    def succeeds(self, line):
        """Whether a line of shell ends well on the box."""
        return self.run(f"({line}) >/dev/null 2>&1 && echo yes || echo no").strip() == "yes"

    def main_pid(self):
        """The supervisor's."""
        return self.run("systemctl show -P MainPID orbitr.service").strip()

    def boot_id(self):
        return self.run("cat", "/proc/sys/kernel/random/boot_id").strip()

    def wait_ready(self, seconds=300, not_boot=None):
        """Waits until the system says that everything it wanted to start has been started."""
        deadline = time.monotonic() + seconds * PATIENCE
        while True:
            try:
                self.agent("guest-ping", seconds=5)
                if self.boot_id() != not_boot:
                    state = self.run("systemctl is-system-running", check=False).strip()
                    if state in ("running", "degraded"):
                        return state
            except (OSError, ValueError, AssertionError):
                pass
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} has ended")
            if time.monotonic() > deadline:
                raise TookTooLong(f"{self.name} did not come up; the console's end:\n{self.text[-1500:]}")
            time.sleep(3)

    def wait_for_version(self, version, seconds=600, returned=None, not_boot=None):
        """Waits until this version runs and everything has been started; with `returned`, after that one left its mark."""
        deadline = time.monotonic() + seconds * PATIENCE
        while True:
            try:
                runs = f"IMAGE_VERSION={version}\n" in self.run("cat", "/etc/os-release").replace('"', "")
                if runs and self.boot_id() != not_boot and (not returned or self.succeeds(f"test -e /boot/orbitr/failed/{returned}.json")):
                    return self.wait_ready(seconds)
            except (OSError, ValueError, AssertionError):
                pass
            if time.monotonic() > deadline:
                raise TookTooLong(f"{version} does not come up; the console's end:\n{self.text[-1500:]}")
            time.sleep(3)


class Pinned(http.client.HTTPSConnection):
    """HTTPS to a box whose certificate is known by the fingerprint that its console shows."""

    def __init__(self, port, fingerprint, timeout):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        super().__init__("127.0.0.1", port, context=context, timeout=timeout)
        self.fingerprint = fingerprint

    def connect(self):
        super().connect()
        shown = hashlib.sha256(self.sock.getpeercert(binary_form=True)).hexdigest()
        if shown != self.fingerprint:
            raise ssl.SSLError(f"the certificate's fingerprint is {shown}, the console says {self.fingerprint}")


class Box:
    """What a person with a browser can do: the API, over the forwarded port."""

    def __init__(self, machine, fingerprint):
        self.machine, self.fingerprint, self.cookie = machine, fingerprint, None

    def ask(self, method, path, body=None, seconds=60, expect=range(200, 400), code=None):
        connection = Pinned(self.machine.ports[443], self.fingerprint, seconds * PATIENCE)
        headers = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
        if self.cookie:
            headers["Cookie"] = self.cookie
        if code:
            headers["Authorization"] = f"Setup {code}"
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status not in expect:
            raise AssertionError(f"{method} {path} answers {answer.status}: {text[:600]!r}")
        if cookie := answer.headers.get("Set-Cookie"):
            self.cookie = cookie.split(";")[0]
        return json.loads(text) if text and answer.headers.get_content_type() == "application/json" else text

    def make_data(self, code, seconds=300, **choice):
        """Has the data partition made, and waits until the supervisor has come back on it."""
        before = self.machine.main_pid()
        self.ask("POST", "/api/v1/setup/make-data", choice, code=code)
        self.wait_for_data(code, before, seconds)

    def wait_for_data(self, code, before, seconds=300):
        """Waits until another supervisor than `before` runs on a data partition."""
        deadline = time.monotonic() + seconds * PATIENCE
        while True:
            if self.machine.succeeds("mountpoint -q /var/lib/orbitr") and self.machine.main_pid() not in ("0", before):
                break
            try:
                facts = self.ask("GET", "/api/v1/setup/facts", code=code, expect=range(200, 500))
            except (OSError, http.client.HTTPException) as error:
                facts = error  # it is on its way to the data partition
            if isinstance(facts, dict) and facts.get("problem"):
                raise AssertionError(f"the data partition was not made: {facts['problem']}")
            if time.monotonic() > deadline:
                raise TookTooLong(f"the data partition is not there yet: {facts}")
            time.sleep(2)
        self.machine.run("for _ in $(seq 60); do systemctl -q is-active orbitr.service && exit; sleep 2; done; exit 1", seconds=150)

    def wait_for_job(self, job, seconds=300, note=lambda _: None):
        """Waits until a job has succeeded; `note` is told of it meanwhile."""
        deadline = time.monotonic() + seconds * PATIENCE
        while True:
            found = self.ask("GET", f"/api/v1/jobs/{job}")
            note(found)
            if found["state"] in ("succeeded", "failed", "cancelled"):
                assert found["state"] == "succeeded", f"the job «{found['title']}» ended: {found['problem']}"
                return found
            if time.monotonic() > deadline:
                raise TookTooLong(f"the job «{found['title']}» is still {found['state']}, at {found.get('step')}")
            time.sleep(1)
