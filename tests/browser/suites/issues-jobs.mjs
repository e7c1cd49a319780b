// What is wrong only after hours, with jobs and with the disk, each found, seen and mended as its issue says. Time that went
// by stands in the database of a box that was off; a relay stands between the box and Docker.

import assert from "node:assert/strict";
import { mkdir, rm, statfs, writeFile } from "node:fs/promises";
import path from "node:path";

import { Box, freePort } from "../lib/box.mjs";
import { claimed, install, jobEnds, lookAround } from "../lib/hands.mjs";
import { look } from "../lib/look.mjs";
import { relay } from "../lib/relay.mjs";
import { eventually, suite } from "../lib/runner.mjs";

/** What nobody tells of is looked at once a minute. */
const SOON = 100_000;
const HOUR = 3_600_000;

/** A web server that never has the page that is asked for. */
const MANIFEST = `services:
  web:
    image: orbitr-test/web:1.0.0
    restart: unless-stopped
    ports: ["\${INPUT_PORT}:80"]
    volumes: ["data:/data"]
    healthcheck: {test: [CMD, "true"], interval: 5s, timeout: 2s, retries: 2, start_period: 1s}
    mem_limit: 64m
    cap_drop: [ALL]
    pids_limit: 50
    stop_grace_period: 1s
volumes: {data: {}}

x-orbitr:
  schema: 1
  id: never
  version: "1"
  revision: 1
  os: ">=0.1"
  meta:
    name: Never
    summary: A small service for tests
    category: web
    icon: icon.svg
    license: Apache-2.0
    links: {website: "https://example.com", source: "https://example.com"}
    status: working
  arch: [amd64, arm64]
  instances: many
  resources: {memory: {min: 32Mi, recommended: 64Mi}, cpu: {min: 0.1}, disk: {install: 10Mi, data: 10Mi}}
  services: {web: main}
  inputs:
    port: {type: port, label: Port, help: Where it is reached., preferred: 18080}
  volumes:
    data: {class: data, on_remove: ask}
  permissions: []
  health: {service: web, port: 80, protocol: http, path: /never, expect: {status: 200}, grace: 10m}
  tests: {install: {}}
`;

const test = suite("issues-jobs", {
  async setup() {
    const folder = path.join("/var/tmp", `orbitr-browser-issues-jobs-${process.pid}`);
    await mkdir(path.join(folder, "never"), { recursive: true });
    await writeFile(path.join(folder, "never/extension.yaml"), MANIFEST);
    await writeFile(path.join(folder, "never/icon.svg"), '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h8v8H0z"/></svg>');
    const socket = path.join(folder, "docker.sock");
    const docker = await relay(socket, { path: process.env.ORBITR_TEST_DOCKER ?? "/run/docker.sock" });
    const box = await Box.start("issues-jobs", ["--extensions", folder], {}, { docker: socket });
    const somebody = await claimed(box);
    return { box, docker, folder, somebody, page: somebody.page, watch: somebody.watch };
  },
  async teardown({ box, docker, folder }) {
    await box.gone();
    await docker.close();
    await rm(folder, { recursive: true, force: true });
  },
  failed: lookAround,
});

const issue = (page, title) => page.locator("#issues .issue", { hasText: title });
const told = (page, title) => issue(page, title).waitFor({ timeout: SOON });
const over = (page, title) => issue(page, title).waitFor({ state: "detached", timeout: SOON });

/** Begins an installation that waits for an answer which never comes. */
async function begin({ box, page, somebody }, word) {
  const app = box.app(word);
  await install(somebody, "never", { id: app, name: "Never", port: await freePort(), path: "/store/local/never" });
  const probe = page.locator("main .job .steps li", { hasText: "Wait until it answers" });
  await eventually("it waits for an answer", SOON, async () => await probe.getAttribute("data-state") === "running");
  return { app, job: page.url() };
}

/** Ends the box, does this to its database, and starts it again. */
async function meanwhile({ box, page }, statement, between = async () => {}) {
  await page.goto("about:blank");
  await box.kill();
  await box.sql(statement);
  await between();
  await box.up();
  await page.goto("/issues");
}

test("a job that takes hours too long is told, and cancelled with its button", async (given) => {
  const { box, page, somebody } = given;
  const { job } = await begin(given, "late");
  await meanwhile(given, `UPDATE job_step SET started = started - ${5 * HOUR} WHERE state = 'running'`);
  await told(page, "«Install Never» takes too long");
  assert.match(await issue(page, "«Install Never» takes too long").innerText(), /Wait until it answers/);
  assert.deepEqual(await look(somebody, "issues-jobs-1-late"), []);
  await issue(page, "«Install Never» takes too long").getByRole("button", { name: "Cancel it" }).click();
  await page.waitForURL((url) => url.pathname !== "/issues");
  await page.goto(job);
  await jobEnds(somebody, "Cancelled");
  await page.goto("/issues");
  await over(page, "«Install Never» takes too long");
  assert.deepEqual(await box.left(), []);
}, { limit: 180_000 });

test("a job that could not be taken back is told, and what it left is removed from there", async (given) => {
  const { box, docker, page, somebody } = given;
  const { app } = await begin(given, "half");
  const url = page.url();
  await docker.close();
  await page.getByRole("button", { name: /^Cancel/ }).first().click();
  await page.goto(url);
  const start = page.locator("main .job .steps li", { hasText: "Start the containers" });
  await eventually("it is being taken back", SOON, async () => await start.getAttribute("data-state") === "undoing");
  await meanwhile(given, "UPDATE job_step SET undo_attempts = 20 WHERE state = 'undoing'");
  await told(page, "«Install Never» has failed, and not all of it was taken back");
  assert.deepEqual(await look(somebody, "issues-jobs-2-half"), []);
  await docker.open();
  await page.goto("/issues");
  await issue(page, "«Install Never» has failed").getByRole("link", { name: "Remove it …" }).click();
  await page.getByRole("heading", { name: "Remove Never?" }).waitFor();
  await page.getByLabel(/^Delete /).check();
  await page.getByLabel("The app's id").fill(app);
  await page.getByRole("button", { name: "Remove app" }).click();
  await page.waitForURL(/\/jobs\/[^/]+$/);
  await jobEnds(somebody);
  await page.goto("/issues");
  await over(page, "«Install Never» has failed");
  assert.deepEqual(await box.left(), []);
}, { limit: 240_000 });

test("a disk that fills is told days before it is full, with the way to the apps", async (given) => {
  const { box, page, somebody } = given;
  const { bsize, blocks, bavail } = await statfs(box.dir);
  const [total, used] = [bsize * blocks, bsize * (blocks - bavail)];
  // full in about two days
  const hourly = Math.floor(Math.max((total - used) / 48, total / 400));
  const hours = [...Array(25).keys()];
  const rows = hours.map((ago) => `(${Date.now() - ago * HOUR}, ${Math.max(used - ago * hourly, 0)}, ${total})`);
  await meanwhile(given, `DELETE FROM disk_sample; INSERT INTO disk_sample (at, used, total) VALUES ${rows.join(", ")}`);
  await told(page, "The disk will be full in");
  assert.deepEqual(await look(somebody, "issues-jobs-3-disk"), []);
  await issue(page, "The disk will be full in").getByRole("link", { name: "Look at the apps" }).click();
  await page.waitForURL(/\/apps$/);
  await meanwhile(given, `UPDATE disk_sample SET used = ${used}`);
  await over(page, "The disk will be full in");
}, { limit: 180_000 });
