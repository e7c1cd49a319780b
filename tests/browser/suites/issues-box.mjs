// What can be wrong with the box itself, each found, seen and mended with its button. A fake stands in for systemd, a relay
// for Docker's socket, a small disk for the disk, a file for what the kernel says of memory.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, readdir, rm, utimes, writeFile } from "node:fs/promises";
import path from "node:path";

import { claimed, jobEnds, lookAround } from "../lib/hands.mjs";
import { look } from "../lib/look.mjs";
import { Machine } from "../lib/machine.mjs";
import { relay } from "../lib/relay.mjs";
import { eventually, suite } from "../lib/runner.mjs";

/** What nobody tells of is looked at once a minute. */
const SOON = 100_000;
const DAYS = 24 * 3600 * 1000;
const DISK = "128m";
/** Less than a twentieth of it, and enough for a database to go on. */
const LEFT_KIB = 5500;

/** What `df` says of the disk of a folder, in KiB. */
const df = (folder, column) =>
  Number(execFileSync("df", [`--output=${column}`, "-k", folder]).toString().trim().split("\n").at(-1));
const used = (folder) => df(folder, "used");
const room = (folder, size) => execFileSync("mount", ["-o", `remount,size=${size}`, folder]);

const pressure = (share) => `some avg10=0.00 avg60=0.00 avg300=${share} total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n`;

