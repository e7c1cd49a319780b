"""What every part of the benchmark works with: the testbed's machine, its engine, and a box in it."""

import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def say(text):
    print(text, file=sys.stderr, flush=True)


def reexec_inside():
    """Goes on inside the testbed's machine, where the engine's published ports are."""
    if os.environ.get("ORBITR_BENCH_INSIDE"):
        return
    subprocess.run([ROOT / "tests/testbed/up"], check=True, stdout=sys.stderr)
    lines = subprocess.run([ROOT / "tests/testbed/env"], check=True, capture_output=True, text=True).stdout
    for name, value in re.findall(r"^export (\w+)='([^']*)'$", lines, re.M):
        os.environ[name] = value
    os.environ["ORBITR_BENCH_INSIDE"] = "yes"
    enter = ROOT / "tests/testbed/enter"
    os.execv(enter, [str(enter), sys.executable, str(ROOT / "scripts/bench"), *sys.argv[1:]])


def run(command, **options):
    """What it printed; the end of everything when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stderr}")
    return done.stdout


def docker(*arguments):
    return run(["docker", "-H", f"unix://{os.environ['ORBITR_TEST_DOCKER']}", *arguments]).strip()


def compose(*arguments):
    """The plugin with nothing of this process's environment but the engine; answers with what it printed."""
    environment = {"DOCKER_HOST": f"unix://{os.environ['ORBITR_TEST_DOCKER']}", "PATH": os.environ["PATH"]}
    return run([os.environ["ORBITR_TEST_COMPOSE"], *arguments], env=environment)


def load():
    """So many want to run on each core, over the last minute."""
    return os.getloadavg()[0] / os.cpu_count()


class Box:
    """A supervisor over a state directory of its own."""

    def __init__(self, program, state):
        self.program, self.state = program, Path(state)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = None
        self.cookie = None
        self.id = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Nothing of it goes on, in Docker neither."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if not self.id:
            return
        label = f"label=io.orbitr.box={self.id}"
        for found, remove in (("ps", "rm"), ("network", "network")):
            arguments = ["ps", "-aq"] if found == "ps" else ["network", "ls", "-q"]
            if left := docker(*arguments, "--filter", label).split():
                docker(*([remove, "-f"] if found == "ps" else ["network", "rm"]), *left)

    def start(self):
        """Starts it; answers how long it took to say that it is ready, and what it printed."""
        notify = self.state / "notify.sock"
        notify.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(str(notify))
        listener.settimeout(60)
        arguments = [
            self.program, "supervise", "--state-dir", str(self.state / "box"), "--https", f"127.0.0.1:{self.port}",
            "--no-http", "--docker-socket", os.environ["ORBITR_TEST_DOCKER"],
            "--compose-bin", os.environ["ORBITR_TEST_COMPOSE"], "--log", "warn",
        ]
        if (self.state / "extensions").is_dir():
            arguments += ["--extensions", str(self.state / "extensions")]
        # as overlays/hosted/orbitr.service sets it
        memory = {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_ARENA_MAX": "2"}
        environment = {**os.environ, **memory, "NOTIFY_SOCKET": str(notify)}
        begun = time.monotonic()
        with open(self.state / "log", "ab") as log:
            self.process = subprocess.Popen(arguments, stdout=log, stderr=log, env=environment)
        while b"READY=1" not in listener.recv(4096):
            pass
        took = time.monotonic() - begun
        listener.close()
        return took

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

    def connect(self):
        context = ssl.create_default_context(cafile=str(self.state / "box/tls/ca.pem"))
        return http.client.HTTPSConnection("localhost", self.port, context=context, timeout=60)

    def ask(self, method, path, body=None, connection=None):
        connection = connection or self.connect()
        headers = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
        if self.cookie:
            headers["Cookie"] = self.cookie
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path} answers {answer.status}: {text[:400]!r}")
        if cookie := answer.headers.get("Set-Cookie"):
            self.cookie = cookie.split(";")[0]
        return json.loads(text) if text and answer.headers.get_content_type() == "application/json" else text

    def claim(self):
        code = re.search(r"Setup code\s+(\S+)", (self.state / "log").read_text()).group(1)
        account = {"code": code, "username": "bench", "password": "a long enough password"}
        self.ask("POST", "/api/v1/claim", account)
        self.id = self.ask("GET", "/api/v1/box/settings")["id"]

    def publish(self, name, manifest):
        """Puts an extension into its store, as local/NAME, from its next start on."""
        folder = self.state / "extensions" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "extension.yaml").write_text(manifest)
        icon = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h8v8H0z"/></svg>'
        (folder / "icon.svg").write_text(icon)

    def watch(self, job, pause=0.02):
        """A job again and again, until it has ended."""
        connection = self.connect()
        while True:
            found = self.ask("GET", f"/api/v1/jobs/{job}", connection=connection)
            yield found
            if found["ended"]:
                return
            time.sleep(pause)

    def wait_for(self, job, state="succeeded"):
        """The job when it has ended, which has to be like this."""
        *_, found = self.watch(job)
        if found["state"] != state:
            raise SystemExit(f"the job {found['title']} ended {found['state']}: {found['problem']}")
        return found

    def status(self, name):
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{name}:\s+(\d+)", text, re.M).group(1))

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
