// What a person does, in the words that stand on the pages.

import { execFile } from "node:child_process";

import { picture, visitor } from "./browser.mjs";
import { eventually } from "./runner.mjs";

export const ADMIN = { name: "Anna Lindqvist", username: "anna", password: "correct horse battery 7" };

const JOB_MS = 90_000;

/** The whole wizard, up to the front page. */
export async function claim({ page, box }) {
  await page.goto("/");
  // whoever has typed the code before is not asked again
  const code = page.getByLabel("Setup code");
  await code.or(page.getByLabel("Your name")).first().waitFor();
  if (await code.isVisible()) {
    await code.fill(box.setupCode);
    await page.getByRole("button", { name: "Continue" }).click();
  }
  await page.getByLabel("Your name").fill(ADMIN.name);
  await page.getByLabel("Username").fill(ADMIN.username);
  await page.getByLabel("Password", { exact: true }).fill(ADMIN.password);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByLabel("Name", { exact: true }).fill("attic");
  await page.getByLabel("Time zone").selectOption("Europe/Berlin");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: "attic is yours" }).waitFor();
  await page.getByRole("link", { name: "Go to your box" }).click();
  await page.waitForURL((url) => url.pathname === "/");
}

export async function signIn({ page }, { username, password }, path = "/sign-in") {
  await page.goto(path);
  await page.getByLabel("Username").fill(username);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** The rooms of a claimed box with somebody signed in: for suites that begin later. */
export async function claimed(box, options) {
  const somebody = await visitor(box, options);
  await claim(somebody);
  return somebody;
}

/** Fills in the install form and sends it; ends on the job's page. */
export async function install({ page }, extension, { id, name, port, path = `/store/official/${extension}`, more = {} }) {
  await page.goto(path);
  if (name) await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Port", { exact: true }).fill(String(port));
  for (const [label, value] of Object.entries(more)) await page.getByLabel(label).fill(value);
  if (id) {
    await page.locator("summary", { hasText: /^Id$/ }).click();
    await page.getByLabel("Id", { exact: true }).fill(id);
  }
  await page.getByRole("button", { name: "Install", exact: true }).click();
  await page.waitForURL(/\/jobs\/[^/]+$/);
}

/** The word of the job on whose page one is. */
export const jobWord = ({ page }) => page.locator("main .job .job-facts .status").first().innerText();

/**
 * Waits on a job's page until it has ended: with the script by looking, without it by reloading, as a person would.
 * Gives every different look of the list of steps.
 */
export async function jobEnds(somebody, word = "Succeeded") {
  const { page, javaScript } = somebody;
  const looks = [];
  const look = async () => {
    const now = (await page.locator("main .job .steps li").evaluateAll((steps) => steps.map((step) => step.dataset.state))).join(" ");
    if (looks.at(-1) !== now) looks.push(now);
  };
  await eventually(`the job has ${word.toLowerCase()}`, JOB_MS, async () => {
    if (!javaScript) await page.reload();
    await look();
    const now = (await jobWord(somebody)).trim();
    if (["Succeeded", "Failed", "Cancelled"].includes(now) && now !== word) {
      throw Object.assign(new Error(`the job has ${now}: ${await page.locator("main .job").innerText()}`), { final: true });
    }
    return now === word;
  });
  await look();
  return looks;
}

/** What «Show passwords» says, by name. */
export async function passwords({ page }, id) {
  await page.goto(`/apps/${id}`);
  await page.getByRole("button", { name: "Show passwords" }).click();
  await page.getByRole("heading", { name: "Passwords" }).waitFor();
  return Object.fromEntries(await page.locator("main .key-values > div").evaluateAll((rows) =>
    rows.map((row) => [row.querySelector("dt").textContent.trim(), row.querySelector("dd code")?.textContent.trim()])));
}

/** Runs a client program and gives what it prints. */
export function client(program, flags, environment = {}) {
  return new Promise((resolve, reject) => {
    execFile(program, flags, { env: { ...process.env, ...environment }, timeout: 20_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program}: ${stderr.trim() || error.message}`));
      else resolve(stdout.trim());
    });
  });
}

/** One statement in the database of an app. */
export const psql = (port, password, statement) =>
  client("psql", ["--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "--set", "ON_ERROR_STOP=1",
    "--command", statement, `postgresql://app@127.0.0.1:${port}/app`], { PGPASSWORD: password, PGCONNECT_TIMEOUT: "10" });

/** For a suite's `failed`: what the page shows and what the box said last. */
export async function lookAround(given, title) {
  const name = title.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 60);
  for (const { page, box, watch } of [given?.somebody, ...(given?.others ?? [])].filter(Boolean)) {
    await picture(page, `failed-${box.name}-${name}`).catch(() => {});
    const text = await page.locator("body").innerText({ timeout: 2000 }).catch(() => "");
    console.log(watch.sent.map((line) => `        sent ${line}\n`).join(""));
    console.log(`        at ${page.url()}\n${text.slice(0, 1500).replace(/^/gm, "        | ")}`);
  }
  if (given?.box) console.log((await given.box.lastWords()).replace(/^/gm, "        > "));
}
