// Orbitr OS before its data partition is open: a folder stands in for /run, and this file does what the image's units do.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import { Box } from "../lib/box.mjs";
import { visitor } from "../lib/browser.mjs";
import { accessibility, sideways } from "../lib/checks.mjs";
import { ADMIN, lookAround } from "../lib/hands.mjs";
import { look } from "../lib/look.mjs";
import { eventually, suite } from "../lib/runner.mjs";

const ID = "0f410f90-ea92-4bcf-b701-b7503621b14f";
const disk = (device, transport) => ({ device, model: "QEMU HARDDISK", serial: "S-1", bytes: 17179869184, transport, removable: transport === "usb" });
const candidate = (device, encrypted = false) => ({
  partuuid: ID, device, disk: disk("/dev/vda", "virtio"), bytes: 8589934592, encrypted,
  complete: encrypted ? null : true, machine_id: null, made_at: "2026-11-22T13:00:00Z",
});

/** What root leaves, by rename as root does it. */
async function leave(run, name, value) {
  const file = path.join(run, "orbitr-box", name);
  await writeFile(`${file}.new`, JSON.stringify(value));
  await rename(`${file}.new`, file);
}
const found = (run, more) => leave(run, "data.json", {
  version: 1, state: "none", reason: null, problem: null, recorded: null, open: null, candidates: [],
  boot_disk: disk("/dev/vda", "virtio"), ...more,
});
const report = (run, act, id, more) => leave(run, `results/${act}.json`, {
  version: 1, act, id, state: "running", step: "Making the file system", fraction: null, problem: null, value: null, ...more,
});

/** Waits until the supervisor asks for an act, as its unit would be started. */
async function asked(run, act) {
  const file = path.join(run, `orbitr/requests/${act}.json`);
  const text = await eventually(`${act} is asked for`, 10_000, () => readFile(file, "utf8").catch(() => null));
  await rm(file);
  return JSON.parse(text);
}

const test = suite("image", {
  async setup() {
    const run = await mkdtemp("/var/tmp/orbitr-run-");
    for (const folder of ["orbitr-box/results", "orbitr/requests"]) await mkdir(path.join(run, folder), { recursive: true });
    await found(run, {});
    const box = await Box.start("image", ["--stand-in", run]);
    const phone = await visitor(box, { width: 360, height: 780 });
    return { box, run, phone, page: phone.page, others: [phone] };
  },
  async teardown({ box, run }) {
    await box.gone();
    await rm(run, { recursive: true, force: true });
  },
  failed: lookAround,
});

/** The page that is open can be shown: by day and by night, on a wide screen and on a phone. */
async function shown(phone, name) {
  phone.watch.strict();
  phone.watch.said.splice(0);
  assert.deepEqual(await look(phone, `image-${name}`), []);
}

/** What every page here promises: usable by anybody, on a phone. A page that shows progress loads itself anew every few
 * seconds; what was looked at then is looked at again. */
async function sound(page, tries = 4) {
  try {
    assert.deepEqual(await accessibility(page), []);
    assert.deepEqual(await sideways(page), []);
  } catch (error) {
    if (tries > 1 && /Execution context was destroyed/.test(error.message)) return sound(page, tries - 1);
    throw error;
  }
}

test("the code opens the wizard, and a wrong one does not", async ({ box, page, phone }) => {
  await page.goto("/");
  await shown(phone, "door");
  await page.getByLabel("Setup code").fill("WRONG");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("This is not the code.").first().waitFor();
  await shown(phone, "door-wrong");
  await page.getByLabel("Setup code").fill(box.setupCode);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: "Where your data will live" }).waitFor();
  await shown(phone, "data");
}, { limit: 120_000 });

test("every trouble with the data has its page", async ({ run, page, phone }) => {
  for (const [name, facts, heading] of [
    ["choice", { state: "choice", reason: "unrecorded", candidates: [candidate("/dev/vda6")] }, "There are data of a box here"],
    ["missing", { state: "choice", reason: "missing", recorded: ID }, "The data partition of this box is not there"],
    ["ambiguous", { state: "choice", reason: "ambiguous", recorded: ID, candidates: [candidate("/dev/vda6"), candidate("/dev/vdb6")] }, "Two data partitions cannot be told apart"],
    ["locked", { state: "locked", recorded: ID, candidates: [candidate("/dev/vda6", true)] }, "The data are locked"],
    ["failed", { state: "failed", recorded: ID, problem: { code: "data-unreadable", title: "It holds nothing", detail: "", fix: "Look." } }, "The data partition cannot be used"],
  ]) {
    await found(run, facts);
    await page.goto("/");
    await page.getByRole("heading", { name: heading }).waitFor();
    await shown(phone, name);
  }
  await found(run, {});
}, { limit: 180_000 });

