// Every page, in both themes and at three widths: nothing that axe-core finds wrong, nothing that scrolls sideways, no
// complaint on the console, no violation of the policy, no request to another host.

import assert from "node:assert/strict";

import { Box, freePort } from "../lib/box.mjs";
import { picture, visitor } from "../lib/browser.mjs";
import { accessibility, sideways, structure } from "../lib/checks.mjs";
import { ADMIN, claim, install, jobEnds, lookAround, signIn } from "../lib/hands.mjs";
import { look as lookAt } from "../lib/look.mjs";
import { suite } from "../lib/runner.mjs";

/** A name for a page's pictures. */
const nameOf = (path) => path.replace(/^\/|\/$/g, "").replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "id").replace(/[^a-z0-9]+/gi, "-") || "home";

/** Looks at the page that is open, with the names that this suite's pictures have. */
const look = (somebody, name) => lookAt(somebody, `page-${name}`);

const nothing = (wrong) => assert.ok(wrong.length === 0, `${wrong.length} things are wrong:\n${wrong.join("\n")}`);

/** Opens a path, checks its status, looks. */
async function visit(somebody, path, status = 200, name = nameOf(path)) {
  const { page, watch } = somebody;
  if (status >= 400) watch.allow(new RegExp(`status of ${status}`));
  const response = await page.goto(path);
  const wrong = response.status() === status ? [] : [`${path} answers ${response.status()}`];
  wrong.push(...await look(somebody, name));
  watch.strict();
  return wrong;
}

/** Links of this page to others of the same box that are pages. */
const links = (page) => page.evaluate(() => [...document.querySelectorAll("a[href]:not([download])")]
  .map((link) => new URL(link.href)).filter((url) => url.origin === location.origin).map((url) => url.pathname + url.search));

const test = suite("pages", {
  async setup() {
    const box = await Box.start("pages");
    const somebody = await visitor(box);
    return { box, somebody, page: somebody.page, watch: somebody.watch, others: [] };
  },
  teardown: ({ box }) => box.gone(),
  failed: lookAround,
});

test("the doors of a fresh box", async ({ somebody, page, watch, box }) => {
  const wrong = await visit(somebody, "/setup");
  watch.allow(/status of 4\d\d/);
  await page.getByLabel("Setup code").fill("AAAA-AAAA");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.locator("[aria-invalid=true], .banner").first().waitFor();
  wrong.push(...await look(somebody, "setup-wrong-code"));
  watch.strict();
  await page.getByLabel("Setup code").fill(box.setupCode);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByLabel("Username").waitFor();
  wrong.push(...await look(somebody, "setup-account"));
  await claim(somebody);
  wrong.push(...await visit(somebody, "/setup/box"), ...await visit(somebody, "/setup/done"));
  nothing(wrong);
}, { limit: 90_000 });

