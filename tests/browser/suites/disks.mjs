// An app's data is moved to another disk and back, as its owner does it.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, open, rm } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";

import { Box, freePort } from "../lib/box.mjs";
import { claimed, install, jobEnds, lookAround } from "../lib/hands.mjs";
import { look } from "../lib/look.mjs";
import { suite } from "../lib/runner.mjs";

const run = promisify(execFile);

/** A disk in a file, mounted. */
async function connect(folder) {
  const [file, at] = [path.join(folder, "disk"), path.join(folder, "big")];
  const disk = await open(file, "w");
  await disk.truncate(600 * 2 ** 20);
  await disk.close();
  await run("mkfs.ext4", ["-q", file]);
  await mkdir(at);
  await run("mount", ["-o", "loop", file, at]);
  return at;
}

const test = suite("disks", {
  async setup() {
    const box = await Box.start("disks");
    const folder = await mkdtemp("/var/tmp/orbitr-disk-");
    const somebody = await claimed(box);
    const app = box.app("site");
    await install(somebody, "nginx", { id: app, name: "Site", port: await freePort() });
    await jobEnds(somebody);
    return { box, folder, app, somebody, page: somebody.page, watch: somebody.watch };
  },
  async teardown({ box, folder }) {
    await box.gone();
    await run("umount", ["--lazy", path.join(folder, "big")]).catch(() => {});
    await rm(folder, { recursive: true, force: true });
  },
  failed: lookAround,
});

test("where no disk is mounted, the page says which would do", async ({ page, app, somebody }) => {
  await page.goto(`/apps/${app}/settings`);
  await page.getByRole("link", { name: "Move the data …" }).click();
  await page.getByRole("heading", { name: "Move the data of Site" }).waitFor();
  await page.goto(`/apps/${app}/data`);
  await page.getByText("On the box's own disk").waitFor();
  assert.deepEqual(await look(somebody, "disks-1-none"), []);
}, { limit: 90_000 });

test("a disk that is mounted is offered with what is free on it, and the data goes there", async (given) => {
  const { page, app, folder, somebody } = given;
  given.disk = await connect(folder);
  await page.goto(`/apps/${app}/data`);
  await page.getByLabel(given.disk).check();
  assert.deepEqual(await look(somebody, "disks-2-offer"), []);
  await page.getByRole("button", { name: "Move", exact: true }).click();
  await page.waitForURL(/\/jobs\/[^/]+$/);
  await jobEnds(somebody);
  assert.deepEqual(await look(somebody, "disks-3-job"), []);
  await page.goto(`/apps/${app}`);
  await page.getByText("Data, on another disk").waitFor();
  assert.deepEqual(await look(somebody, "disks-4-there"), []);
  await access(path.join(given.disk, "orbitr"));
}, { limit: 120_000 });

test("and back, which leaves nothing on the disk", async ({ page, app, disk, somebody, watch }) => {
  await page.goto(`/apps/${app}/data`);
  await page.getByText(`${disk}: the data is on this disk`).waitFor();
  await page.getByLabel("The box's own disk").check();
  assert.deepEqual(await look(somebody, "disks-5-back"), []);
  await page.getByRole("button", { name: "Move", exact: true }).click();
  await page.waitForURL(/\/jobs\/[^/]+$/);
  await jobEnds(somebody);
  await assert.rejects(access(path.join(disk, "orbitr")));
  watch.clean();
}, { limit: 120_000 });
