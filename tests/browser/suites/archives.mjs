// An app is cloned, exported, downloaded, brought again and installed from its archive, as its owner does it.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

import { Box, freePort } from "../lib/box.mjs";
import { claimed, install, jobEnds, lookAround } from "../lib/hands.mjs";
import { look } from "../lib/look.mjs";
import { suite } from "../lib/runner.mjs";

const test = suite("archives", {
  async setup() {
    const box = await Box.start("archives");
    const somebody = await claimed(box);
    return { box, somebody, page: somebody.page, watch: somebody.watch };
  },
  async teardown({ box }) {
    await box.gone();
  },
  failed: lookAround,
});

test("an app is cloned from its settings", async (given) => {
  const { box, page, somebody, watch } = given;
  given.app = box.app("site");
  await install(somebody, "nginx", { id: given.app, name: "Site", port: await freePort() });
  await jobEnds(somebody);
  await page.goto(`/apps/${given.app}/settings`);
  await page.getByRole("link", { name: "Clone …" }).waitFor();
  assert.deepEqual(await look(somebody, "archives-1-settings"), []);
  await page.goto(`/apps/${given.app}/clone`);
  await page.getByLabel("Name").waitFor();
  assert.deepEqual(await look(somebody, "archives-2-clone"), []);
  given.twin = box.app("twin");
  await page.getByLabel("Id").fill(given.twin);
  await page.getByRole("button", { name: "Clone", exact: true }).click();
  await page.waitForURL(/\/jobs\/[^/]+$/);
  await jobEnds(somebody);
  await page.goto(`/apps/${given.twin}`);
  assert.match(await page.locator("main").innerText(), /Copy of Site/);
  watch.clean();
}, { limit: 180_000 });

test("it is exported, and the archive is downloaded", async (given) => {
  const { page, app, somebody, watch } = given;
  await page.goto(`/apps/${app}/export`);
  await page.getByRole("heading", { name: "Export Site" }).waitFor();
  assert.deepEqual(await look(somebody, "archives-3-export"), []);
  await page.getByRole("button", { name: "Export", exact: true }).click();
  await page.waitForURL(/\/jobs\/[^/]+$/);
  await jobEnds(somebody);
  await page.goto("/apps");
  await page.getByRole("link", { name: "Archives" }).click();
  await page.getByRole("heading", { name: "Archives", level: 1 }).waitFor();
  assert.deepEqual(await look(somebody, "archives-4-list"), []);
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download" }).first().click()]);
  assert.match(file.suggestedFilename(), /\.orbitr\.tar\.gz$/);
  given.file = await file.path();
  const bytes = await readFile(given.file);
  assert.deepEqual([...bytes.subarray(0, 2)], [0x1f, 0x8b]);
  watch.clean();
}, { limit: 150_000 });

test("an archive that is brought is shown, and installed as a new app", async (given) => {
  const { box, page, file, somebody, watch } = given;
  await page.goto("/projects/home/archives");
  await page.getByLabel("The archive").setInputFiles({ name: "app.tar.gz", mimeType: "application/gzip", buffer: await readFile(file) });
  await page.getByRole("button", { name: "Upload" }).click();
  await page.getByRole("heading", { name: "Archive of Site" }).waitFor();
  assert.deepEqual(await look(somebody, "archives-5-one"), []);
  const moved = box.app("moved");
  await page.getByLabel("Id").fill(moved);
  await page.getByRole("button", { name: "Install", exact: true }).click();
  await page.waitForURL(/\/jobs\/[^/]+$/);
  await jobEnds(somebody);
  await page.goto(`/apps/${moved}/settings`);
  await page.getByRole("heading", { name: "Settings", exact: true }).waitFor();
  watch.clean();
}, { limit: 150_000 });

test("what is no archive is refused with a reason", async ({ page, watch }) => {
  watch.allow(/status of 422/);
  await page.goto("/projects/home/archives");
  await page.getByLabel("The archive").setInputFiles({ name: "x.tar.gz", mimeType: "application/gzip", buffer: Buffer.from("hello") });
  await page.getByRole("button", { name: "Upload" }).click();
  await page.getByText("The archive cannot be used").first().waitFor();
  watch.clean();
  watch.strict();
}, { limit: 60_000 });

test("removing offers an archive", async ({ page, twin, somebody, watch }) => {
  await page.goto(`/apps/${twin}/remove`);
  await page.getByLabel(/into an archive/).check();
  assert.deepEqual(await look(somebody, "archives-6-remove"), []);
  await page.getByRole("button", { name: "Remove app" }).click();
  await page.waitForURL(/\/jobs\/[^/]+$/);
  await jobEnds(somebody);
  await page.goto("/projects/home/archives");
  assert.match(await page.locator("main").innerText(), /Copy of Site/);
  watch.clean();
}, { limit: 120_000 });