const test = suite("issues-box", {
  async setup() {
    const machine = await Machine.start();
    const socket = path.join(machine.run, "docker.sock");
    const docker = await relay(socket, { path: process.env.ORBITR_TEST_DOCKER ?? "/run/docker.sock" });
    const memory = path.join(machine.run, "memory");
    await writeFile(memory, pressure("0.00"));
    const within = ["unshare", "--mount", "sh", "-c", `mount --bind ${memory} /proc/pressure/memory && exec "$0" "$@"`];
    const box = await machine.box("issues-box", {
      docker: socket,
      within,
      async before({ dir }) {
        await mkdir(path.join(dir, "s"));
        execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK},mode=700`, "tmpfs", path.join(dir, "s")]);
      },
    });
    const somebody = await claimed(box);
    return { box, machine, docker, memory, somebody, page: somebody.page, watch: somebody.watch };
  },
  async teardown({ box, machine, docker }) {
    await box.kill("SIGTERM");
    execFileSync("umount", ["--lazy", "--recursive", path.join(box.dir, "s")]);
    await box.gone();
    await docker.close();
    await machine.gone();
  },
  failed: lookAround,
});

const issue = (page, title) => page.locator("#issues .issue", { hasText: title });
const told = (page, title) => issue(page, title).waitFor({ timeout: SOON });
const over = (page, title) => issue(page, title).waitFor({ state: "detached", timeout: SOON });

/** Presses a button of an issue that begins a job, and waits until that has ended. */
async function mend(somebody, title, button, word) {
  await somebody.page.goto("/issues");
  await issue(somebody.page, title).getByRole("button", { name: button }).click();
  await somebody.page.waitForURL(/\/jobs\/[^/]+$/);
  await jobEnds(somebody, word);
  await somebody.page.goto("/issues");
}

test("a box that was left alone with a full disk, an ending certificate and old copies says all of it", async (given) => {
  const { box, page, somebody, memory } = given;
  const state = path.join(box.dir, "s");
  await page.goto("about:blank");
  await box.kill("SIGTERM");
  const tls = path.join(state, "tls");
  execFileSync("openssl", ["x509", "-in", "ca.pem", "-signkey", "ca.key", "-days", "20", "-out", "short.pem"], { cwd: tls, stdio: "pipe" });
  execFileSync("mv", ["short.pem", "ca.pem"], { cwd: tls });
  // where a new one would be written, something is in the way
  given.inTheWay = path.join(tls, "ca.pem.new");
  await mkdir(path.join(given.inTheWay, "something"), { recursive: true });
  // and there is no room for another copy
  given.kept = path.join(state, "db/kept");
  const { kept } = given;
  await mkdir(kept, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=32m,mode=700", "tmpfs", kept]);
  const current = (await readdir(path.join(state, "db"))).find((name) => /\.sqlite$/.test(name));
  execFileSync("cp", [path.join(state, "db", current), path.join(kept, current.replace(/\.\d+\.sqlite$/, ".1.sqlite"))]);
  const old = new Date(Date.now() - 5 * DAYS);
  for (const name of await readdir(kept)) await utimes(path.join(kept, name), old, old);
  room(kept, `${used(kept) + 8}k`);
  given.filler = path.join(state, "filler");
  await writeFile(given.filler, Buffer.alloc((df(state, "avail") - LEFT_KIB) * 1024));
  await writeFile(memory, pressure("40.00"));
  await box.up();
  await page.goto("/issues");
  await told(page, "The certificate of the box ends in 19 days");
  await told(page, "The newest copy of the database is 5 days old");
  await told(page, "The disk with the data is full");
  await told(page, "Memory is short");
  assert.match(await issue(page, "Memory is short").innerText(), /40 % of the last five minutes/);
  assert.match(await issue(page, "The certificate of the box").innerText(), /ca\.pem/);
  assert.deepEqual(await look(somebody, "issues-box-1-found"), []);
}, { limit: 180_000 });

test("what cannot be done yet fails and says why, and the issue stays", async ({ somebody, page }) => {
  await mend(somebody, "The certificate of the box", "Renew it now", "Failed");
  await told(page, "The certificate of the box ends in 19 days");
}, { limit: 90_000 });

test("the certificate is renewed, the database copied", async ({ somebody, page, inTheWay, kept, filler }) => {
  await rm(filler);
  await rm(inTheWay, { recursive: true });
  room(kept, "64m");
  await mend(somebody, "The certificate of the box", "Renew it now");
  await over(page, "The certificate of the box");
  await mend(somebody, "The newest copy of the database", "Copy it now");
  await over(page, "The newest copy of the database");
}, { limit: 180_000 });

test("the ways out of a full disk and of short memory lead to the apps, and both end by themselves", async ({ page, memory }) => {
  await page.goto("/issues");
  await issue(page, "Memory is short").getByRole("link", { name: "Look at the apps" }).click();
  await page.waitForURL(/\/apps$/);
  await writeFile(memory, pressure("1.00"));
  await page.goto("/issues");
  await over(page, "The disk with the data is full");
  await over(page, "Memory is short");
}, { limit: 180_000 });

test("a service that has failed is restarted with its button", async ({ somebody, page, machine }) => {
  machine.tell("unit systemd-timesyncd.service failed exit-code");
  await told(page, "Network Time Synchronization has failed");
  await issue(page, "Network Time Synchronization has failed").getByRole("link", { name: "Restart it …" }).click();
  await page.getByRole("button", { name: "Restart", exact: true }).click();
  await page.waitForURL(/\/(jobs|system)\//);
  await page.goto("/issues");
  await over(page, "Network Time Synchronization has failed");
  assert.ok((await machine.done()).includes("restart systemd-timesyncd.service"));
}, { limit: 150_000 });

test("Docker that is away is told and restarted with its button", async ({ page, docker, machine }) => {
  await docker.close();
  await page.goto("/issues");
  await told(page, "Docker does not answer");
  await issue(page, "Docker does not answer").getByRole("link", { name: "Restart it …" }).click();
  await page.getByRole("button", { name: "Restart", exact: true }).click();
  await eventually("systemd is told", 20_000, async () => (await machine.done()).includes("restart docker.service"));
  await docker.open();
  await page.goto("/issues");
  await over(page, "Docker does not answer");
}, { limit: 150_000 });

test("a clock that was set back is told", async ({ box, page, machine }) => {
  await page.goto("about:blank");
  await box.kill("SIGTERM");
  machine.tell("synchronised no");
  const seen = path.join(box.dir, "s/last-seen");
  await writeFile(seen, `${Math.floor(Date.now() / 1000) + 9 * 24 * 3600}\n`);
  await box.up();
  await page.goto("/issues");
  await told(page, "The clock is wrong");
  await issue(page, "The clock is wrong").getByRole("link", { name: "Look at the time" }).click();
  await page.waitForURL(/\/system\/time$/);
  machine.tell("synchronised yes");
  await page.goto("/issues");
  await over(page, "The clock is wrong");
  await page.getByText("Nothing is wrong").waitFor({ timeout: SOON });
}, { limit: 180_000 });
