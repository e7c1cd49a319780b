"""Versions of the system that do not work, each in its own way: the box comes back from each by itself, with all it had.

Run by `tests/vm/run --all`. (One whose pages answer with an error is in promises.py.) Each test can be run alone; all go on
with the same machine, so that a box which has come back is a box that can be updated.
"""

import json
import os
import shutil
import unittest

import broken_layers
from in_use import InUse, until
from machine import PATIENCE
from promises import IMAGE
from registry import Registry
from release import WORK, Served, make, version_of

# In the order of their versions.
WAYS = ["does_not_boot", "crashes", "breaks_docker", "hangs_early", "freezes", "migrates_wrongly", "breaks_an_app"]
# Three tries, each with the time that a watchdog or a panic takes.
THREE_TRIES = 1200


class VersionsThatDoNotWork(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        registry = Registry()
        cls.addClassCleanup(registry.stop)
        WORK.mkdir(parents=True, exist_ok=True)
        cls.first = version_of(IMAGE)
        cls.good = f"{cls.first}.1"
        make(cls.good, "next")
        cls.server = Served()
        cls.addClassCleanup(cls.server.shutdown)
        # a machine's watchdog, as most have one
        cls.it = InUse("broken-versions", IMAGE, *registry.credential(), "--", "-device", "i6300esb")
        cls.addClassCleanup(cls.it.machine.cut_power)
        cls.it.begin()
        cls.it.restart_into(cls.good, cls.server.address("next"))
        cls.it.machine.wait_for_version(cls.good)
        cls.tried = []

    def setUp(self):
        self.assertEqual(self.it.updates()["running"], self.good, "a box that is left where it should not be")
        self.assertIsNone(self.it.is_intact())

    def version(self, way):
        return f"{self.first}.{2 + WAYS.index(way)}"

    def restart_into(self, way):
        """Answers the boot that it is not any more."""
        version, source = self.version(way), way.replace("_", "-")
        if not os.environ.get("ORBITR_VM_UPDATES_MADE"):
            make(version, source, "--overlay", getattr(broken_layers, way)(source).folder)
            # half a gigabyte each
            self.addCleanup(shutil.rmtree, WORK / source)
        before = self.it.machine.boot_id()
        self.it.restart_into(version, self.server.address(source))
        type(self).tried.append(version)
        return before

    def comes_back(self, way, code, seconds=900, says=""):
        """From it to the version before, and it says why."""
        before = self.restart_into(way)
        return self.has_come_back(way, code, before, seconds, says)

    def has_come_back(self, way, code, before, seconds=900, says=""):
        version = self.version(way)
        self.it.machine.wait_for_version(self.good, seconds, returned=version, not_boot=before)
        self.assertIsNone(self.it.is_intact())
        updates = self.it.look_for_updates()
        self.assertEqual((updates["running"], updates["offer"]), (self.good, None), "it is in quarantine")
        returned = {back["version"]: back for back in updates["returned"]}
        self.assertLessEqual(set(self.tried), set(returned), "and so are those before it")
        reason = returned[version]["reason"]
        self.assertEqual(reason and reason["code"], code, returned)
        self.assertIn(says, reason["detail"] if reason else "")
        until("there is no issue", lambda: self.issue(version), 60)
        self.assertIn(version, self.it.box.ask("GET", "/system/updates").decode())
        return updates

    def issue(self, version):
        issues = self.it.box.ask("GET", "/api/v1/issues")
        return next((issue for issue in issues if issue["id"].startswith("update-returned") and version in json.dumps(issue)), None)

    def test_01_one_that_does_not_boot(self):
        # it never comes so far as to say why
        self.comes_back("does_not_boot", None, THREE_TRIES)

    def test_02_one_whose_supervisor_crashes(self):
        self.comes_back("crashes", "health-supervisor", says="orbitr.service is")

    def test_03_one_that_breaks_docker(self):
        self.comes_back("breaks_docker", "health-docker", says="docker.service is failed")
        store = self.it.box.ask("GET", "/api/v1/box/docker-store")
        self.assertEqual((store["aside"], store["last"]), ([], None), "a store that was well is not set aside for it")

    def test_04_one_in_which_the_start_never_ends(self):
        self.comes_back("hangs_early", "health-supervisor")

    def test_05_one_that_freezes(self):
        # nobody is left who could write down why
        self.comes_back("freezes", None, THREE_TRIES)

    def test_06_one_that_migrates_the_database_wrongly(self):
        self.comes_back("migrates_wrongly", "health-supervisor", says="its database is not open")
        # what it made of the database is there, and was not used
        names = self.it.machine.run("ls", "/var/lib/orbitr/db").split()
        schemas = {name.split(".")[0] for name in names if name.endswith(".sqlite")}
        self.assertEqual(len(schemas), 2, names)
        events = self.it.box.ask("GET", "/api/v1/audit?action=box.database-went-back")
        self.assertEqual(len(events["items"]), 1, events)

    def asks(self, way):
        """It is kept by the gate, and its owner is asked."""
        version = self.version(way)
        before = self.restart_into(way)
        self.it.machine.wait_for_version(version, not_boot=before)

        def asking():
            proving = self.it.updates()["proving"]
            return proving and proving["state"] == "asking" and proving

        proving = until("nobody is asked", asking, 600)
        self.assertEqual((proving["version"], proving["before"], proving["may_go_back"]), (version, self.good, True), proving)
        self.assertEqual([app["id"] for app in proving["apps"]], [self.it.before["apps"][0][0]], proving)
        return self.it.machine.boot_id()

    def test_07_one_that_breaks_an_app_and_is_sent_back(self):
        boot = self.asks("breaks_an_app")
        answer = {"version": self.version("breaks_an_app"), "answer": "go-back"}
        self.assertIsNotNone(self.it.box.ask("POST", "/api/v1/box/updates/answer", answer)["job"])
        self.has_come_back("breaks_an_app", "health-apps", boot, says=self.it.before["apps"][0][1])

    def test_08_one_that_breaks_an_app_and_nobody_answers(self):
        version = self.version("breaks_an_app")
        if version in self.tried:
            self.it.box.ask("POST", "/api/v1/box/updates/lift", {"version": version})
        # the shortest that can be set
        self.it.box.ask("PATCH", "/api/v1/box/updates/settings", {"answer_minutes": 5})
        boot = self.asks("breaks_an_app")
        self.has_come_back("breaks_an_app", "health-apps", boot, 900 + 300 / PATIENCE, says=self.it.before["apps"][0][1])


if __name__ == "__main__":
    unittest.main(failfast=False, verbosity=2)
