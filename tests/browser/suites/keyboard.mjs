// Everything by keys, and what a browser remembers.

import assert from "node:assert/strict";

import { Box, freePort } from "../lib/box.mjs";
import { ADMIN, claimed, install, jobEnds, lookAround, signIn } from "../lib/hands.mjs";
import { eventually, suite } from "../lib/runner.mjs";

const test = suite("keyboard", {
  async setup() {
    const box = await Box.start("keyboard");
    const somebody = await claimed(box);
    return { box, somebody, page: somebody.page, watch: somebody.watch };
  },
  teardown: ({ box }) => box.gone(),
  failed: lookAround,
});

const at = (page, pathname) => page.waitForURL((url) => url.pathname === pathname);
const focused = (page) => page.evaluate(() => document.activeElement?.id || document.activeElement?.tagName);

test("the palette finds an app and goes there", async (given) => {
  const { somebody, page, box, watch } = given;
  given.app = box.app("pages");
  await install(somebody, "nginx", { id: given.app, name: "Garden pages", port: await freePort() });
  await jobEnds(somebody);
  await page.goto("/");
  await page.keyboard.press("Control+k");
  await page.locator("#palette[open]").waitFor();
  assert.equal(await focused(page), "palette-input");
  await page.keyboard.type("garden");
  await eventually("the app is found", 5000, async () => /Garden pages/.test(await page.locator("#palette .palette-item").first().innerText()));
  await page.keyboard.press("Enter");
  await at(page, `/apps/${given.app}`);
  assert.equal(await page.locator("#palette[open]").count(), 0);
  watch.clean();
}, { limit: 100_000 });

test("the palette has all that can be done with the app one is on, first of all", async ({ page, app, watch }) => {
  await page.goto(`/apps/${app}`);
  await page.getByRole("button", { name: "Restart" }).waitFor();
  await page.keyboard.press("Control+k");
  const items = page.locator("#palette .palette-item");
  await items.first().waitFor();
  assert.equal((await page.locator("#palette .palette-group").first().innerText()).toLowerCase(), "this app");
  const words = (await items.allInnerTexts()).map((text) => text.replace(/\s+/g, " ").trim());
  for (const label of ["Open", "Restart", "Stop", "Logs of", "History of", "Settings of", "Remove"]) {
    assert.ok(words.some((text) => text.startsWith(label) && text.includes("Garden pages")), `${label}: ${words.join(", ")}`);
  }
  assert.ok(!words.some((text) => text.startsWith("Show passwords of Garden pages")), "a web server has no passwords to show");
  // the app's own address opens beside the box's pages
  const open = items.filter({ hasText: "Open Garden pages" });
  assert.equal(await open.getAttribute("target"), "_blank");
  const answer = await page.context().request.get(await open.getAttribute("href"), { maxRedirects: 0 });
  assert.match(answer.headers().location, /^http:\/\/127\.0\.0\.1:\d+\/$/);
  watch.clean();
});

test("the palette switches the theme and signs out", async ({ page, watch, somebody }) => {
  await page.goto("/apps");
  const choose = async (words) => {
    await page.keyboard.press("Control+k");
    await page.locator("#palette[open]").waitFor();
    await page.keyboard.type(words);
    await eventually(`${words} is found`, 5000, async () => (await page.locator("#palette .palette-item").first().innerText()).toLowerCase().includes(words));
    await page.keyboard.press("Enter");
    await page.locator("#palette[open]").waitFor({ state: "detached" });
  };
  await choose("dark theme");
  await eventually("it is dark", 3000, async () => (await page.locator("html").getAttribute("data-theme")) === "dark");
  assert.equal(new URL(page.url()).pathname, "/apps", "one stays where one is");
  await choose("theme of this device");
  await eventually("it is as before", 3000, async () => (await page.locator("html").getAttribute("data-theme")) === "system");
  watch.clean();
  watch.allow(/status of 401/);
  await choose("sign out");
  await page.waitForURL(/\/sign-in/);
  watch.strict();
  await signIn(somebody, ADMIN);
  await at(page, "/");
  watch.clean();
});

test("the palette reaches every section, with arrows too", async ({ page, watch }) => {
  await page.goto("/");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("peop");
  await eventually("People is the first", 5000, async () => /^People/.test((await page.locator("#palette .palette-item").first().innerText()).trim()));
  await page.keyboard.press("ArrowDown");
  assert.match(await page.evaluate(() => document.activeElement.textContent), /People/);
  await page.keyboard.press("Enter");
  await at(page, "/people");
  watch.clean();
});

