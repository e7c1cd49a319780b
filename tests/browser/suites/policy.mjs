// What becomes of newer versions without a person, what a new version asks before it is taken, and what actions ask and
// give: as its owner does it.

import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import { Box, freePort } from "../lib/box.mjs";
import { claimed, install, jobEnds, lookAround } from "../lib/hands.mjs";
import { look } from "../lib/look.mjs";
import { suite } from "../lib/runner.mjs";
import { OLD, publish } from "../lib/store.mjs";

const NOTICE = "Listings of folders look **different** from now on. Pages of your own stay as they are.";
const ACTIONS = `
  actions:
    note:
      label: Leave a note
      service: web
      inputs:
        text: {type: string, label: Note, max_length: 40}
      run: [sh, -c, "echo $$0", "\${ACTION_TEXT}"]
      confirm: It is written into the log of the job.
    key: {label: Make a key, service: web, run: [sh, -c, "echo k3y-of-the-site"], result: credential}
    care: {label: Look after it, service: web, run: ["true"]}
  jobs:
    nightly: {cron: "30 4 * * *", action: care}
`;

/** The store of this machine's owner: nginx in some version of it, with actions, and with what a newer one asks. */
async function stock(folder, version, { grants = [], breaking = false } = {}) {
  const upgrade = `\n  upgrade:\n    from: ">=1"\n    reversible: true\n    notices: [{at: "${version}", level: breaking, text: notices/new.md}]`;
  const reasons = { "capability:NET_ADMIN": "it routes packets of its visitors", privileged: "it measures the whole machine" };
  const permissions = grants.map((grant) => `{grant: "${grant}", reason: ${reasons[grant]}}`).join(", ");
  const rest = `${ACTIONS}${breaking ? upgrade : ""}`.replace(/\n$/, "");
  const changes = [["  permissions: []", `  permissions: [${permissions}]${rest}`]];
  if (grants.includes("capability:NET_ADMIN")) changes.push(["cap_add: [", "cap_add: [NET_ADMIN, "]);
  if (grants.includes("privileged")) changes.push(["    pids_limit: 100\n", "    pids_limit: 100\n    privileged: true\n"]);
  await publish(folder, version, (text) => changes.reduce((text, [from, to]) => {
    assert.ok(text.includes(from), `the official nginx has no «${from}» by now`);
    // «$$» means something else in a text that takes another's place
    return text.replace(from, () => to);
  }, text));
  if (breaking) {
    await mkdir(path.join(folder, "nginx/notices"));
    await writeFile(path.join(folder, "nginx/notices/new.md"), NOTICE);
  }
}

const test = suite("policy", {
  async setup() {
    const folder = path.join("/var/tmp", `orbitr-browser-policy-${process.pid}`);
    await stock(folder, OLD);
    const box = await Box.start("policy", ["--extensions", folder]);
    const somebody = await claimed(box);
    const app = box.app("site");
    await install(somebody, "nginx", { id: app, name: "Site", port: await freePort(), path: "/store/local/nginx" });
    await jobEnds(somebody);
    return { box, folder, app, somebody, page: somebody.page, watch: somebody.watch };
  },
  async teardown({ box, folder }) {
    await box.gone();
    await rm(folder, { recursive: true, force: true });
  },
  failed: lookAround,
});

/** The store has this from the next start on. */
async function republish({ box, folder, page }, version, more) {
  // its stream of news would end with the box
  await page.goto("about:blank");
  await box.kill();
  await stock(folder, version, more);
  await box.up();
}

test("an action asks, a wrong answer stays in its form, and its job has what it says", async ({ page, app, somebody, watch }) => {
  await page.goto(`/apps/${app}`);
  await page.getByText("Look after it").last().waitFor();
  assert.match(await page.getByRole("table", { name: "By the clock" }).innerText(), /30 4 \* \* \*\s+Never yet/);
  assert.deepEqual(await look(somebody, "policy-1-actions"), []);
  await page.goto(`/apps/${app}/actions/note`);
  await page.getByText("It is written into the log of the job.").waitFor();
  assert.deepEqual(await look(somebody, "policy-2-asks"), []);
  await page.getByLabel("Note", { exact: true }).fill("the door is open");
  await page.getByRole("button", { name: "Leave a note" }).click();
  await page.waitForURL(/\/jobs\/[^/]+$/);
  await jobEnds(somebody);
  await page.getByText("the door is open").first().waitFor();
  watch.clean();
}, { limit: 90_000 });

