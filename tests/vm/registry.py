"""A registry that stands in for docker.io towards a machine: the testbed's images, on this side of the machine's network.

The machine reaches it as 10.0.2.2:PORT. That it asks there is said by a drop-in for docker.service which QEMU hands over as
a system credential (systemd.system-credentials(7)); the image itself knows nothing of it.
"""

import os
import subprocess
import time
import urllib.request
from pathlib import Path

from machine import ROOT, free_port

CACHE = Path(os.environ.get("ORBITR_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "orbitr")


class Registry:
    def __init__(self):
        # makes the images where they are not there yet; needs neither the testbed's engine nor its network later
        subprocess.run([ROOT / "tests/testbed/up", "--keep"], check=True)
        self.port = free_port()
        self.folder = ROOT / "target/vm/registry"
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "config.yml"
        config.write_text(
            "version: 0.1\n"
            "log: {level: warn, accesslog: {disabled: true}}\n"
            f"storage: {{filesystem: {{rootdirectory: {ROOT}/target/testbed/registry}}, maintenance: {{readonly: {{enabled: true}}}}}}\n"
            f'http: {{addr: "127.0.0.1:{self.port}"}}\n'
        )
        program = CACHE / "docker-registry/usr/bin/docker-registry"
        with open(self.folder / "log", "w") as log:
            self.process = subprocess.Popen([program, "serve", config], stdout=log, stderr=subprocess.STDOUT)
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v2/", timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def credential(self):
        """The option for scripts/vm that makes a machine's Docker look here first."""
        dropin = self.folder / "docker.conf"
        here = f"10.0.2.2:{self.port}"
        dropin.write_text(f'[Service]\nEnvironment="DOCKER_OPTS=--registry-mirror=http://{here} --insecure-registry={here}"\n')
        return ["--credential", f"systemd.unit-dropin.docker.service={dropin}"]

    def stop(self):
        self.process.terminate()
        self.process.wait()
