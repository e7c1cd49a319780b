// What can be wrong with apps, each provoked, seen and mended with its button.

import assert from "node:assert/strict";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import { behaving } from "../lib/behaving.mjs";
import { Box, engine, freePort } from "../lib/box.mjs";
import { claimed, install, jobEnds, lookAround } from "../lib/hands.mjs";
import { look } from "../lib/look.mjs";
import { relay } from "../lib/relay.mjs";
import { eventually, suite } from "../lib/runner.mjs";

const SOON = 100_000;
const REGISTRY = Number((process.env.ORBITR_TEST_REGISTRY ?? "127.0.0.1:5000").split(":")[1]);

const test = suite("issues-apps", {
  async setup() {
    const port = await freePort();
    const registry = await relay(port, { host: "127.0.0.1", port: REGISTRY });
    const folder = path.join("/var/tmp", `orbitr-browser-issues-apps-${process.pid}`);
    await behaving(folder, `127.0.0.1:${port}/orbitr-test/lone:1.0.0`);
    const box = await Box.start("issues-apps", ["--extensions", folder]);
    const somebody = await claimed(box);
    const image = `127.0.0.1:${port}/orbitr-test/lone:1.0.0`;
    return { box, folder, registry, image, somebody, page: somebody.page, watch: somebody.watch };
  },
  async teardown({ box, folder, registry, shop }) {
    // got by its digest, it has no other name
    const image = shop && await imageOf(shop);
    await box.gone();
    if (image) await engine("DELETE", `/images/${image}?force=true`);
    await registry.close();
    await rm(folder, { recursive: true, force: true });
  },
  failed: lookAround,
});

const issue = (page, title) => page.locator("#issues .issue", { hasText: title });
const told = (page, title) => issue(page, title).waitFor({ timeout: SOON });
const over = (page, title) => issue(page, title).waitFor({ state: "detached", timeout: SOON });
const data = (box, app, name) => path.join(box.dir, "s/apps", app, "data/data", name);
const container = (app, what) => `/containers/orbitr-${app}-web-1${what}`;

/**
 * Presses a button of an issue that begins a job, and waits until that has ended. The box tries to bring an app back by
 * itself meanwhile, and nobody else can do anything to it then: whoever is told so presses again.
 */
async function mend({ page, somebody }, title, button, ends = /\/jobs\/[^/]+$/) {
  await eventually(`«${button}» is taken`, SOON, async () => {
    await page.goto("/issues");
    await told(page, title);
    const found = issue(page, title).getByRole("button", { name: button });
    if (!await found.isVisible()) return false;
    await found.click({ timeout: 5_000 });
    await page.waitForURL((url) => url.pathname !== "/issues", { timeout: 10_000 });
    return ends.test(page.url());
  });
  if (/jobs/.test(page.url())) await jobEnds(somebody);
  await page.goto("/issues");
  await over(page, title);
}

const imageOf = async (app) => (await engine("GET", container(app, "/json")))?.Image;
/** Docker's table of the apps, without waiting for the box. */
const removed = (app) => engine("DELETE", container(app, "?force=true"));

test("two apps are there", async (given) => {
  for (const [word, name] of [["shop", "Shop"], ["notes", "Notes"]]) {
    given[word] = given.box.app(word);
    given[`${word}Port`] = await freePort();
    await install(given.somebody, "web", { id: given[word], name, port: given[`${word}Port`], path: "/store/local/web" });
    await jobEnds(given.somebody);
  }
  // told after a minute: from now on it does not answer
  await writeFile(data(given.box, given.notes, "mute"), "");
  await engine("POST", container(given.notes, "/restart?t=1"));
  given.watch.allow(/status of 409/);
}, { limit: 120_000 });

