// What is wrong, as its owner comes upon it: the bell, the card on Home, the page with what helps, hiding, mending.

import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";

import { visitor } from "../lib/browser.mjs";
import { Box, engine, freePort } from "../lib/box.mjs";
import { ADMIN, claimed, install, jobEnds, lookAround, signIn } from "../lib/hands.mjs";
import { look } from "../lib/look.mjs";
import { suite } from "../lib/runner.mjs";
import { OLD, publish } from "../lib/store.mjs";

const NEW = "1.29.0";
const SOON = 90_000;
/** What the machine that the tests run on may have of its own. */
const OURS = 2;

/** The store of this machine's owner: nginx in some version of it, with another way to start. */
const startsWith = (folder, version, entrypoint) => publish(folder, version, (text) => text.replace(
  "    restart: unless-stopped\n",
  `    restart: unless-stopped\n    entrypoint: ${JSON.stringify(["sh", "-c", entrypoint])}\n`,
));

const BREAKABLE = "test ! -e /usr/share/nginx/html/broken || { echo 'the configuration is broken'; exit 7; }; "
  + "exec /docker-entrypoint.sh nginx -g 'daemon off;'";
const NEVER = "echo 'no configuration found, giving up'; exit 3";

const test = suite("issues", {
  async setup() {
    const folder = path.join("/var/tmp", `orbitr-browser-issues-${process.pid}`);
    await startsWith(folder, OLD, BREAKABLE);
    const box = await Box.start("issues", ["--extensions", folder]);
    const somebody = await claimed(box);
    return { box, folder, somebody, page: somebody.page, watch: somebody.watch };
  },
  async teardown({ box, folder }) {
    await box.gone();
    await rm(folder, { recursive: true, force: true });
  },
  failed: lookAround,
});

const bell = (page) => page.locator("#bell a");
const issue = (page, title) => page.locator("#issues .issue", { hasText: title });

test("where nothing is wrong the page says so", async ({ somebody, page, watch }) => {
  await page.goto("/issues");
  await page.getByText("Nothing is wrong").waitFor();
  assert.match(await bell(page).innerText(), /No issues/);
  assert.deepEqual(await look(somebody, "issues-1-none"), []);
  await page.goto("/");
  assert.equal(await page.getByRole("heading", { name: "Issues" }).count(), 0);
  watch.clean();
}, { limit: 120_000 });

test("two apps are there", async (given) => {
  const { box, page, somebody } = given;
  for (const [word, name] of [["site", "Site"], ["notes", "Notes"]]) {
    given[word] = box.app(word);
    await install(somebody, "nginx", { id: given[word], name, port: await freePort(), path: "/store/local/nginx" });
    await jobEnds(somebody);
  }
  await page.goto("about:blank");
  await box.kill();
  await startsWith(given.folder, NEW, NEVER);
  await box.up();
}, { limit: 180_000 });

test("an update that fails rings the bell", async ({ page, somebody, notes }) => {
  await page.goto(`/apps/${notes}/update`);
  await page.getByRole("button", { name: "Update", exact: true }).click();
  await page.waitForURL(/\/jobs\/[^/]+$/);
  await jobEnds(somebody, "Failed");
  await bell(page).getByText("1", { exact: true }).waitFor({ timeout: SOON });
  await bell(page).click();
  await issue(page, "«Update Notes to 1.29.0» has failed").waitFor();
}, { limit: 150_000 });

test("an app that ends again and again comes onto the open page by itself", async ({ box, page, somebody, site }) => {
  await writeFile(path.join(box.dir, "s/apps", site, "data/site/broken"), "");
  await page.goto("/issues");
  await engine("POST", `/containers/orbitr-${site}-web-1/kill`);
  await engine("POST", `/containers/orbitr-${site}-web-1/start`);
  await issue(page, "Site ends again and again").waitFor({ timeout: SOON });
  await bell(page).getByText(String(OURS), { exact: true }).waitFor();
  assert.deepEqual(await look(somebody, "issues-2-page"), []);
  await page.goto("/");
  await page.getByRole("heading", { name: "Issues" }).waitFor();
  await page.getByText("Something does not work").waitFor();
  assert.deepEqual(await look(somebody, "issues-3-home"), []);
  await page.getByRole("link", { name: "Site ends again and again" }).click();
  await page.waitForURL(/\/issues#app-crash-looping/);
}, { limit: 180_000 });

test("its logs are one press away", async ({ page, watch }) => {
  await page.goto("/issues");
  await issue(page, "Site ends again and again").getByRole("link", { name: "Read its logs" }).click();
  await page.getByText("the configuration is broken").first().waitFor();
  watch.clean();
}, { limit: 60_000 });

test("without JavaScript one is dismissed, and it stands below the others from then on", async ({ box, page, somebody }) => {
  const plain = await visitor(box, { javaScript: false });
  await signIn(plain, ADMIN);
  await plain.page.goto("/issues");
  await issue(plain.page, "«Update Notes to 1.29.0» has failed").getByRole("button", { name: "Dismiss" }).click();
  await plain.page.getByText("It is hidden until it ends and comes back").waitFor();
  assert.equal(await issue(plain.page, "«Update Notes to 1.29.0» has failed").count(), 0);
  await plain.page.getByRole("heading", { name: "Dismissed" }).waitFor();
  await page.goto("/issues");
  assert.deepEqual(await look(somebody, "issues-4-dismissed"), []);
}, { limit: 120_000 });

test("mended and started again, nothing is wrong", async ({ box, page, site, watch }) => {
  await rm(path.join(box.dir, "s/apps", site, "data/site/broken"));
  await page.goto("/issues");
  await issue(page, "Site ends again and again").getByRole("button", { name: /^(Start|Restart) it$/ }).click();
  await page.waitForURL(/\/apps\//);
  await page.goto("/issues");
  await page.getByText("Nothing is wrong").waitFor({ timeout: SOON });
  assert.match(await bell(page).innerText(), /No issues/);
  watch.clean();
}, { limit: 150_000 });
