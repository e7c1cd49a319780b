// An app that needs a database: where it comes from is chosen, shown on both sides, and asked about before it stops.

import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import { Box, ROOT, freePort } from "../lib/box.mjs";
import { claimed, install, jobEnds, lookAround } from "../lib/hands.mjs";
import { look } from "../lib/look.mjs";
import { suite } from "../lib/runner.mjs";

const ICON = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path d="M4 20V4h4v16zm6 0V4h4v16zm6 0 4-15 3 1-4 15z"/></svg>';

const test = suite("bindings", {
  async setup() {
    const folder = path.join("/var/tmp", `orbitr-browser-bindings-${process.pid}`);
    await mkdir(path.join(folder, "shelf"), { recursive: true });
    const text = await readFile(path.join(ROOT, "tests/src/shelf.yaml"), "utf8");
    await writeFile(path.join(folder, "shelf/extension.yaml"), text.replace("PREFERRED", String(await freePort())));
    await writeFile(path.join(folder, "shelf/icon.svg"), ICON);
    const box = await Box.start("bindings", ["--extensions", folder]);
    const somebody = await claimed(box);
    return { box, folder, somebody, page: somebody.page, watch: somebody.watch };
  },
  async teardown({ box, folder }) {
    await box.gone();
    await rm(folder, { recursive: true, force: true });
  },
  failed: lookAround,
});

const STORE = "/store/local/shelf";

test("without a database the form says that the box would install one", async (given) => {
  const { box, page, somebody, watch } = given;
  await page.goto(STORE);
  await page.getByText("the box would install one for it").waitFor();
  assert.deepEqual(await look(somebody, "bindings-1-form"), []);
  given.server = box.app("server");
  await install(somebody, "postgresql", { id: given.server, name: "Server", port: await freePort() });
  await jobEnds(somebody);
  watch.clean();
}, { limit: 150_000 });

test("what is wrong with a choice is said at its field, and nothing is installed", async ({ page, watch }) => {
  await page.goto(STORE);
  watch.allow(/status of 422/);
  await page.getByLabel("Database", { exact: true }).selectOption("external");
  await page.locator("summary", { hasText: "Database outside this box" }).click();
  await page.getByRole("button", { name: "Install", exact: true }).click();
  await page.getByText("an answer is needed").first().waitFor();
  assert.equal(await page.getByLabel("Database", { exact: true }).inputValue(), "external");
  watch.strict();
}, { limit: 60_000 });

test("an app is bound to a database that is there, and both pages say so", async (given) => {
  const { box, page, server, somebody, watch } = given;
  given.shelf = box.app("shelf");
  await page.goto(STORE);
  await page.getByText("The box would choose Server").waitFor();
  await page.getByLabel("Database", { exact: true }).selectOption(`existing:${server}`);
  await page.locator("summary", { hasText: /^Id$/ }).click();
  await page.getByLabel("Id", { exact: true }).fill(given.shelf);
  await page.getByRole("button", { name: "Install", exact: true }).click();
  await page.waitForURL(/\/jobs\/[^/]+$/);
  await jobEnds(somebody);
  await page.goto(`/apps/${given.shelf}`);
  await page.getByRole("heading", { name: "Uses" }).waitFor();
  await page.locator("main").getByRole("link", { name: server, exact: true }).waitFor();
  assert.deepEqual(await look(somebody, "bindings-2-uses"), []);
  await page.goto(`/apps/${server}`);
  await page.getByRole("heading", { name: "Used by" }).waitFor();
  assert.deepEqual(await look(somebody, "bindings-3-used-by"), []);
  watch.clean();
}, { limit: 150_000 });

test("its password is changed by a press", async ({ page, shelf, somebody, watch }) => {
  await page.goto(`/apps/${shelf}`);
  await page.getByRole("button", { name: "Change the password" }).click();
  await page.waitForURL(/\/jobs\/[^/]+$/);
  await jobEnds(somebody);
  watch.clean();
}, { limit: 90_000 });

test("who stops the database is told what breaks, and it is not removed", async ({ page, server, somebody, watch }) => {
  await page.goto(`/apps/${server}`);
  await page.getByRole("link", { name: "Stop …" }).click();
  const breaks = page.getByText("Shelf does not work until it runs again");
  await breaks.waitFor();
  await page.goto(`/apps/${server}/stop`);
  await breaks.waitFor();
  assert.deepEqual(await look(somebody, "bindings-4-stop"), []);
  watch.allow(/status of 409/);
  await page.goto(`/apps/${server}/remove`);
  await page.getByRole("button", { name: /^Remove/ }).click();
  await page.getByText("Other apps need", { exact: false }).first().waitFor();
  watch.strict();
}, { limit: 60_000 });
