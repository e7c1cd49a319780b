// Chromium, and somebody who sits in front of it. Every visitor is watched: whatever a page says on the console, each
// violation of its policy and each request to another host is written down, and `watch.clean()` wants nothing of it.

import { mkdir } from "node:fs/promises";
import path from "node:path";

import { chromium } from "playwright-core";

import { OUT } from "./box.mjs";
import { end, openPort, quietly } from "./quiet.mjs";

const PROGRAM = process.env.ORBITR_TEST_BROWSER ?? "/usr/bin/chromium";

let browser; // a promise: suites that begin beside each other wait for the same one

function launch() {
  browser ??= start();
  return browser;
}

async function start() {
  await mkdir(OUT, { recursive: true });
  return chromium.launch({
    executablePath: await quietly(PROGRAM, path.join(OUT, "chromium")),
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--no-proxy-server"],
  });
}

export async function close() {
  await (await browser?.catch(() => undefined))?.close();
  browser = undefined;
  end();
}

class Watch {
  said = [];
  /** What was sent last that may have changed something, with its answer: for whoever looks at a failure. */
  sent = [];
  #allowed = [];

  constructor(origin) {
    this.origin = origin;
  }

  note(text) {
    // a page that is left while a part of it is being fetched gives that fetch up
    if (/htmx:error: Failed to fetch/.test(text)) return;
    // on a machine that is busy, a page may not be drawn within the seconds that the browser allows for this
    if (/was preloaded using link preload but not used within a few seconds/.test(text)) return;
    if (!this.#allowed.some((pattern) => pattern.test(text))) this.said.push(text);
  }

  /** From now on, what matches is expected. */
  allow(...patterns) {
    this.#allowed.push(...patterns);
  }

  /** Ends what `allow` began. */
  strict() {
    this.#allowed = [];
  }

  /** Fails if something was written down since the last time. */
  clean(where = "") {
    const said = this.said.splice(0);
    if (said.length > 0) throw new Error(`the browser complains${where && ` at ${where}`}:\n${said.join("\n")}`);
  }
}

const said = (error) => [error?.name, error?.message, error?.stack, error instanceof Error ? "" : String(error)].filter(Boolean).join(" ");

/** A visitor with a browser profile of their own. Gives the page, its context and what was noticed. */
export async function visitor(box, { javaScript = true, width = 1440, height = 900, colorScheme = "light" } = {}) {
  const program = await launch();
  await box.reachable(openPort);
  const context = await program.newContext({
    baseURL: box.url,
    ignoreHTTPSErrors: true,
    javaScriptEnabled: javaScript,
    viewport: { width, height },
    colorScheme,
    reducedMotion: "reduce",
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
  });
  context.setDefaultTimeout(15_000);
  context.setDefaultNavigationTimeout(20_000);
  const watch = new Watch(new URL(box.url).origin);
  context.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") {
      watch.note(`${message.type()}: ${message.text()} (${message.location().url})`);
    }
  });
  context.on("weberror", (error) => watch.note(`exception: ${said(error.error())}`));
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (!["data:", "blob:"].includes(url.protocol) && url.host !== new URL(watch.origin).host) {
      watch.note(`request to another host: ${request.url()}`);
    }
  });
  context.on("response", (response) => {
    const request = response.request();
    if (request.method() !== "GET") {
      watch.sent.push(`${new Date().toISOString()} ${request.method()} ${new URL(request.url()).pathname} ${response.status()}`);
      watch.sent.splice(0, watch.sent.length - 8);
    }
    if (response.status() >= 500) watch.note(`answer ${response.status()}: ${response.url()}`);
  });
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy violated: ${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
    });
  });
  const page = await context.newPage();
  return { context, page, watch, box, javaScript };
}

/** A picture for people: target/browser/NAME.png. */
export async function picture(page, name, { fullPage = true } = {}) {
  await mkdir(OUT, { recursive: true });
  await page.screenshot({ path: path.join(OUT, `${name}.png`), fullPage, animations: "disabled", caret: "hide" });
}