test("an app and a failed job are there to look at", async (given) => {
  const { somebody, page, box, watch } = given;
  given.app = box.app("web");
  given.port = await freePort();
  await install(somebody, "nginx", { id: given.app, name: "Family photos and other pictures", port: given.port });
  await jobEnds(somebody);
  given.job = new URL(page.url()).pathname;
  const kept = box.app("cache");
  await install(somebody, "valkey", { id: kept, port: await freePort() });
  await jobEnds(somebody);
  await page.goto(`/apps/${kept}/remove`);
  await page.getByLabel(/^Keep /).check();
  await page.getByRole("button", { name: "Remove app" }).click();
  await page.waitForURL(/\/jobs\//);
  await jobEnds(somebody);
  watch.clean();
}, { limit: 150_000 });

const PAGES = {
  home: "/", apps: "/apps", store: "/store", jobs: "/jobs", activity: "/activity", chain: "/activity/verify", people: "/people",
  invite: "/people/invite", account: "/account", "sign-ins": "/account/sessions", tokens: "/account/tokens", settings: "/settings",
  reference: "/reference", palette: "/palette", postgresql: "/store/official/postgresql", valkey: "/store/official/valkey",
  nginx: "/store/official/nginx", app: "/apps/APP", logs: "/apps/APP/logs", "app-settings": "/apps/APP/settings",
  "app-history": "/apps/APP/history", remove: "/apps/APP/remove", job: "/jobs/JOB",
  system: "/system", units: "/system/units", journal: "/system/journal", network: "/system/network", ssh: "/system/ssh", time: "/system/time",
  power: "/system/power", support: "/system/support", rescue: "/system/rescue", "system-updates": "/system/updates", "system-docker": "/system/docker",
};
// of jobs and people one is looked at; a query shows the same page
const kind = (path) => path.replace(/\?.*/, "").replace(/^\/jobs\/[^/]+$/, "/jobs/JOB");
const isPage = (path) => !/\.(txt|pem|json|svg)(\?|$)/.test(path) && !path.includes("/export") && !path.startsWith("/api/")
  && !["/setup", "/sign-out", "/setup/box", "/setup/done"].includes(path) && !/\/open\//.test(path);
const found = new Set();

for (const [name, path] of Object.entries(PAGES)) {
  test(`the page «${name}»`, async ({ somebody, page, app, job }) => {
    const wrong = await visit(somebody, path.replace("APP", app).replace("/jobs/JOB", job), 200, name);
    for (const link of await links(page)) found.add(link);
    nothing(wrong);
  }, { limit: 60_000, independent: true });
}

test("whatever else the pages link to", async ({ somebody, page, app }) => {
  const seen = new Set(Object.values(PAGES).map((path) => path.replace("APP", app)));
  const wrong = [];
  const apps = new Set();
  for (const path of found) {
    // another app has the same pages
    const other = /^\/apps\/([^/?]+)/.exec(path)?.[1];
    if (!isPage(path) || seen.has(kind(path)) || (other && other !== app && apps.size > 0 && !apps.has(other))) continue;
    if (other && other !== app) apps.add(other);
    seen.add(kind(path));
    wrong.push(...await visit(somebody, path));
    for (const link of await links(page)) found.add(link);
  }
  nothing(wrong);
}, { limit: 150_000, independent: true });

test("what lies over a page: palette, shortcuts, drawer, dialog, menus", async ({ somebody, page, app, watch }) => {
  const wrong = [];
  const shown = async (name) => {
    for (const text of await accessibility(page)) wrong.push(`${name}: ${text}`);
    await picture(page, `over-${name}`, { fullPage: false });
  };
  const closed = async () => {
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => !document.querySelector("dialog[open], :popover-open"));
  };
  for (const [colorScheme, width] of [["light", 1440], ["dark", 390]]) {
    await page.setViewportSize({ width, height: 844 });
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const as = (name) => `${name}-${width}-${colorScheme}`;
    await page.goto("/");
    await page.keyboard.press("Control+k");
    await page.locator("#palette .palette-item").first().waitFor();
    await shown(as("palette"));
    await closed();
    await page.keyboard.press("?");
    await page.locator("#shortcuts[open]").waitFor();
    await shown(as("shortcuts"));
    await closed();
    await page.locator(".top-account").click();
    await shown(as("account"));
    await closed();
    await page.goto("/jobs");
    await page.locator("main .row-link").first().click();
    await page.locator("#sheet[open] .job").waitFor();
    await shown(as("drawer"));
    await closed();
    await page.goto(`/apps/${app}/settings`);
    await page.getByRole("link", { name: /^Remove/ }).click();
    await page.locator("#sheet[open] .confirm").waitFor();
    await shown(as("dialog"));
    await closed();
    if (width < 500) {
      await page.getByRole("button", { name: "More" }).click();
      await shown(as("more"));
    }
  }
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await page.setViewportSize({ width: 1440, height: 900 });
  wrong.push(...watch.said.splice(0));
  nothing(wrong);
}, { limit: 90_000, independent: true });

test("forms that were refused say where, and errors say what to do", async ({ somebody, page, watch, box }) => {
  const wrong = [];
  watch.allow(/status of 4(22|09)/);
  await page.goto("/store/official/postgresql");
  await page.getByLabel("Port", { exact: true }).fill("1");
  await page.getByLabel("Database").fill("Not a name!");
  await page.getByRole("button", { name: "Install", exact: true }).click();
  await page.locator("[aria-invalid=true]").first().waitFor();
  wrong.push(...await look(somebody, "install-refused"));
  watch.strict();
  wrong.push(...await visit(somebody, "/nowhere", 404, "error-404"), ...await visit(somebody, "/apps/not-there", 404, "error-app-404"));
  const stranger = await visitor(box);
  wrong.push(...await visit(stranger, "/sign-in"), ...await visit(stranger, "/nowhere", 404, "error-404-stranger"));
  stranger.watch.allow(/status of 4\d\d/);
  await signIn(stranger, { ...ADMIN, password: "not the password" });
  await stranger.page.locator("[aria-invalid=true], .banner").first().waitFor();
  wrong.push(...await look(stranger, "sign-in-wrong"));
  await stranger.context.close();
  nothing(wrong);
}, { limit: 90_000, independent: true });
