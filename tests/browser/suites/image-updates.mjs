// Updates of the system, on Orbitr OS with its data open: a set that is really signed, a server that really serves it, and
// this file does what root does. All of it without JavaScript, too.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import { promisify } from "node:util";

import { behaving } from "../lib/behaving.mjs";
import { engine, freePort } from "../lib/box.mjs";
import { visitor } from "../lib/browser.mjs";
import { ADMIN, claimed, install, jobEnds, lookAround, signIn } from "../lib/hands.mjs";
import { look } from "../lib/look.mjs";
import { Machine } from "../lib/machine.mjs";
import { eventually, suite } from "../lib/runner.mjs";

const run = promisify(execFile);
const ID = "0f410f90-ea92-4bcf-b701-b7503621b14f";
const VERSION = "0.2.0";
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** Makes a signed set in a folder, and the same as one file; gives the folder. */
async function makeSet(keyring) {
  const folder = await mkdtemp("/var/tmp/orbitr-set-");
  const stable = path.join(folder, "stable");
  const home = path.join(folder, "gpg");
  await mkdir(stable);
  await mkdir(home, { mode: 0o700 });
  const gpg = (...args) => run("gpg", ["--homedir", home, "--batch", "--yes", "--passphrase", "", ...args], { encoding: "buffer" });
  await gpg("--quick-gen-key", "Orbitr test", "ed25519", "sign", "never");
  await writeFile(keyring, (await gpg("--export")).stdout);
  const pieces = [["verity", `orbitr_${VERSION}.verity.${ID}.raw.xz`], ["root", `orbitr_${VERSION}.root.${ID}.raw.xz`], ["uki", `orbitr_${VERSION}.efi`]];
  const files = [];
  for (const [role, name] of pieces) {
    const bytes = Buffer.alloc(role === "root" ? 3 << 20 : 5000, role);
    await writeFile(path.join(stable, name), bytes);
    files.push({ name, role, bytes: bytes.length, sha256: sha256(bytes), unpacked_bytes: bytes.length });
  }
  const notes = "Faster starts, and a page for updates.\n\n- Apps answer 2 s earlier after a restart.\n- The log of a version that came back is kept.";
  const manifest = JSON.stringify({ format: 1, version: VERSION, published: "2026-11-20T10:00:00Z", notes, min_version: "0.1.0", state_format: 14, files });
  await writeFile(path.join(stable, `orbitr_${VERSION}.json`), manifest);
  const lines = [[sha256(manifest), `orbitr_${VERSION}.json`], ...files.map((file) => [file.sha256, file.name])];
  await writeFile(path.join(stable, "SHA256SUMS"), lines.map((line) => `${line.join("  ")}\n`).join(""));
  await gpg("--detach-sign", "--output", path.join(stable, "SHA256SUMS.gpg"), path.join(stable, "SHA256SUMS"));
  await run("gpgconf", ["--homedir", home, "--kill", "all"]);
  const order = ["SHA256SUMS", "SHA256SUMS.gpg", `orbitr_${VERSION}.json`, ...pieces.map(([, name]) => name)];
  await run("tar", ["--format=ustar", "-C", stable, "-cf", path.join(folder, `orbitr-${VERSION}.update`), ...order]);
  return folder;
}

const facts = (more) => ({
  version: 1, running: "0.1.0", default: null, returned: [], gate: null,
  installed: [{ version: "0.1.0", slot: "a", tries_left: null, tries_done: null, blessed: true, running: true }], ...more,
});