test("an app that ran out of memory is told, and its button restarts it", async (given) => {
  const { box, page, shop } = given;
  await writeFile(data(box, shop, "hungry"), "");
  await engine("POST", container(shop, "/restart?t=1"));
  await page.goto("/issues");
  await told(page, "Shop ran out of memory");
  await issue(page, "Shop ran out of memory").getByRole("button", { name: "Restart it" }).click({ timeout: SOON });
  await page.waitForURL(/\/apps\//);
  await page.goto("/issues");
  await issue(page, "Shop ran out of memory").getByRole("button", { name: "Dismiss" }).click();
  await page.getByText("It is hidden until it ends and comes back").waitFor();
  await over(page, "Shop ran out of memory");
}, { limit: 120_000 });

test("a secret in a log is told by its name, and made anew with the button", async (given) => {
  const { box, page, somebody, shop } = given;
  await writeFile(data(box, shop, "leak"), "");
  await page.goto(`/apps/${shop}`);
  await page.getByRole("button", { name: "Restart", exact: true }).first().click();
  await page.goto("/issues");
  await told(page, "Shop has written a secret into its log");
  const secret = /SECRET_TOKEN="?([A-Za-z0-9]{32})/.exec(await readFile(path.join(box.dir, "s/apps", shop, "releases/1/.env"), "utf8").catch(() => ""));
  const text = await issue(page, "Shop has written a secret").innerText();
  assert.match(text, /Secret\s+token[\s\S]*Service\s+web/);
  assert.ok(secret === null || !text.includes(secret[1]), "never what it is");
  assert.deepEqual(await look(somebody, "issues-apps-1-secret"), []);
  await rm(data(box, shop, "leak"));
  await mend(given, "Shop has written a secret into its log", "Make another one");
}, { limit: 150_000 });

test("a port that somebody else holds is told with who it is, and the app gets another", async (given) => {
  const { box, page, somebody, shop, shopPort, image } = given;
  await page.goto("about:blank");
  await box.kill("SIGTERM");
  await removed(shop);
  const squatter = `squatter-${box.port}`;
  const body = JSON.stringify({
    Image: image, Entrypoint: ["sleep", "100000"], ExposedPorts: { "80/tcp": {} },
    HostConfig: { PortBindings: { "80/tcp": [{ HostPort: String(shopPort) }] } },
  });
  await engine("POST", `/containers/create?name=${squatter}`, body);
  try {
    await engine("POST", `/containers/${squatter}/start`);
    await box.up();
    await page.goto("/issues");
    await told(page, "A port of Shop is held by something else");
    const text = await issue(page, "A port of Shop is held").innerText();
    assert.match(text, new RegExp(`Port\\s+${shopPort}[\\s\\S]*«${squatter}» holds it, which this box did not make`));
    assert.deepEqual(await look(somebody, "issues-apps-2-port"), []);
    await mend(given, "A port of Shop is held by something else", "Give it a free port");
    await page.goto(`/apps/${shop}`);
    await page.locator("main").getByText("Running").first().waitFor();
    assert.ok(!(await page.locator("main").innerText()).includes(String(shopPort)));
  } finally {
    await engine("DELETE", `/containers/${squatter}?force=true`);
  }
}, { limit: 180_000 });

test("an app that cannot be started for another reason is down, and started with the button", async (given) => {
  const { box, page, shop } = given;
  const current = path.join(box.dir, "s/apps", shop, "current");
  const file = path.join(current, "compose.yaml");
  const text = await readFile(file, "utf8");
  await writeFile(file, "services: [\n");
  await removed(shop);
  await page.goto("/issues");
  await told(page, "Shop is down");
  await writeFile(file, text);
  await mend(given, "Shop is down", "Start it", /\/apps\/[^/]+$/);
}, { limit: 180_000 });

test("an app that runs although it was stopped is stopped again", async (given) => {
  const { page, shop } = given;
  await page.goto(`/apps/${shop}`);
  await page.getByRole("button", { name: "Stop", exact: true }).first().click();
  const running = async () => (await engine("GET", container(shop, "/json")))?.State?.Running;
  await eventually("it is stopped", 30_000, async () => !await running());
  // the box stops it by itself, a few times, further and further apart
  await page.goto("/issues");
  await eventually("the issue", 2 * SOON, async () => {
    if (!await running()) await engine("POST", container(shop, "/start"));
    return issue(page, "Shop runs although it was stopped here").isVisible();
  });
  await mend(given, "Shop runs although it was stopped here", "Stop it", /\/apps\/[^/]+$/);
  await page.goto(`/apps/${shop}`);
  await page.getByRole("button", { name: "Start", exact: true }).first().click();
  // what a job does to its app is no fault of the app
  await page.locator("main").getByText("Running").first().waitFor({ timeout: 30_000 });
  await page.getByText("No job runs").waitFor({ timeout: 30_000 });
}, { limit: 300_000 });

test("an app that is up and does not answer is told, and restarted with the button once it is mended", async (given) => {
  const { box, page, notes } = given;
  await page.goto("/issues");
  await told(page, "Notes does not answer as it should");
  await rm(data(box, notes, "mute"));
  await mend(given, "Notes does not answer as it should", "Restart it", /\/apps\/[^/]+$/);
}, { limit: 240_000 });

test("an image that is gone and cannot be fetched is fetched again when its registry is back", async (given) => {
  const { page, registry, image, shop, notes, somebody } = given;
  await page.goto(`/apps/${notes}`);
  await page.getByRole("button", { name: "Stop", exact: true }).first().click();
  await eventually("it is stopped", 30_000, async () => !(await engine("GET", container(notes, "/json")))?.State?.Running);
  await removed(notes);
  await registry.close();
  await removed(shop);
  await engine("DELETE", `/images/${encodeURIComponent(image)}?force=true`);
  await page.goto("/issues");
  await told(page, "An image of Shop is gone and cannot be fetched");
  assert.deepEqual(await look(somebody, "issues-apps-3-image"), []);
  await registry.open();
  await mend(given, "An image of Shop is gone and cannot be fetched", "Fetch it again");
}, { limit: 180_000 });

test("an image whose files are damaged is got anew", async (given) => {
  const { page, shop, somebody } = given;
  const { GraphDriver: { Data: { UpperDir: layer } } } = await engine("GET", `/images/${await imageOf(shop)}/json`);
  await rename(layer, `${layer}.lost`);
  await removed(shop);
  await page.goto("/issues");
  await told(page, "Docker's copy of an image of Shop is damaged");
  assert.deepEqual(await look(somebody, "issues-apps-4-damaged"), []);
  await mend(given, "Docker's copy of an image of Shop is damaged", "Get the image again");
}, { limit: 180_000 });
