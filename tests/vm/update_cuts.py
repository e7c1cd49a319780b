"""The plug is pulled during an update, at thirty moments from the start of the download to after the version was kept.

Run by `tests/vm/run --all`; ORBITR_VM_CUTS says how many moments, where that is not 30. Each begins from the same disk: a box in use
on the first version. Whatever the moment, it comes up with one of the two versions, and with all it had.
"""

import http.client
import os
import random
import shutil
import subprocess
import time
import unittest

from in_use import InUse, until
from promises import IMAGE, Story
from registry import Registry
from release import WORK, Served, make, version_of

CUTS = int(os.environ.get("ORBITR_VM_CUTS", "30"))


class CutOffUpdates(Story):
    @classmethod
    def setUpClass(cls):
        registry = Registry()
        cls.addClassCleanup(registry.stop)
        WORK.mkdir(parents=True, exist_ok=True)
        cls.first = version_of(IMAGE)
        cls.next = f"{cls.first}.1"
        make(cls.next, "next")
        cls.server = Served()
        cls.addClassCleanup(cls.server.shutdown)
        cls.it = InUse("update-cuts", IMAGE, *registry.credential())
        cls.machine = cls.it.machine
        cls.addClassCleanup(cls.machine.cut_power)
        cls.it.begin()
        cls.it.look_for_updates(cls.server.address("next"))
        cls.machine.switch_off()
        # what every moment begins from: the disk, and what the firmware knows
        cls.kept = {name: cls.machine.folder / f"before-{name}" for name in ("disk.qcow2", "vars.fd")}
        for name, kept in cls.kept.items():
            shutil.move(cls.machine.folder / name, kept)
        cls.addClassCleanup(lambda: [kept.unlink() for kept in cls.kept.values()])

    def as_before(self):
        """On a copy of that disk: a layer over it, which costs nothing."""
        self.machine.cut_power()
        disk, firmware = (self.machine.folder / name for name in self.kept)
        disk.unlink(missing_ok=True)
        layer = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", self.kept["disk.qcow2"], disk]
        subprocess.run(layer, check=True)
        shutil.copy(self.kept["vars.fd"], firmware)
        self.it.start()
        self.machine.wait_ready()
        until("the app is not up", self.it.app_is_up)

    def begin_update(self):
        self.machine.forget_console()
        return self.it.box.ask("POST", "/api/v1/box/updates/install", {"restart": True})["job"]

    def is_kept(self):
        """Whether the next version runs, and has lost its counter of tries."""
        updates = self.it.updates()
        return updates["running"] == self.next and all(known["blessed"] for known in updates["installed"])

    def has_all_it_had(self):
        """With one of the two versions; an update that was cut off may go on by itself meanwhile, restart included."""
        def whole():
            return self.it.updates()["running"] in (self.first, self.next) and self.it.is_intact(30) is None

        until("the box does not come up with all it had", whole, 900)
        updates = self.it.updates()
        self.assertEqual(updates["returned"], [], "no version is to blame for a power cut")
        return updates["running"]

    def test_01_an_update_that_nobody_disturbs_says_how_long_one_takes(self):
        self.as_before()
        began = time.monotonic()
        self.begin_update()
        until("it is not kept", self.is_kept, 1200)
        # and a little longer, for what comes after
        type(self).whole = (time.monotonic() - began) * 1.1
        self.assertEqual(self.has_all_it_had(), self.next)

    def test_02_whenever_the_power_goes_it_comes_up_with_all_it_had(self):
        moments = random.Random(5)
        came_up = []
        for cut in range(CUTS):
            # spread over the whole of it, and by chance within each part
            moment = self.whole * (cut + moments.random()) / CUTS
            again = moments.uniform(5, 90) if cut % 3 == 2 else None
            with self.subTest(cut=cut, moment=round(moment), again=again and round(again)):
                came_up.append(self.cut_at(moment, again))
        # the moments are worth something only when they lie on both sides
        self.assertEqual({version for version in came_up if version}, {self.first, self.next}, came_up)

    def cut_at(self, moment, again):
        self.as_before()
        began = time.monotonic()
        try:
            self.begin_update()
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(max(0, began + moment - time.monotonic()))
        self.machine.cut_power()
        if again:
            self.it.start()
            time.sleep(again)
            self.machine.cut_power()
        self.it.start()
        came_up_with = until("no version says which it is", lambda: self.it.updates()["running"], 900)
        self.has_all_it_had()
        return came_up_with


if __name__ == "__main__":
    unittest.main(failfast=False, verbosity=2)