test("a disk that cannot be told is not asked for", async ({ run, page, phone }) => {
  await found(run, { boot_disk: null });
  await page.goto("/");
  await page.getByText("The disk that this box runs from cannot be told").waitFor();
  assert.equal(await page.getByRole("button", { name: "Continue" }).count(), 0);
  await shown(phone, "no-disk");
  await found(run, {});
  await page.getByRole("button", { name: "Look again" }).waitFor();
}, { limit: 60_000 });

test("what only counts with a choice is there when it is made", async ({ run, page }) => {
  await page.goto("/");
  const without = page.getByText("This machine has no security chip");
  assert.equal(await without.isVisible(), false);
  await page.getByLabel("Encrypt the data").check();
  assert.ok(await without.isVisible());
  const other = { ...candidate("/dev/vdb6"), disk: disk("/dev/vdb", "virtio") };
  await found(run, { state: "choice", reason: "unrecorded", candidates: [other] });
  await page.goto("/");
  assert.equal(await page.getByLabel("Encrypt the data").isVisible(), false, "data that are kept are as they are");
  await page.getByLabel("Start with a new, empty data partition").check();
  assert.ok(await page.getByLabel("Encrypt the data").isVisible());
  await found(run, {});
});

test("a stick offers its disks and asks for the serial number", async ({ run, page, phone }) => {
  await found(run, { boot_disk: disk("/dev/sda", "usb") });
  await writeFile(path.join(run, "targets.json"), JSON.stringify([{ disk: disk("/dev/vda", "virtio"), contents: ["ntfs «Windows», 100 GiB"], unfinished: false }]));
  await page.goto("/");
  await page.getByRole("heading", { name: "Install Orbitr OS" }).waitFor();
  await shown(phone, "install");
  await page.getByLabel("QEMU HARDDISK").check();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: "Erase this disk?" }).waitFor();
  await shown(phone, "install-erase");
  await page.getByLabel("Type the disk's serial number").fill("S-2");
  await page.getByRole("button", { name: "Erase and install" }).click();
  await page.getByText("This is not the serial number of the disk.").first().waitFor();
  await assert.rejects(readFile(path.join(run, "orbitr/requests/install.json")), "nothing was asked");
  await page.getByLabel("Type the disk's serial number").fill("S-1");
  await page.getByRole("button", { name: "Erase and install" }).click();
  const { id } = await asked(run, "install");
  await report(run, "install", id, { step: "Copying the system", fraction: 0.4 });
  await page.goto("/setup/progress");
  await page.getByText("Copying the system · 40 %").waitFor();
  await sound(page);
  await report(run, "install", id, { state: "done", value: { disk: disk("/dev/vda", "virtio") } });
  await page.goto("/setup/progress");
  await page.getByText("Take the stick out now").waitFor();
  await shown(phone, "installed");
  await rm(path.join(run, "orbitr-box/results/install.json"));
  await found(run, {});
}, { limit: 150_000 });

test("an encrypted data partition is made after its key was typed back, and the wizard goes on in the same browser", async ({ box, run, page, phone }) => {
  await page.goto("/");
  await page.getByLabel("Encrypt the data").check();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: "Write this key down" }).waitFor();
  await shown(phone, "key");
  const key = await page.locator(".recovery-key").innerText();
  await page.getByLabel("The key, from your paper").fill("AAAA-AAAA");
  await page.getByRole("button", { name: "Make the data partition" }).click();
  await page.getByText("This is not the key above").first().waitFor();
  await page.getByLabel("The key, from your paper").fill(key.toLowerCase());
  await page.getByRole("button", { name: "Make the data partition" }).click();
  const request = await asked(run, "make-data");
  assert.equal(request.encrypt.recovery_key, key.replaceAll("-", ""));
  await report(run, "make-data", request.id, { step: "Making the file system", fraction: 0.6 });
  await page.goto("/setup/progress");
  await page.getByText("Making the file system · 60 %").waitFor();
  await sound(page);
  await report(run, "make-data", request.id, { state: "done" });
  await found(run, { state: "open", recorded: ID });
  await eventually("the supervisor ends itself", 20_000, () => !box.alive);
  const code = box.setupCode;
  await box.up();
  assert.equal(box.setupCode, code, "the code on the screen stays the same");
  await page.goto("/setup");
  await page.getByRole("heading", { name: "Your account" }).waitFor();
  await page.getByLabel("Your name").fill(ADMIN.name);
  await page.getByLabel("Username").fill(ADMIN.username);
  await page.getByLabel("Password", { exact: true }).fill(ADMIN.password);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: "Your box" }).waitFor();
}, { limit: 150_000 });
