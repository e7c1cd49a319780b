// A click at any moment does what it says: as soon as a button has come in, while something else comes in, between
// pressing and letting go, and while an earlier click is still being answered.

import assert from "node:assert/strict";

import { Box, freePort } from "../lib/box.mjs";
import { claimed, install, jobEnds, lookAround } from "../lib/hands.mjs";
import { suite } from "../lib/runner.mjs";

const ROUNDS = 6;

const test = suite("clicks", {
  async setup() {
    const box = await Box.start("clicks");
    const somebody = await claimed(box);
    return { box, somebody, page: somebody.page, watch: somebody.watch };
  },
  teardown: ({ box }) => box.gone(),
  failed: lookAround,
});

/** Waits until a button with this word stands in the page's head, looking at each frame. Gives its middle. */
const appears = (page, word) => page.waitForFunction((wanted) => {
  const button = [...document.querySelectorAll("main .page-actions button")].find((one) => one.textContent.trim() === wanted);
  if (!button) return null;
  const box = button.getBoundingClientRect();
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}, word, { polling: "raf", timeout: 30_000 }).then((found) => found.jsonValue());

/** The next POST to this address; null if none comes. */
const post = (page, path) => page.waitForRequest((one) => one.method() === "POST" && new URL(one.url()).pathname === path, { timeout: 4000 })
  .then(() => true, () => false);

test("an app is there to start and stop", async (given) => {
  given.app = given.box.app("quick");
  await install(given.somebody, "nginx", { id: given.app, name: "Quick", port: await freePort() });
  await jobEnds(given.somebody);
  await given.page.goto(`/apps/${given.app}`);
  given.watch.clean();
}, { limit: 90_000 });

test("Start and Stop are pressed in the very frame in which they appear, again and again", async ({ page, app, watch }) => {
  const lost = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [word, path] of [["Stop", `/apps/${app}/stop`], ["Start", `/apps/${app}/start`]]) {
      const { x, y } = await appears(page, word);
      const sent = post(page, path);
      // A hand is never quite as quick as a frame, and never twice as slow.
      await page.waitForTimeout((round * 37) % 180);
      await page.mouse.move(x, y);
      await page.mouse.down();
      await page.waitForTimeout((round * 13) % 70);
      await page.mouse.up();
      if (!(await sent)) lost.push(`${word} in round ${round + 1}`);
    }
  }
  assert.deepEqual(lost, [], "presses that did nothing");
  watch.clean();
}, { limit: 240_000 });

test("right after a page has come in, and before, every click falls on what is seen", async ({ page, watch }) => {
  // with all the motion that people have
  await page.emulateMedia({ reducedMotion: "no-preference" });
  await page.goto("/apps");
  const names = ["Store", "Jobs", "Apps"];
  const places = [];
  for (const name of names) {
    const box = await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name, exact: true }).boundingBox();
    places.push([box.x + box.width / 2, box.y + box.height / 2]);
  }
  await page.evaluate(() => {
    globalThis.clicked = [];
    addEventListener("click", ({ target }) => globalThis.clicked.push(target.closest("a")?.textContent.trim() ?? target.tagName), true);
  });
  const expected = [];
  for (let round = 0; round < 30; round += 1) {
    expected.push(names[round % 3]);
    await page.mouse.click(...places[round % 3]);
    await page.waitForTimeout(5 + (round * 11) % 160);
  }
  assert.deepEqual(await page.evaluate(() => globalThis.clicked), expected);
  await page.waitForURL((url) => url.pathname === "/apps");
  await page.getByRole("heading", { name: "Apps", level: 1 }).waitFor();
  await page.emulateMedia({ reducedMotion: "reduce" });
  watch.clean();
});

test("what comes in between pressing and letting go waits until the click is through", async ({ page, app, watch }) => {
  await page.goto(`/apps/${app}`);
  const { x, y } = await appears(page, "Restart");
  const sent = post(page, `/apps/${app}/restart`);
  await page.mouse.move(x, y);
  await page.mouse.down();
  // What a live change does at its worst: everything on the page is another element than before.
  await page.evaluate(async () => {
    const text = document.querySelector("#app-overview").outerHTML;
    const fresh = globalThis.htmx.swap({ text, target: document.querySelector("#app-overview"), swap: "outerHTML", sourceElement: document.querySelector("main") });
    await fresh;
  });
  await page.mouse.up();
  assert.ok(await sent, "the click did nothing");
  await appears(page, "Restart");
  watch.clean();
}, { limit: 60_000 });

test("of two clicks the later one decides which page is shown", async ({ page, watch }) => {
  await page.goto("/");
  await page.route("**/apps", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 600));
    await route.continue().catch(() => {});
  });
  const menu = page.getByRole("navigation", { name: "Main" });
  await menu.getByRole("link", { name: "Apps", exact: true }).click();
  await menu.getByRole("link", { name: "Store", exact: true }).click();
  await page.waitForURL((url) => url.pathname === "/store");
  await page.waitForTimeout(1200);
  assert.equal(new URL(page.url()).pathname, "/store", "the earlier click came back");
  await page.getByRole("heading", { name: "Store", level: 1 }).waitFor();
  await page.unroute("**/apps");
  watch.clean();
});

test("a form that a live change has turned into another one can be sent at once", async ({ page, watch }) => {
  await page.goto("/account/sessions");
  const asked = [];
  await page.route("**/probe/*", async (route) => {
    asked.push(new URL(route.request().url()).pathname);
    // Never answered while the test looks.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await route.abort().catch(() => {});
  });
  watch.allow(/htmx:error|net::ERR_/);
  await page.evaluate(async () => {
    const put = (name) => `<div id="probe"><form method="post" action="/probe/${name}"><button type="submit">Probe</button></form></div>`;
    const swap = (text, target, style) => globalThis.htmx.swap({ text, target, swap: style, sourceElement: document.querySelector("main") });
    await swap(put("first"), document.querySelector("main"), "innerHTML");
    const button = () => document.querySelector("#probe button");
    button().click();
    await new Promise((resolve) => setTimeout(resolve, 100));
    await swap(put("second"), document.querySelector("#probe"), "outerMorph");
    button().click();
    button().click();
    await new Promise((resolve) => setTimeout(resolve, 200));
  });
  assert.deepEqual(asked, ["/probe/first", "/probe/second"], "each form is sent once");
  await page.goto("/");
  watch.strict();
});
