// The main path, twice: with JavaScript, where everything is live, and without, where everything is forms and reloads.

import assert from "node:assert/strict";
import { get } from "node:http";
import https from "node:https";
import net from "node:net";

import { Box, freePort } from "../lib/box.mjs";
import { picture, visitor } from "../lib/browser.mjs";
import { claim, install, jobEnds, lookAround, passwords, psql } from "../lib/hands.mjs";
import { eventually, suite } from "../lib/runner.mjs";

/** What a browser says while the box is away for a moment. */
const AWAY = [/net::ERR_/, /Failed to fetch/];

function answer(url, options = {}) {
  return new Promise((resolve, reject) => {
    const ask = url.startsWith("https:") ? https.get : get;
    ask(url, { timeout: 5000, ...options }, (response) => {
      let text = "";
      response.on("data", (part) => { text += part; });
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, text }));
    }).once("error", reject);
  });
}

/** One command of Valkey's protocol, with a password. */
function valkey(port, password, line) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: "127.0.0.1", timeout: 5000 });
    let text = "";
    socket.once("error", reject);
    socket.on("data", (part) => {
      text += part;
      const lines = text.split("\r\n");
      if (lines.length > 2) {
        socket.destroy();
        resolve(lines[1]);
      }
    });
    socket.write(`AUTH ${password}\r\n${line}\r\n`);
  });
}