const test = suite("image-updates", {
  async setup() {
    const machine = await Machine.start();
    await mkdir(path.join(machine.run, "updates"));
    const folder = await makeSet(path.join(machine.run, "updates/keyring.gpg"));
    await machine.leave("updates.json", facts({}));
    const server = http.createServer(async (request, answer) => {
      const bytes = await readFile(path.join(folder, path.normalize(request.url))).catch(() => null);
      answer.writeHead(bytes ? 200 : 404).end(bytes);
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const image = `${process.env.ORBITR_TEST_REGISTRY ?? "127.0.0.1:5000"}/orbitr-test/web:1.0.0`;
    await behaving(path.join(folder, "extensions"), image);
    const box = await machine.box("updates", {}, ["--extensions", path.join(folder, "extensions")]);
    const somebody = await claimed(box);
    const plain = await visitor(box, { javaScript: false });
    await signIn(plain, ADMIN);
    return { box, machine, folder, server, somebody, plain, page: plain.page };
  },
  async teardown({ box, machine, folder, server }) {
    await box.gone();
    await machine.gone();
    server.close();
    await rm(folder, { recursive: true, force: true });
  },
  failed: lookAround,
});

/** Looked at by somebody with JavaScript. */
async function sound(somebody, address, name) {
  await somebody.page.goto(address);
  assert.deepEqual(await look(somebody, `updates-${name}`), []);
}

test("without a source the page says so, and what is wrong in the settings is said beside its field", async ({ somebody, page }) => {
  await sound(somebody, "/system/updates", "fresh");
  await page.goto("/system/updates");
  await page.getByText("None is built in").waitFor();
  await page.getByLabel("From this hour").fill("3");
  await page.getByLabel("Source").fill("https://somebody:secret@example.org/");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("An address begins with http").first().waitFor();
}, { limit: 120_000 });

test("a version is found, downloaded, handed to root, and waits for the restart", async ({ somebody, page, machine, server }) => {
  await page.goto("/system/updates");
  await page.getByLabel("Source").fill(`http://127.0.0.1:${server.address().port}`);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved").first().waitFor();
  await page.getByRole("button", { name: "Check now" }).click();
  await eventually("it is offered", 20_000, async () => {
    await page.goto("/system/updates");
    return await page.getByRole("heading", { name: `Orbitr OS ${VERSION}` }).count() === 1;
  });
  await sound(somebody, "/system/updates", "offer");
  await page.getByRole("button", { name: "Install, restart later" }).click();
  await page.waitForURL(/\/jobs\//);
  const asked = await machine.asked("install-update");
  assert.equal(asked.target, VERSION);
  const got = await fetch(`http://127.0.0.1:${asked.port}/orbitr_${VERSION}.efi`);
  assert.equal((await got.arrayBuffer()).byteLength, 5000);
  await machine.report("install-update", asked.id, { step: "Writing the other slot", fraction: 0.4 });
  await eventually("how far it is is told", 10_000, async () => {
    await page.goto("/system/updates");
    return await page.getByText("Writing the other slot").count() > 0;
  });
  await sound(somebody, "/system/updates", "at-work");
  const other = { version: VERSION, slot: "b", tries_left: 3, tries_done: 0, blessed: false, running: false };
  await machine.leave("updates.json", facts({ installed: [other, ...facts({}).installed] }));
  await machine.report("install-update", asked.id, { state: "done", fraction: 1 });
  await eventually("it waits for the restart", 10_000, async () => {
    await page.goto("/system/updates");
    return await page.getByText(`${VERSION} is in its slot`).count() > 0;
  });
  await sound(somebody, "/system/updates", "waiting");
}, { limit: 180_000 });

test("a version that came back is told with its reason, and somebody may let it be tried again", async ({ somebody, page, machine }) => {
  const other = { version: VERSION, slot: "b", tries_left: 0, tries_done: 3, blessed: false, running: false };
  const reason = { code: "health-ui", title: "The sign-in page did not answer", detail: "https://192.168.1.20/sign-in answered 500" };
  await machine.leave("updates.json", facts({
    installed: [other, ...facts({}).installed],
    returned: [{ version: VERSION, at: new Date(Date.now() - 3_600_000).toISOString(), reason, boot_id: "b1" }],
  }));
  await sound(somebody, "/system/updates", "returned");
  await page.goto("/system/updates");
  await page.getByText("The sign-in page did not answer").waitFor();
  assert.equal(await page.getByRole("button", { name: "Install and restart" }).count(), 0);
  await page.getByRole("button", { name: "Let it be tried again" }).click();
  await page.getByText("May be tried again", { exact: true }).waitFor();
}, { limit: 120_000 });

test("another installed version is chosen by hand", async ({ somebody, page, machine }) => {
  await sound(somebody, `/system/updates/versions/${VERSION}`, "choose");
  await page.goto("/system/updates");
  await page.getByRole("link", { name: "Start this one" }).click();
  await page.getByText("is not started any more until").waitFor();
  await page.getByRole("button", { name: "Start this one" }).click();
  const asked = await machine.asked("choose-version");
  assert.equal(asked.target, VERSION);
  await machine.report("choose-version", asked.id, { state: "done" });
}, { limit: 120_000 });

test("a version is brought as one file", async ({ page, machine, folder }) => {
  await machine.leave("updates.json", facts({}));
  await eventually("nothing is at work", 10_000, async () => {
    await page.goto("/system/updates");
    return await page.getByLabel("The file").count() === 1;
  });
  await page.getByLabel("The file").setInputFiles(path.join(folder, "stable", "SHA256SUMS"));
  await page.getByRole("button", { name: "Upload" }).click();
  await page.getByText("The update set is not as it should be").first().waitFor();
  await page.getByLabel("The file").setInputFiles(path.join(folder, `orbitr-${VERSION}.update`));
  await page.getByRole("button", { name: "Upload" }).click();
  await page.getByText("Brought as a file").waitFor();
}, { limit: 120_000 });

const slot = (version, more) => ({ version, slot: version === VERSION ? "b" : "a", tries_left: null, tries_done: null, blessed: true, running: false, ...more });
const waits = facts({ installed: [slot(VERSION, { tries_left: 3, tries_done: 0, blessed: false }), slot("0.1.0", { running: true })] });
const updated = facts({ running: VERSION, installed: [slot(VERSION, { running: true }), slot("0.1.0")] });

/** Asks the box over its socket, as the command line does. */
function ask(box, method, name, body) {
  return new Promise((resolve, reject) => {
    const headers = { host: "localhost", "content-type": "application/json" };
    const request = http.request({ socketPath: path.join(box.dir, "s/control.sock"), path: `/api/v1${name}`, method, headers }, async (answer) => {
      let text = "";
      for await (const piece of answer) text += piece;
      resolve({ status: answer.statusCode, body: text && JSON.parse(text) });
    });
    request.once("error", reject);
    request.end(body && JSON.stringify(body));
  });
}

/** Has the box restart from 0.1.0 into 0.2.0, on which the shop, healthy so far, is mute; waits until somebody is asked. */
async function updateThatMutesTheShop({ box, machine, page, shop, somebody }) {
  const mute = path.join(box.dir, "s/apps", shop, "data/data/mute");
  for (const ill of [mute, path.join(path.dirname(mute), "leak")]) await rm(ill, { force: true });
  await engine("POST", `/containers/orbitr-${shop}-web-1/restart?t=1`);
  await eventually("the shop is healthy", 90_000, async () => (await ask(box, "GET", `/apps/${shop}`)).body.status?.state === "running");
  await machine.leave("updates.json", waits);
  const restarts = async () => (await machine.done()).filter((done) => done === "reboot").length;
  const before = await restarts();
  const restart = await ask(box, "POST", "/box/power", { verb: "reboot", reason: "the update", wait: true });
  assert.equal(restart.status, 202, JSON.stringify(restart.body));
  await eventually("the machine goes down", 60_000, async () => await restarts() === before + 1);
  // nothing really goes down, so that the job would wait
  await ask(box, "POST", `/jobs/${restart.body.job}/cancel`);
  await eventually("nobody waits", 20_000, async () => (await ask(box, "GET", "/box/power")).body.pending === null);
  // whoever looks at a page when the box goes loses its stream of events
  await somebody.page.goto("about:blank");
  await box.kill();
  await machine.leave("updates.json", updated);
  await writeFile(mute, "");
  // and tells a secret, which nobody else is told
  await writeFile(path.join(path.dirname(mute), "leak"), "");
  await engine("POST", `/containers/orbitr-${shop}-web-1/restart?t=1`);
  await box.up();
  await eventually("somebody is asked", 120_000, async () => {
    await page.goto("/system/updates");
    return await page.getByText(`Keep ${VERSION}?`).count() === 1;
  });
}

test("an app that an update made ill is asked about, and the version is kept", async (given) => {
  const { somebody, page, machine, box } = given;
  await machine.leave("updates.json", facts({}));
  await writeFile(path.join(machine.run, "updates/apps-grace"), "3\n");
  for (const [wrong, status, code] of [
    [{ version: "../0.2.0", answer: "keep" }, 422, "invalid-input"],
    [{ version: VERSION, answer: "perhaps" }, 422, "invalid-input"],
    [{ version: VERSION }, 422, "invalid-input"],
    [{ version: VERSION, answer: "keep", force: true }, 422, "invalid-input"],
    [{ version: VERSION, answer: "keep" }, 409, "update-not-asked"],
    [{ version: VERSION, answer: "go-back" }, 409, "update-not-asked"],
  ]) {
    const refused = await ask(box, "POST", "/box/updates/answer", wrong);
    assert.deepEqual([refused.status, refused.body.code], [status, code], JSON.stringify(wrong));
  }
  given.shop = box.app("shop");
  await install(given.plain, "web", { id: given.shop, name: "Shop", port: await freePort(), path: "/store/local/web" });
  await jobEnds(given.plain);
  await updateThatMutesTheShop(given);
  await sound(somebody, "/system/updates", "asked");
  await sound(somebody, "/", "asked-home");
  await sound(somebody, "/issues", "asked-issues");
  await page.goto("/");
  await page.getByText(`Keep ${VERSION}?`).waitFor();
  await page.goto("/issues");
  const issue = page.locator("#issues .issue", { hasText: `Shop is not healthy since the update to Orbitr OS ${VERSION}` });
  await issue.getByRole("link", { name: "Go back …" }).waitFor();
  await issue.getByRole("button", { name: "Keep this version" }).click();
  await page.getByText(`${VERSION} is kept`).first().waitFor();
  assert.equal(await page.getByText(`Keep ${VERSION}?`).count(), 0);
  assert.equal(await machine.wasAsked("choose-version"), false);
}, { limit: 360_000 });

test("going back tells root why, and the version before says it", async (given) => {
  const { somebody, page, machine } = given;
  await updateThatMutesTheShop(given);
  await page.getByText("Without an answer the box goes back to 0.1.0 by itself").waitFor();
  await page.getByRole("link", { name: "Go back to 0.1.0" }).click();
  await sound(somebody, "/system/updates/back", "back");
  await page.getByRole("button", { name: "Go back and restart" }).click();
  await page.waitForURL(/\/jobs\//);
  const asked = await machine.asked("choose-version");
  assert.deepEqual([asked.target, asked.reason.code, asked.reason.title], ["0.1.0", "health-apps", "Apps were not healthy: Shop"]);
  assert.match(asked.reason.detail, /^Shop: .*\n {2}connecting with «secret»/);
  await machine.report("choose-version", asked.id, { state: "done" });
  await eventually("the machine goes down", 30_000, async () => (await machine.done()).filter((done) => done === "reboot").length === 3);
  await sound(somebody, "/system/updates", "returning");
  await machine.leave("updates.json", facts({
    installed: [slot(VERSION, { tries_left: 0, tries_done: 1, blessed: false }), slot("0.1.0", { running: true })],
    returned: [{ version: VERSION, at: new Date().toISOString(), reason: asked.reason, boot_id: "b2" }],
  }));
  await eventually("nobody is asked any more", 60_000, async () => {
    await page.goto("/system/updates");
    return await page.getByText("Apps were not healthy: Shop").count() === 1 && await page.getByText("Going back to 0.1.0").count() === 0;
  });
  await sound(somebody, "/system/updates", "left");
}, { limit: 360_000 });
