// Getting in and out: passwords, the second step, invites, what a viewer sees, tokens.

import assert from "node:assert/strict";

import { Box, freePort } from "../lib/box.mjs";
import { picture, visitor } from "../lib/browser.mjs";
import { accessibility } from "../lib/checks.mjs";
import { ADMIN, claimed, install, jobEnds, lookAround, signIn } from "../lib/hands.mjs";
import { eventually, suite } from "../lib/runner.mjs";
import { totp } from "../lib/totp.mjs";

const VIEWER = { name: "Viktor", username: "viktor", password: "staple battery horse 9" };

const test = suite("sessions", {
  async setup() {
    const box = await Box.start("sessions");
    const somebody = await claimed(box);
    return { box, somebody, page: somebody.page, watch: somebody.watch, others: [] };
  },
  teardown: ({ box }) => box.gone(),
  failed: lookAround,
});

const path = (page) => new URL(page.url()).pathname;
const isHome = (page) => page.waitForURL((url) => url.pathname === "/");
async function signOut(page, watch) {
  // a live part may ask once more after the session has ended
  watch.allow(/status of 401/);
  await page.locator(".top-account").click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(/\/sign-in/);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
}

test("signed out, a page leads to the sign-in and from there back to itself", async ({ somebody, page, watch }) => {
  await page.goto("/");
  const before = (await somebody.context.cookies()).find(({ name }) => name === "__Host-orbitr");
  assert.ok(before.httpOnly && before.secure && before.sameSite !== "None" && before.path === "/", JSON.stringify(before));
  await signOut(page, watch);
  assert.equal((await somebody.context.cookies()).find(({ name }) => name === "__Host-orbitr"), undefined);
  await page.goto("/store?from=here");
  assert.equal(path(page), "/sign-in");
  await page.getByLabel("Username").fill(ADMIN.username);
  await page.getByLabel("Password", { exact: true }).fill(ADMIN.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(/\/store\?from=here$/);
  const after = (await somebody.context.cookies()).find(({ name }) => name === "__Host-orbitr");
  assert.notEqual(after.value, before.value, "each sign-in has a session of its own");
  watch.clean();
  watch.strict();
  // the old cookie opens nothing
  await somebody.context.addCookies([{ ...after, value: before.value }]);
  await page.goto("/");
  assert.equal(path(page), "/sign-in");
  await somebody.context.addCookies([after]);
  watch.clean();
});

test("a wrong password is told without saying which half is wrong, and the right one works at once", async ({ box }) => {
  const other = await visitor(box);
  other.watch.allow(/status of 4\d\d/);
  await signIn(other, { ...ADMIN, password: "not the password" });
  const said = other.page.locator(".field-error, .banner").first();
  await said.waitFor();
  const forAnna = await said.innerText();
  await signIn(other, { username: "nobody", password: "not the password" });
  await said.waitFor();
  assert.equal(await said.innerText(), forAnna);
  await signIn(other, ADMIN);
  await isHome(other.page);
  other.watch.clean();
  await other.context.close();
});

test("the second step is turned on with a code, and asked for from then on", async (given) => {
  const { page, watch, box } = given;
  await page.goto("/account");
  await page.locator("#second-step").getByRole("button", { name: "Turn on" }).click();
  await page.getByRole("heading", { name: "Turn on the second step" }).waitFor();
  given.secret = await page.locator(".key-values code").first().innerText();
  assert.deepEqual(await accessibility(page), []);
  await picture(page, "sessions-second-step");
  await page.getByLabel("Code", { exact: true }).fill(totp(given.secret));
  await page.getByRole("button", { name: "Turn on" }).click();
  await page.getByRole("heading", { name: "Recovery codes", level: 1 }).waitFor();
  given.codes = (await page.locator(".code-block code").innerText()).trim().split(/\s+/);
  assert.equal(given.codes.length, 10);
  assert.deepEqual(await accessibility(page), []);
  await picture(page, "sessions-recovery-codes");
  const other = await visitor(box);
  given.others.push(other);
  await signIn(other, ADMIN);
  await other.page.getByRole("heading", { name: "Second step" }).waitFor();
  assert.deepEqual(await accessibility(other.page), []);
  other.watch.allow(/status of 4\d\d/);
  await other.page.getByLabel("Code", { exact: true }).fill("000000");
  await other.page.getByRole("button", { name: "Sign in" }).click();
  await other.page.locator(".field-error").first().waitFor();
  // a code works once; the one of the next half minute is taken too
  await other.page.getByLabel("Code", { exact: true }).fill(totp(given.secret, 1));
  await other.page.getByRole("button", { name: "Sign in" }).click();
  await isHome(other.page);
  other.watch.strict();
  await signOut(other.page, other.watch);
  await signIn(other, ADMIN);
  await other.page.getByLabel("Code", { exact: true }).fill(given.codes[0]);
  await other.page.getByRole("button", { name: "Sign in" }).click();
  await isHome(other.page);
  await signOut(other.page, other.watch);
  // a recovery code works once
  await signIn(other, ADMIN);
  other.watch.allow(/status of 4\d\d/);
  await other.page.getByLabel("Code", { exact: true }).fill(given.codes[0]);
  await other.page.getByRole("button", { name: "Sign in" }).click();
  await other.page.locator(".field-error").first().waitFor();
  other.watch.clean();
  await other.context.close();
  given.others.pop();
  watch.clean();
}, { limit: 90_000 });

test("two apps are there, for the viewer who may see one", async (given) => {
  const { somebody, box, watch } = given;
  given.shown = box.app("shown");
  given.hidden = box.app("hidden");
  await install(somebody, "nginx", { id: given.shown, name: "Shown site", port: await freePort() });
  const job = somebody.page.url();
  await install(somebody, "nginx", { id: given.hidden, name: "Hidden site", port: await freePort() });
  await jobEnds(somebody);
  await somebody.page.goto(job);
  await jobEnds(somebody);
  watch.clean();
}, { limit: 120_000 });

test("an invited viewer makes an account and sees only what is granted", async (given) => {
  const { page, watch, box } = given;
  await page.goto("/people");
  await page.getByRole("link", { name: "Invite" }).first().click();
  await page.getByLabel("Who is it for?").fill("Viktor");
  await page.getByLabel(/^Viewer/).check();
  await page.locator("summary", { hasText: "from the start" }).click();
  await page.getByLabel(/Shown site/).selectOption("view");
  await page.getByRole("button", { name: "Make the link" }).click();
  await page.getByRole("heading", { name: /invite for Viktor/i }).waitFor();
  await picture(page, "sessions-invite");
  const link = (await page.locator(".code-block code").first().innerText()).trim();
  assert.ok(link.startsWith(`${box.url}/invite/`), link);

  const viewer = await visitor(box);
  given.viewer = viewer;
  given.others.push(viewer);
  await viewer.page.goto(link);
  assert.deepEqual(await accessibility(viewer.page), []);
  await picture(viewer.page, "sessions-welcome");
  await viewer.page.getByLabel("Username").fill(VIEWER.username);
  await viewer.page.getByLabel("Password", { exact: true }).fill(VIEWER.password);
  await viewer.page.getByRole("button", { name: "Make my account" }).click();
  await isHome(viewer.page);
  await viewer.page.getByText("Shown site").first().waitFor();
  await picture(viewer.page, "viewer-home");
  for (const path of ["/", "/apps", "/jobs", "/palette?q=site"]) {
    await viewer.page.goto(path);
    const text = await viewer.page.locator("body").innerText();
    assert.ok(!text.includes("Hidden site"), `${path} shows what is not granted`);
    assert.deepEqual(await accessibility(viewer.page), [], path);
  }
  await viewer.page.goto(`/apps/${given.shown}`);
  for (const name of ["Stop", "Restart", "Show passwords"]) {
    assert.equal(await viewer.page.getByRole("button", { name }).count(), 0, name);
  }
  assert.equal(await viewer.page.getByRole("link", { name: "Settings", exact: true }).count(), 0);
  await picture(viewer.page, "viewer-app");
  watch.clean();
  viewer.watch.clean();
  // the link works once
  const late = await visitor(box);
  const response = await late.page.goto(link);
  assert.ok([404, 410].includes(response.status()), `the used link answers ${response.status()}`);
  await picture(late.page, "sessions-invite-used");
  await late.context.close();
}, { limit: 90_000 });

/** Every page that the menus, the palette and the pages themselves lead to, from the front page on. */
async function walk({ page, box }) {
  const [seen, waiting, wrong] = [new Set(), ["/", "/palette", "/account", "/setup/done"], []];
  // whatever anybody may send who is signed in
  const own = /^\/(preferences|sign-out|account\/.+)$/;
  while (waiting.length > 0) {
    const pathname = waiting.shift();
    if (seen.has(pathname)) continue;
    seen.add(pathname);
    const response = await page.goto(pathname);
    // only admins come here, and nothing leads here
    if (pathname === "/setup/done") {
      if (response.status() !== 403) wrong.push(`${pathname} answers ${response.status()}`);
      continue;
    }
    if (response.status() !== 200) wrong.push(`${pathname} is offered and answers ${response.status()}`);
    const found = await page.evaluate(() => ({
      links: [...document.querySelectorAll("a[href]:not([download], [target])")].map((one) => new URL(one.href)).filter((url) => url.origin === location.origin)
        .map((url) => url.pathname),
      forms: [...document.querySelectorAll("form")].filter((one) => one.method === "post").map((one) => new URL(one.action).pathname),
    }));
    for (const path of found.forms) if (!own.test(path)) wrong.push(`${pathname} offers to post to ${path}`);
    waiting.push(...found.links.filter((path) => !/\.(pem|txt|json)$/.test(path)));
  }
  assert.ok(seen.size > 8, `only ${[...seen].join(" ")}`);
  assert.ok(box);
  return wrong;
}

test("nothing is offered to a viewer that a viewer may not do, on any page", async ({ viewer }) => {
  viewer.watch.allow(/status of 403/);
  assert.deepEqual(await walk(viewer), []);
  for (const path of ["/", "/apps"]) {
    await viewer.page.goto(path);
    assert.equal(await viewer.page.locator("main").getByRole("link", { name: /install|store/i }).count(), 0, path);
  }
  viewer.watch.strict();
  viewer.watch.clean();
}, { limit: 90_000 });

test("nor to a user who was granted nothing", async ({ page, box, watch, viewer }) => {
  await page.goto("/people/invite");
  await page.getByLabel("Who is it for?").fill("Nora");
  await page.getByLabel(/^User/).check();
  await page.getByRole("button", { name: "Make the link" }).click();
  await page.getByRole("heading", { name: /invite for Nora/i }).waitFor();
  const link = (await page.locator(".code-block code").first().innerText()).trim();
  const nora = await visitor(box);
  await nora.page.goto(link);
  // a name that is taken is said beside its field, and the link still works
  nora.watch.allow(/status of 4\d\d/);
  for (const name of [VIEWER.username, "nora"]) {
    await nora.page.getByLabel("Username").fill(name);
    await nora.page.getByLabel("Password", { exact: true }).fill("horse staple correct 3");
    await nora.page.getByRole("button", { name: "Make my account" }).click();
    if (name !== "nora") await nora.page.locator(".field-error").first().waitFor();
  }
  await isHome(nora.page);
  assert.deepEqual(await walk(nora), []);
  await nora.page.goto("/");
  await nora.page.getByText("Nothing on this box is granted to you").first().waitFor();
  await picture(nora.page, "nobody-home");
  await nora.context.close();
  assert.ok(viewer);
  watch.clean();
}, { limit: 90_000 });

test("what a viewer may not is refused in words, what they may not see is not there", async ({ viewer, shown, hidden }) => {
  viewer.watch.allow(/status of 4\d\d/);
  for (const [path, status] of [["/people", 403], ["/activity", 403], ["/settings", 403], [`/apps/${shown}/settings`, 403], [`/apps/${shown}/remove`, 403],
    [`/apps/${hidden}`, 404], [`/apps/${hidden}/logs`, 404]]) {
    const response = await viewer.page.goto(path);
    assert.equal(response.status(), status, path);
    const text = await viewer.page.locator("main").innerText();
    assert.ok(text.length > 40 && !text.includes("Hidden site"), `${path}: ${text}`);
    if (status === 403) {
      assert.match(text, /You may not (see|change|read|remove) .*this (box|app)/, path);
      assert.match(text, /admin/, `${path} does not say who can change it`);
      assert.ok(!/[a-z]+\.(view|manage|change|remove|operate)/.test(text), `${path} names an inner name: ${text}`);
    }
    assert.deepEqual(await accessibility(viewer.page), [], path);
  }
  await viewer.page.goto("/people");
  await picture(viewer.page, "viewer-forbidden");
  viewer.watch.strict();
  viewer.watch.clean();
});

test("a grant that is widened counts from the next click", async ({ page, viewer, shown, watch }) => {
  await page.goto("/people");
  await page.locator("main .row-link", { hasText: /viktor/i }).first().click();
  await page.locator("#grants").waitFor();
  await picture(page, "sessions-person");
  await page.locator("#grants").getByLabel(/Shown site/).waitFor();
  await page.goto(page.url());
  const role = page.locator("form", { has: page.getByRole("button", { name: "Change role" }) });
  await role.getByLabel(/^User/).check();
  await role.getByRole("button", { name: "Change role" }).click();
  await page.locator(".toast").first().waitFor();
  await page.locator("#grants").getByLabel(/Shown site/).selectOption("operate");
  await page.getByRole("button", { name: "Save grants" }).click();
  await page.locator(".toast").first().waitFor();
  // a new role ends the sign-ins
  await signIn(viewer, VIEWER);
  await viewer.page.goto(`/apps/${shown}`);
  await viewer.page.getByRole("button", { name: "Restart" }).waitFor();
  assert.equal(await viewer.page.getByRole("button", { name: "Show passwords" }).count(), 0);
  watch.clean();
});

test("a token is shown once and opens what it says", async ({ page, box, watch }) => {
  await page.goto("/account/tokens");
  await page.getByLabel("What is it for?").fill("Backup script");
  await page.getByRole("button", { name: "Make the token" }).click();
  await page.getByRole("heading", { name: /Backup script/ }).waitFor();
  const token = (await page.locator(".code-block code").first().innerText()).trim();
  assert.match(token, /^orb_/);
  assert.deepEqual(await accessibility(page), []);
  await picture(page, "sessions-token");
  const ask = (method, pathname) => page.context().request.fetch(`${box.url}${pathname}`, { method, headers: { authorization: `Bearer ${token}`, cookie: "" } });
  assert.equal((await ask("GET", "/api/v1/apps")).status(), 200);
  await page.goto("/account/tokens");
  const text = await page.content();
  assert.ok(text.includes("Backup script") && !text.includes(token), "it is listed, and not shown again");
  await page.getByRole("button", { name: /Revoke|Withdraw|Delete/ }).first().click();
  await eventually("it opens nothing any more", 5000, async () => (await ask("GET", "/api/v1/apps")).status() === 401);
  watch.clean();
});

test("a browser that is signed in elsewhere can be ended from here", async ({ page, viewer, watch, box }) => {
  const second = await visitor(box);
  await signIn(second, VIEWER);
  await isHome(second.page);
  await viewer.page.goto("/account/sessions");
  assert.ok((await viewer.page.locator("main tbody tr").count()) >= 2);
  await picture(viewer.page, "sessions-list");
  await viewer.page.getByRole("button", { name: "End all others" }).click();
  await viewer.page.locator(".toast").first().waitFor();
  // the page that is open there may have noticed by itself already
  await second.page.goto("/apps").catch(() => {});
  await second.page.waitForURL(/\/sign-in/);
  await viewer.page.goto("/apps");
  assert.equal(path(viewer.page), "/apps");
  await second.context.close();
  assert.ok(page);
  watch.clean();
});

test("an admin ends one sign-in of somebody else, and only that one", async ({ page, viewer, watch, box }) => {
  const second = await visitor(box);
  await signIn(second, VIEWER);
  await isHome(second.page);
  await page.goto("/people");
  await page.locator("main .row-link", { hasText: /viktor/i }).first().click();
  const card = page.locator(".card", { has: page.getByRole("heading", { name: "Sign-ins" }) });
  await card.getByRole("button", { name: "End", exact: true }).nth(1).waitFor();
  await picture(page, "sessions-of-somebody");
  // the last used is the first
  await card.getByRole("button", { name: "End", exact: true }).first().click();
  await page.locator(".toast").first().waitFor();
  await eventually("one is left", 5000, async () => (await card.getByRole("button", { name: "End", exact: true }).count()) === 1);
  await second.page.goto("/apps").catch(() => {});
  await second.page.waitForURL(/\/sign-in/);
  await viewer.page.goto("/apps");
  assert.equal(path(viewer.page), "/apps", "the other one goes on");
  await second.context.close();
  await page.goto("/activity");
  await page.getByText("signed one browser of viktor out").first().waitFor();
  watch.clean();
});
