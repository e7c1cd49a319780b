"""A system whose root was changed does not start from it. Run beside promises.py."""

import json
import subprocess
import unittest

from machine import Machine
from promises import IMAGE, Story


class ARootThatWasTamperedWith(Story):
    """One bit of the root partition is another one: the system does not start from it."""

    def test_it_is_refused(self):
        machine = Machine("tampered", IMAGE)
        self.addCleanup(machine.cut_power)
        machine.folder.mkdir(parents=True, exist_ok=True)
        broken = machine.folder / "broken.raw"
        subprocess.run(["cp", "--sparse=always", IMAGE, broken], check=True)
        self.addCleanup(broken.unlink)
        parts = json.loads(subprocess.run(["sfdisk", "--json", broken], check=True, capture_output=True, text=True).stdout)
        root = parts["partitiontable"]["partitions"][1]
        # the file system's own description of itself, which is read first
        place = root["start"] * 512 + 1024 + 20
        with open(broken, "r+b") as disk:
            disk.seek(place)
            byte = disk.read(1)[0]
            disk.seek(place)
            disk.write(bytes([byte ^ 1]))
        machine.image = broken
        machine.start(fresh=True)
        machine.wait_for(r"cannot be started; trying again", 400)


if __name__ == "__main__":
    unittest.main(failfast=False, verbosity=2)
