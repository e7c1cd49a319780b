"""An image that its maker has signed, on a machine whose firmware starts nothing else: UEFI Secure Boot.

Run by `tests/vm/run --all`. Keys and image are made here; virt-firmware puts the certificate where a person would with
the firmware's own menu.
"""

import os
import shutil
import subprocess
import sys
import unittest
import venv

from machine import ROOT, Machine
from promises import IMAGE, Story

WORK = ROOT / "target/vm/signed-image"
TOOLS = ROOT / "target/vm/tools"
ENROLL = "virt-firmware==26.10"
FIRMWARE_VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd"
# whose the certificate is: any number will do
OWNER = "6d1f6c12-3d9a-4a0c-9d0e-1d6a3f2b7c55"
SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


def keys():
    """As docs/image.md says."""
    subprocess.run(
        ["openssl", "req", "-new", "-x509", "-newkey", "rsa:3072", "-nodes", "-days", "3650", "-subj", "/CN=our boxes/",
         "-keyout", WORK / "db.key", "-out", WORK / "db.crt"], check=True, stderr=subprocess.DEVNULL,
    )


def signed_image():
    command = [ROOT / "scripts/image", "--fast", "--sign", WORK, "--out", WORK / "out"]
    if program := os.environ.get("ORBITR_VM_PROGRAM"):
        command += ["--bin", program]
    subprocess.run(command, check=True, stdout=sys.stderr)
    (image,) = (WORK / "out").glob("*.raw")
    return image


def firmware_that_trusts(certificate, variables):
    """Firmware variables with this certificate as the only one, and Secure Boot on."""
    if not (TOOLS / "bin/virt-fw-vars").exists():
        venv.create(TOOLS, with_pip=True, clear=True)
        subprocess.run([TOOLS / "bin/pip", "install", "--quiet", "--disable-pip-version-check", ENROLL], check=True)
    subprocess.run(
        [TOOLS / "bin/virt-fw-vars", "--input", FIRMWARE_VARIABLES, "--output", variables, "--set-pk", OWNER, certificate,
         "--add-kek", OWNER, certificate, "--add-db", OWNER, certificate, "--secure-boot"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )


class OnlyWhatIsSigned(Story):
    @classmethod
    def setUpClass(cls):
        shutil.rmtree(WORK, ignore_errors=True)
        WORK.mkdir(parents=True)
        keys()
        cls.signed = signed_image()

    def strict(self, name, image):
        machine = Machine(name, image)
        self.addCleanup(machine.cut_power)
        shutil.rmtree(machine.folder, ignore_errors=True)
        machine.folder.mkdir(parents=True)
        firmware_that_trusts(WORK / "db.crt", machine.folder / "vars.fd")
        return machine.start("--secure-boot")

    def test_01_the_signed_one_starts(self):
        machine = self.strict("signed", self.signed)
        self.assertIsNotNone(machine.menu()[0], "a new box has a setup code")
        self.assertEqual(machine.wait_ready(), "running")
        # four bytes of attributes, then the value (UEFI 2.10, 3.3)
        self.assertEqual(machine.run(f"od -An -tu1 -j4 {SECURE_BOOT}").strip(), "1")
        self.assertIn("[integrity]", machine.run("cat", "/sys/kernel/security/lockdown"))

    def test_02_one_without_a_signature_is_refused(self):
        machine = self.strict("unsigned", IMAGE)
        machine.wait_for(r"(?i)access denied|security violation", 120)


if __name__ == "__main__":
    unittest.main(verbosity=2)
