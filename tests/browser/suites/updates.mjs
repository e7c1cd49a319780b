// Another version of an app and back, as its owner does it: what the page says before, what happens, what is there after.

import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import path from "node:path";

import { Box, freePort } from "../lib/box.mjs";
import { claimed, install, jobEnds, lookAround } from "../lib/hands.mjs";
import { look } from "../lib/look.mjs";
import { suite } from "../lib/runner.mjs";
import { OLD, publish } from "../lib/store.mjs";

const NEW = "1.29.0";

const test = suite("updates", {
  async setup() {
    const folder = path.join("/var/tmp", `orbitr-browser-store-${process.pid}`);
    await publish(folder, OLD);
    const box = await Box.start("updates", ["--extensions", folder]);
    const somebody = await claimed(box);
    return { box, folder, somebody, page: somebody.page, watch: somebody.watch };
  },
  async teardown({ box, folder }) {
    await box.gone();
    await rm(folder, { recursive: true, force: true });
  },
  failed: lookAround,
});

test("an app of the older version is there, and the store gets a newer one", async (given) => {
  const { box, folder, page, somebody } = given;
  given.app = box.app("site");
  await install(somebody, "nginx", { id: given.app, name: "Site", port: await freePort(), path: "/store/local/nginx" });
  await jobEnds(somebody);
  await page.goto(`/apps/${given.app}`);
  assert.equal(await page.getByText(`Version ${NEW}`).count(), 0);
  // its stream of news would end with the box
  await page.goto("about:blank");
  await box.kill();
  await publish(folder, NEW);
  await box.up();
}, { limit: 120_000 });

test("the page offers it and says what will happen", async ({ page, app, somebody }) => {
  await page.goto(`/apps/${app}`);
  await page.getByText(`Version ${NEW}`).first().waitFor();
  assert.deepEqual(await look(somebody, "updates-1-offer"), []);
  await page.getByRole("link", { name: "Look at the update" }).click();
  await page.getByText("The version of now comes back, with its data.").waitFor();
  assert.deepEqual(await look(somebody, "updates-2-plan"), []);
}, { limit: 90_000 });

test("it is updated", async ({ page, app, somebody, watch }) => {
  await page.goto(`/apps/${app}/update`);
  await page.getByRole("button", { name: "Update", exact: true }).click();
  await page.waitForURL(/\/jobs\/[^/]+$/);
  await jobEnds(somebody);
  await page.goto(`/apps/${app}`);
  assert.match(await page.locator("main").innerText(), new RegExp(NEW.replaceAll(".", "\\.")));
  assert.equal(await page.getByText("Look at the update").count(), 0);
  watch.clean();
}, { limit: 120_000 });

test("a release is looked at beside the one before, kept, and its data looked into", async ({ page, app, somebody, watch }) => {
  await page.goto(`/apps/${app}/history`);
  await page.getByRole("link", { name: "2", exact: true }).click();
  await page.getByRole("heading", { name: "Release 2", level: 1 }).waitFor();
  assert.match(await page.locator("main").innerText(), new RegExp(`${OLD.replaceAll(".", "\\.")} \\(revision`));
  assert.deepEqual(await look(somebody, "updates-5-release"), []);
  await page.goto(`/apps/${app}/releases/1?with=2`);
  await page.getByRole("button", { name: "Keep it" }).click();
  await page.getByText("However many come after it, with its data").waitFor();
  assert.deepEqual(await look(somebody, "updates-6-kept"), []);
  await page.getByRole("link", { name: "Look into it" }).click();
  await page.getByRole("heading", { name: "Data of then", level: 1 }).waitFor();
  assert.deepEqual(await look(somebody, "updates-7-data"), []);
  await page.locator("main table a").first().click();
  await page.getByText("One folder up").waitFor();
  assert.deepEqual(await look(somebody, "updates-8-folder"), []);
  await page.goto(`/apps/${app}/releases/1`);
  await page.getByRole("button", { name: "Let it go" }).click();
  await page.getByText("Until ten newer ones are there").waitFor();
  watch.clean();
}, { limit: 90_000 });

test("the release before is a press away, with the data of then", async ({ page, app, somebody, watch }) => {
  await page.goto(`/apps/${app}/history`);
  await page.getByRole("link", { name: /^Roll back/ }).waitFor();
  assert.deepEqual(await look(somebody, "updates-3-releases"), []);
  await page.goto(`/apps/${app}/roll-back/1`);
  await page.getByLabel(/^The data of now/).waitFor();
  assert.deepEqual(await look(somebody, "updates-4-roll-back"), []);
  await page.getByRole("button", { name: "Roll back" }).click();
  await page.waitForURL(/\/jobs\/[^/]+$/);
  await jobEnds(somebody);
  await page.goto(`/apps/${app}/history`);
  assert.match(await page.locator("main").innerText(), /Rolled back to release 1/);
  watch.clean();
}, { limit: 150_000 });
