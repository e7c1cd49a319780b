// When something is badly wrong: safe mode and factory reset, on Orbitr OS with its data open. A folder stands in for
// /run, and this file does what root does. All of it without JavaScript, too.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import { Box } from "../lib/box.mjs";
import { picture, visitor } from "../lib/browser.mjs";
import { accessibility, sideways, structure } from "../lib/checks.mjs";
import { ADMIN, claimed, signIn } from "../lib/hands.mjs";
import { eventually, suite } from "../lib/runner.mjs";

const SERIAL = "01234567";

const test = suite("rescue", {
  async setup() {
    const run = await mkdtemp("/var/tmp/orbitr-run-");
    for (const folder of ["orbitr-box/results", "orbitr/requests"]) await mkdir(path.join(run, folder), { recursive: true });
    await writeFile(path.join(run, "machine-id"), "0123456789abcdef0123456789abcdef\n");
    await writeFile(path.join(run, "orbitr-box/data.json"), JSON.stringify({
      version: 1, state: "open", reason: null, problem: null, recorded: "0f410f90-ea92-4bcf-b701-b7503621b14f", open: null,
      candidates: [], boot_disk: null,
    }));
    const box = await Box.start("rescue", ["--stand-in", run]);
    const somebody = await claimed(box);
    const plain = await visitor(box, { javaScript: false });
    await signIn(plain, ADMIN);
    return { box, run, somebody, plain, page: plain.page };
  },
  async teardown({ box, run }) {
    await box.gone();
    await rm(run, { recursive: true, force: true });
  },
});

/** Looked at by somebody with JavaScript, in both themes, wide and narrow. */
async function sound({ page, watch }, address, name) {
  await page.goto(address);
  assert.deepEqual(await structure(page), []);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const [width, height] of [[1440, 900], [390, 844]]) {
      await page.setViewportSize({ width, height });
      if ((width > 1000) === (colorScheme === "light")) assert.deepEqual(await accessibility(page), []);
      assert.deepEqual(await sideways(page), []);
      await picture(page, `rescue-${name}-${width}-${colorScheme}`);
    }
  }
  assert.deepEqual(watch.said.splice(0), []);
}

test("safe mode is turned on, stands on every page, and is left with the banner's button", async ({ somebody, page }) => {
  await sound(somebody, "/system/rescue", "page");
  await page.goto("/system/rescue");
  await page.getByRole("button", { name: "Turn safe mode on" }).click();
  for (const address of ["/", "/apps", "/system/rescue", "/store"]) {
    await page.goto(address);
    await page.getByText("Safe mode is on").first().waitFor();
  }
  await sound(somebody, "/apps", "safe-mode");
  await page.goto("/apps");
  await page.getByRole("button", { name: "Leave safe mode" }).click();
  await page.goto("/apps");
  assert.equal(await page.getByText("Safe mode is on").count(), 0);
}, { limit: 120_000 });

test("a factory reset says what goes, and a wrong serial number does nothing", async ({ somebody, page, run }) => {
  await sound(somebody, "/system/rescue/factory-reset", "factory-reset");
  await page.goto("/system/rescue");
  await page.getByRole("link", { name: "Factory reset" }).click();
  await page.getByText("Every app with all its data").waitFor();
  await page.getByText("Make a backup first").waitFor();
  await page.getByLabel(`Type ${SERIAL} to confirm`).fill("76543210");
  await page.getByRole("button", { name: "Erase everything" }).click();
  // the browser itself does not send it; what the box says to one that does is the room's own test
  assert.equal(new URL(page.url()).pathname, "/system/rescue/factory-reset");
  await assert.rejects(readFile(path.join(run, "orbitr/requests/factory-reset.json")));
}, { limit: 120_000 });

test("the right one asks root, and what root says is the job's end", async ({ page, run }) => {
  await page.goto("/system/rescue/factory-reset");
  await page.getByLabel(`Type ${SERIAL} to confirm`).fill(SERIAL);
  await page.getByRole("button", { name: "Erase everything" }).click();
  await page.waitForURL(/\/jobs\//);
  const file = path.join(run, "orbitr/requests/factory-reset.json");
  const request = JSON.parse(await eventually("root is asked", 10_000, () => readFile(file, "utf8").catch(() => null)));
  assert.equal(request.serial, SERIAL);
  await rm(file);
  const problem = { code: "data-not-found", title: "The data partition is not there", detail: "", fix: "Plug its disk in, then look again." };
  const report = { version: 1, act: "factory-reset", id: request.id, state: "failed", step: "", fraction: null, problem, value: null };
  const results = path.join(run, "orbitr-box/results");
  await writeFile(path.join(results, "new"), JSON.stringify(report));
  await rename(path.join(results, "new"), path.join(results, "factory-reset.json"));
  await eventually("the job says so", 15_000, async () => {
    await page.reload();
    return (await page.getByText("The data partition is not there").count()) > 0 || null;
  });
});