function mainPath(name, javaScript) {
  const test = suite(name, {
    async setup() {
      const box = await Box.start(name);
      const somebody = await visitor(box, { javaScript });
      const given = { box, somebody, page: somebody.page, watch: somebody.watch };
      given.id = box.app("shop");
      given.port = await freePort();
      return given;
    },
    teardown: ({ box }) => box.gone(),
    failed: lookAround,
  });

  /** The app's page says so: by itself, or after a reload. */
  const says = (page, word) => eventually(`the page says ${word}`, 60_000, async () => {
    if (!javaScript) await page.reload();
    return page.locator("main .page-lead .status").filter({ hasText: word }).first().isVisible();
  });

  /** With the script a page that must not be loaded anew is marked; the mark is gone after a load. */
  const mark = ({ page }) => (javaScript ? page.evaluate(() => { globalThis.sameDocument = true; }) : null);
  const isMarked = ({ page }) => (javaScript ? page.evaluate(() => globalThis.sameDocument === true) : true);

  test("an unclaimed box leads to its wizard and refuses a wrong code", async ({ page, watch, box }) => {
    watch.allow(/status of 4(22|03|01|00)/);
    await page.goto("/");
    assert.equal(new URL(page.url()).pathname, "/setup");
    await picture(page, `${name}-1-code`);
    await page.getByLabel("Setup code").fill("AAAA-AAAA");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByLabel("Setup code").waitFor();
    await page.locator(".field-error, .banner").first().waitFor();
    const redirect = await answer(`http://127.0.0.1:${box.httpPort}/store?x=1`);
    assert.ok([301, 302, 307, 308].includes(redirect.status));
    assert.equal(redirect.headers.location, `https://127.0.0.1:${box.port}/store?x=1`);
    watch.clean();
    watch.strict();
  });

  test("the code from the screen, an account and a name make the box one's own", async (given) => {
    await claim(given.somebody);
    await given.page.getByRole("heading", { name: "Hello, Anna Lindqvist" }).waitFor();
    assert.match(await given.page.title(), /attic/);
    await picture(given.page, `${name}-2-home`);
    given.watch.clean();
  });

  test("the authority that the box hands out vouches for it", async ({ box }) => {
    const pem = (await answer(`${box.url}/authority.pem`, { rejectUnauthorized: false })).text;
    assert.match(pem, /^-----BEGIN CERTIFICATE-----/);
    assert.equal((await answer(`${box.url}/healthz`, { ca: pem })).status, 200);
    await assert.rejects(answer(`${box.url}/healthz`), /self.signed|verify|unable/i);
  });

  test("PostgreSQL is installed from the store, and its job is seen going on", async (given) => {
    const { page, somebody, id, port, watch } = given;
    await page.goto("/");
    await page.getByRole("link", { name: "Open the store" }).first().click();
    await page.getByRole("link", { name: /PostgreSQL/ }).first().click();
    await page.getByRole("heading", { name: "PostgreSQL", level: 1 }).waitFor();
    await picture(page, `${name}-3-install`);
    await install(somebody, "postgresql", { id, name: "Shop", port, path: page.url() });
    await mark(given);
    await picture(page, `${name}-4-job`);
    const looks = await jobEnds(somebody);
    await picture(page, `${name}-5-job-done`);
    assert.ok(await isMarked(given), "the page was loaded anew");
    if (javaScript) assert.ok(looks.length >= 3, `the steps were seen only so: ${looks.join(" | ")}`);
    assert.ok(/^done( done)+$/.test(looks.at(-1)), looks.at(-1));
    assert.ok((await page.locator(".log-lines > *").count()) > 2, "the log shows lines");
    watch.clean();
  }, { limit: 120_000 });

  test("the app's page says Running, and shows the password on demand", async (given) => {
    const { page, id, watch } = given;
    await page.goto(`/apps/${id}`);
    await says(page, "Running");
    await picture(page, `${name}-6-app`);
    given.password = (await passwords(given.somebody, id)).password;
    assert.ok(given.password?.length >= 20, "a password of its own was made");
    await page.goto(`/apps/${id}`);
    assert.ok(!(await page.content()).includes(given.password), "the app's page holds no password");
    watch.clean();
  });

  test("psql from the host writes rows", async ({ port, password }) => {
    await psql(port, password, "create table orders (id int primary key, what text); insert into orders select n, 'thing ' || n from generate_series(1, 500) n");
    assert.equal(await psql(port, password, "select count(*) from orders"), "500");
    await assert.rejects(psql(port, "not the password", "select 1"), /authentication failed/);
  });

  test("killed and started again, everything is still there and the same session goes on", async (given) => {
    const { page, box, id, port, password, watch } = given;
    await page.goto(`/apps/${id}`);
    await mark(given);
    const notice = page.locator("#offline");
    watch.allow(...AWAY);
    await box.kill("SIGKILL");
    assert.equal(await psql(port, password, "select count(*) from orders"), "500", "apps do not need the supervisor");
    if (javaScript) {
      await notice.waitFor({ state: "visible", timeout: 20_000 });
      await picture(page, `${name}-7-away`, { fullPage: false });
    }
    await box.up();
    if (javaScript) {
      await notice.waitFor({ state: "hidden", timeout: 30_000 });
      assert.ok(await isMarked(given), "the open page went on without being loaded anew");
    } else await page.reload();
    await says(page, "Running");
    watch.said.length = 0;
    watch.strict();
    await page.goto("/account");
    assert.equal(new URL(page.url()).pathname, "/account", "still signed in");
    assert.equal(await psql(port, password, "select count(*) from orders"), "500");
    watch.clean();
  });

  test("the app is restarted from its page", async (given) => {
    const { page, id, port, password, watch } = given;
    await page.goto(`/apps/${id}`);
    const before = await psql(port, password, "select pg_postmaster_start_time()");
    await mark(given);
    await page.getByRole("button", { name: "Restart" }).click();
    await eventually("PostgreSQL runs anew", 60_000, async () => (await psql(port, password, "select pg_postmaster_start_time()")) !== before);
    await eventually("the page says so", 30_000, async () => {
      if (!javaScript) await page.goto(`/apps/${id}`);
      return page.locator("main .button", { hasText: "Stop" }).first().isVisible();
    });
    assert.ok(await isMarked(given), "the page was loaded anew");
    watch.clean();
  }, { limit: 100_000 });

  test("the app is stopped and started, and its word is that of the job while there is one", async ({ page, id, port, password, watch }) => {
    await page.goto(`/apps/${id}`);
    // every word that the page shows, with whether a job holds the app, whether anything is offered then
    if (javaScript) {
      await page.evaluate(() => {
        globalThis.shown = new Set();
        const look = () => {
          const word = document.querySelector("main .page-lead .status")?.textContent.trim();
          const job = document.querySelector("#app-overview .banner[data-tone=busy]") ? "job" : "";
          const verbs = [...document.querySelectorAll("main .page-actions button")].map((one) => one.textContent.trim()).join("+");
          if (word) globalThis.shown.add([word, job, verbs].join("|"));
        };
        new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
      });
    }
    await page.getByRole("button", { name: "Stop" }).click();
    await says(page, "Stopped");
    await assert.rejects(psql(port, password, "select 1"));
    const start = page.getByRole("button", { name: "Start" });
    await eventually("it can be started", 30_000, async () => {
      if (!javaScript) await page.reload();
      return start.isVisible();
    });
    await start.click();
    await says(page, "Running");
    await eventually("PostgreSQL answers", 30_000, () => psql(port, password, "select 1"));
    if (javaScript) {
      const shown = await page.evaluate(() => [...globalThis.shown]);
      const allowed = ["Running||Restart+Stop", "Stopping|job|", "Stopped||Start", "Starting|job|", "Starting||Restart+Stop", "Unhealthy||Restart+Stop"];
      assert.deepEqual(shown.filter((one) => !allowed.includes(one)), [], shown.join(", "));
      for (const one of ["Stopping|job|", "Stopped||Start", "Starting|job|"]) assert.ok(shown.includes(one), `${one} is not in ${shown.join(", ")}`);
    }
    watch.clean();
  }, { limit: 120_000 });

  test("removed with its data kept, it is listed so, and nothing of it is left in Docker", async ({ page, somebody, box, id, watch }) => {
    await page.goto(`/apps/${id}/settings`);
    await page.getByRole("link", { name: /^Remove/ }).click();
    await page.getByRole("heading", { name: "Remove Shop?" }).waitFor();
    await picture(page, `${name}-8-remove`, { fullPage: false });
    await page.getByLabel(/^Keep /).check();
    await page.getByRole("button", { name: "Remove app" }).click();
    await page.waitForURL(/\/jobs\/[^/]+$/);
    await jobEnds(somebody);
    await page.goto("/apps");
    await page.getByRole("heading", { name: "Kept data" }).waitFor();
    await picture(page, `${name}-9-kept`);
    assert.deepEqual(await box.left(), []);
    watch.clean();
  }, { limit: 100_000 });

  test("installed again, psql finds the rows", async ({ page, somebody, id, port, password, watch }) => {
    await page.goto("/apps");
    await page.getByRole("link", { name: "Install again" }).click();
    await page.getByRole("button", { name: "Install", exact: true }).waitFor();
    await picture(page, `${name}-10-again`);
    await install(somebody, "postgresql", { port, path: page.url() });
    await jobEnds(somebody);
    assert.equal(await psql(port, password, "select count(*) from orders"), "500");
    await page.goto(`/apps/${id}`);
    await says(page, "Running");
    watch.clean();
  }, { limit: 120_000 });

  test("its data goes only when its id is typed", async ({ page, somebody, box, id, watch }) => {
    watch.allow(/status of 422/);
    await page.goto(`/apps/${id}/remove`);
    await page.getByLabel(/^Delete /).check();
    await page.getByRole("button", { name: "Remove app" }).click();
    await page.locator(".field-error").first().waitFor();
    watch.strict();
    await picture(page, `${name}-11-typed`);
    await page.getByLabel(/^Delete /).check();
    await page.getByLabel("The app's id").fill(id);
    await page.getByRole("button", { name: "Remove app" }).click();
    await page.waitForURL(/\/jobs\/[^/]+$/);
    await jobEnds(somebody);
    await page.goto("/apps");
    assert.ok(!(await page.locator("main").innerText()).includes(id), "it is not listed any more");
    assert.deepEqual(await box.left(), []);
  }, { limit: 100_000 });

  test("Valkey and nginx are installed and answer", async ({ page, somebody, box, watch }) => {
    const [store, site] = [box.app("cache"), box.app("site")];
    const [storePort, sitePort] = [await freePort(), await freePort()];
    await install(somebody, "valkey", { id: store, port: storePort });
    const job = page.url();
    await install(somebody, "nginx", { id: site, port: sitePort });
    await jobEnds(somebody);
    assert.match((await answer(`http://127.0.0.1:${sitePort}/`)).text, /Your site is ready/);
    await page.goto(job);
    await jobEnds(somebody);
    const { password } = await passwords(somebody, store);
    assert.equal(await valkey(storePort, password, "PING"), "+PONG");
    await page.goto("/");
    await eventually("home shows both running", 30_000, async () => {
      if (!javaScript) await page.reload();
      return (await page.locator("main .tile, main [class*=tile]").filter({ hasText: "Running" }).count()) >= 2;
    });
    await picture(page, `${name}-12-home`);
    watch.clean();
  }, { limit: 150_000 });

  test("what happened is in the activity, in order, and its chain holds", async ({ page, watch }) => {
    await page.goto("/activity");
    const text = await page.locator("main").innerText();
    for (const word of ["app.install", "app.restart", "app.remove"]) assert.ok(text.includes(word), `${word} is not in the activity`);
    for (const words of ["anna claimed the box", "Somebody could not claim the box", "anna restarted Shop", "anna looked at the passwords of Shop", "anna began to remove Shop"]) {
      assert.ok(text.includes(words), `«${words}» is not in the activity`);
    }
    await page.goto("/activity/verify");
    await page.locator("main").getByText(/hold|whole|intact|unbroken|right/i).first().waitFor();
    await picture(page, `${name}-13-verify`);
    watch.clean();
  });
}

mainPath("main", true);
mainPath("scriptless", false);