test("Enter takes the answer to what was typed, and a late answer keeps the item that has the focus", async ({ page, watch }) => {
  const late = async (route) => {
    await new Promise((then) => setTimeout(then, 400));
    await route.continue().catch(() => {}); // overtaken by the next question
  };
  const first = page.locator("#palette .palette-item").first();
  await page.goto("/");
  await page.keyboard.press("Control+k");
  await first.waitFor();
  await page.route("**/palette?*", late);
  assert.doesNotMatch(await first.innerText(), /People/);
  await page.keyboard.type("people");
  await page.keyboard.press("Enter"); // before its answer is there
  await at(page, "/people");

  await page.goto("/");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("peop");
  await eventually("People is the first", 5000, async () => /^People/.test((await first.innerText()).trim()));
  await page.keyboard.type("l");
  await page.keyboard.press("ArrowDown");
  const old = await page.evaluateHandle(() => document.activeElement);
  await eventually("the answer has replaced the item", 5000, () => old.evaluate((item) => !item.isConnected));
  await eventually("its successor has the focus", 1000, () => page.evaluate(() => /People/.test(document.activeElement.textContent)));
  await page.unroute("**/palette?*", late);
  await page.keyboard.press("Enter");
  await at(page, "/people");
  watch.clean();
});

test("Escape closes the palette and the focus is back where it was", async ({ page, watch }) => {
  await page.goto("/apps");
  const link = page.getByRole("link", { name: "Install an app" });
  await link.focus();
  await page.keyboard.press("Control+k");
  await page.locator("#palette[open]").waitFor();
  await page.keyboard.press("Escape");
  await page.locator("#palette[open]").waitFor({ state: "detached" });
  assert.ok(await link.evaluate((element) => element === document.activeElement), "the link has the focus again");
  watch.clean();
});

test("g and a letter go places, and ? lists the keys", async ({ page, watch }) => {
  await page.goto("/");
  for (const [key, path] of [["a", "/apps"], ["s", "/store"], ["j", "/jobs"], ["v", "/activity"], ["p", "/people"], ["e", "/settings"], ["h", "/"]]) {
    await page.keyboard.press("g");
    await page.keyboard.press(key);
    await at(page, path);
    await page.locator("main h1").first().waitFor();
  }
  await page.keyboard.press("?");
  await page.locator("#shortcuts[open]").waitFor();
  const text = await page.locator("#shortcuts").innerText();
  for (const word of ["Search or run", "Go to Apps", "Filter"]) assert.ok(text.includes(word), word);
  await page.keyboard.press("Escape");
  watch.clean();
});

test("/ goes to the filter, which hides what does not match", async ({ page, watch }) => {
  await page.goto("/apps");
  await page.keyboard.press("/");
  await page.keyboard.type("zzz");
  await eventually("the rows are hidden", 5000, async () => (await page.locator("tbody tr:visible").count()) === 0);
  await page.keyboard.press("Escape");
  await eventually("the rows are back", 5000, async () => (await page.locator("tbody tr:visible").count()) === 1);
  watch.clean();
});

test("the first Tab leads past the menu, and the focus can be seen", async ({ page, watch }) => {
  await page.goto("/apps");
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("Tab");
  const skip = page.locator("a.skip");
  assert.ok(await skip.evaluate((element) => element === document.activeElement));
  await eventually("it can be seen", 2000, () => skip.evaluate((element) => element.getBoundingClientRect().top >= 0));
  await page.keyboard.press("Enter");
  await eventually("the focus is in the content", 2000, async () => (await focused(page)) === "main");
  for (let i = 0; i < 12; i += 1) {
    await page.keyboard.press("Tab");
    const seen = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return "nothing";
      // the ring may be drawn by the frame around a field, or around the row that a link stands for
      const shows = (one, part) => {
        const style = getComputedStyle(one, part);
        return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1) || style.boxShadow !== "none";
      };
      const ringed = [element, element.closest("label"), element.closest("tr")].filter(Boolean);
      return ringed.some((one) => shows(one) || shows(one, "::after") || shows(one, "::before")) ? "" : element.outerHTML.slice(0, 120);
    });
    if (seen === "nothing") break;
    assert.equal(seen, "", "the focus cannot be seen");
  }
  watch.clean();
});

test("the theme and the narrow sidebar stay after a load and in a new tab", async ({ page, somebody, watch }) => {
  await page.goto("/");
  await page.locator(".top-account").click();
  await page.getByRole("button", { name: "Dark", exact: true }).click();
  assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Collapse" }).click();
  assert.equal(await page.locator("html").getAttribute("data-sidebar"), "narrow");
  await page.reload();
  const second = await somebody.context.newPage();
  await second.goto("/apps");
  for (const tab of [page, second]) {
    assert.equal(await tab.locator("html").getAttribute("data-theme"), "dark");
    assert.equal(await tab.locator("html").getAttribute("data-sidebar"), "narrow");
  }
  await second.close();
  watch.clean();
});

test("going back shows the page before, without a load", async ({ page, watch }) => {
  await page.goto("/apps");
  await page.evaluate(() => { globalThis.sameDocument = true; });
  await page.getByRole("link", { name: "Store", exact: true }).first().click();
  await at(page, "/store");
  await page.getByRole("heading", { name: "Store", level: 1 }).waitFor();
  await page.goBack();
  await at(page, "/apps");
  await page.getByRole("heading", { name: "Apps", level: 1 }).waitFor();
  watch.clean();
});