test("a key is shown once", async ({ page, app, somebody, watch }) => {
  await page.goto(`/apps/${app}`);
  await page.getByRole("button", { name: "Make a key" }).click();
  await page.waitForURL(/\/results\/[^/]+$/);
  await page.getByRole("button", { name: "Show it" }).click();
  await page.getByText("k3y-of-the-site").first().waitFor();
  assert.deepEqual(await look(somebody, "policy-3-key"), []);
  await page.getByRole("link", { name: "Done" }).click();
  await page.waitForURL(new RegExp(`/apps/${app}$`));
  assert.equal(await page.getByText("gave something to look at").count(), 0);
  watch.clean();
}, { limit: 90_000 });

test("its owner says when updates come, and a wrong time is said at its field", async ({ page, app, somebody, watch }) => {
  await page.goto(`/apps/${app}/settings`);
  const card = page.locator(".card", { has: page.getByRole("heading", { name: "Updates" }) });
  await card.getByLabel("Put newer versions in by itself").check();
  await card.getByLabel("Sunday").check();
  watch.allow(/status of 422/);
  await card.getByLabel("From").fill("2 am");
  await card.getByLabel("Until").fill("05:00");
  await card.getByRole("button", { name: "Save" }).click();
  await page.getByText("write a time such as 02:30").first().waitFor();
  assert.equal(await card.getByLabel("Sunday").isChecked(), true, "what was typed stays");
  await card.getByLabel("From").fill("02:00");
  await card.getByRole("button", { name: "Save" }).click();
  await page.getByText("It is so from now on").waitFor();
  assert.equal(await card.getByLabel("From").inputValue(), "02:00");
  assert.deepEqual(await look(somebody, "policy-4-settings"), []);
  watch.clean();
}, { limit: 90_000 });

test("a version that asks for much says so, and is not to be had without consent", async (given) => {
  const { page, app, somebody, watch } = given;
  await republish(given, "1.29.0", { grants: ["capability:NET_ADMIN", "privileged"], breaking: true });
  await page.goto(`/apps/${app}`);
  await page.getByText("it asks for a new permission: privileged").waitFor();
  assert.deepEqual(await look(somebody, "policy-5-waits"), []);
  await page.goto(`/apps/${app}/update`);
  await page.getByText("stops something from working as before").waitFor();
  assert.deepEqual(await look(somebody, "policy-6-consent"), []);
  await page.getByLabel("capability:NET_ADMIN").check();
  await page.getByLabel("I have read what stops from working").check();
  watch.allow(/status of 422/);
  await page.getByLabel("To consent to privileged, type it").fill("yes");
  await page.getByRole("button", { name: "Update", exact: true }).click();
  await page.getByText("this version asks for privileged").first().waitFor();
  assert.equal(await page.getByLabel("capability:NET_ADMIN").isChecked(), true, "what was pressed stays");
  watch.clean();
}, { limit: 120_000 });

test("with consent it is updated, and its release says to what", async (given) => {
  const { page, app, somebody } = given;
  await republish(given, "1.29.1", { grants: ["capability:NET_ADMIN"], breaking: true });
  await page.goto(`/apps/${app}/update`);
  await page.getByLabel("capability:NET_ADMIN").check();
  await page.getByLabel("I have read what stops from working").check();
  await page.getByRole("button", { name: "Update", exact: true }).click();
  await page.waitForURL(/\/jobs\/[^/]+$/);
  await jobEnds(somebody);
  await page.goto(`/apps/${app}/history`);
  await page.getByText("consent to capability:NET_ADMIN").first().waitFor();
  assert.deepEqual(await look(somebody, "policy-7-history"), []);
}, { limit: 150_000 });

test("a held app is offered nothing, and says why", async (given) => {
  const { page, app, somebody } = given;
  await page.goto(`/apps/${app}/settings`);
  const card = page.locator(".card", { has: page.getByRole("heading", { name: "Updates" }) });
  await card.getByLabel("Hold this app").check();
  await card.getByLabel("Why it is held").fill("The fair is on Sunday");
  await card.getByRole("button", { name: "Save" }).click();
  await page.getByText("It is so from now on").waitFor();
  await republish(given, "1.30.0");
  await page.goto(`/apps/${app}`);
  await page.getByText("The fair is on Sunday").waitFor();
  assert.equal(await page.getByText("Look at the update").count(), 0);
  await page.goto(`/apps/${app}/update`);
  await page.getByText("This app is held").waitFor();
  assert.equal(await page.getByRole("button", { name: "Update", exact: true }).count(), 0);
  assert.deepEqual(await look(somebody, "policy-8-held"), []);
}, { limit: 120_000 });
