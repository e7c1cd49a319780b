// The network and SSH of a box on Orbitr OS: a setting is tried, counted down, kept, taken back or comes back by itself, and
// nobody who types is disturbed. A fake stands in for systemd: what it was told is what the image's unit would do.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";

import { visitor } from "../lib/browser.mjs";
import { ADMIN, claimed, lookAround, signIn } from "../lib/hands.mjs";
import { look } from "../lib/look.mjs";
import { Machine } from "../lib/machine.mjs";
import { eventually, suite } from "../lib/runner.mjs";

const CARD = "/system/network/cards/52:54:00:12:34:56";
const APPLY = "start orbitr-apply-settings.service";
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEOgHgY5+IMj8DyNQG0JQWfnxKFB+4DpoWlrAbiQE54c ada@desk";

const test = suite("image-network", {
  async setup() {
    const machine = await Machine.start();
    const box = await machine.box("network");
    const somebody = await claimed(box);
    const plain = await visitor(box, { javaScript: false });
    await signIn(plain, ADMIN);
    return { box, machine, somebody, page: somebody.page, watch: somebody.watch, plain, others: [plain] };
  },
  async teardown({ box, machine }) {
    await box.gone();
    await machine.gone();
  },
  failed: lookAround,
});

/** What root reads. */
const written = async (box) => JSON.parse(await readFile(path.join(box.dir, "s/box.json"), "utf8").catch(() => "{}"));
const banner = (page) => page.locator("#network-trial .banner");
/** What a card is set to, as its row says. */
const setTo = (page, card) => page.getByRole("table", { name: "Cards" }).getByRole("row", { name: new RegExp(`^${card} `) }).innerText();

/** The seconds that the banner counts down. */
async function secondsLeft(page) {
  const words = await banner(page).locator("time[data-until]").innerText();
  const [, minutes, seconds] = /^(?:(\d+) min )?(\d+) s$/.exec(words) ?? assert.fail(words);
  return Number(minutes ?? 0) * 60 + Number(seconds);
}

/** Fills in the form of the first card and sends it. */
async function tries(page, address) {
  await page.goto("/system/network");
  await page.getByRole("row", { name: /^eth0 .*Change/ }).getByRole("link", { name: "Change" }).click();
  await page.waitForURL((url) => decodeURIComponent(url.pathname) === CARD);
  if (address) {
    await page.getByLabel("A fixed address").check();
    await page.getByLabel("Fixed address", { exact: true }).fill(address);
    await page.getByLabel("Gateway").fill("192.168.1.1");
    await page.getByLabel("Name servers").fill("192.168.1.1\n9.9.9.9");
  } else {
    await page.getByLabel("DHCP").check();
  }
  await page.getByRole("button", { name: "Try it" }).click();
}

test("the pages can be shown", async ({ somebody, page, watch }) => {
  const wrong = [];
  for (const [address, name] of [["/system/network", "page"], [CARD, "card"], ["/system/ssh", "ssh"]]) {
    await page.goto(address);
    wrong.push(...await look(somebody, `network-${name}`));
  }
  watch.allow(/status of 422/);
  await page.goto(CARD);
  await page.getByLabel("A fixed address").check();
  await page.getByLabel("Fixed address", { exact: true }).fill("192.168.1.30/24");
  await page.getByLabel("Gateway").fill("10.0.0.1");
  await page.getByRole("button", { name: "Try it" }).click();
  await page.getByText("The gateway is not in the network of 192.168.1.30/24").first().waitFor();
  assert.equal(await page.getByLabel("Fixed address", { exact: true }).inputValue(), "192.168.1.30/24", "what was typed stays");
  wrong.push(...await look(somebody, "network-card-refused"));
  assert.deepEqual(wrong, []);
  watch.strict();
}, { limit: 150_000 });

test("a fixed address is tried: it is counted down, and the machine gets it", async ({ somebody, page, machine, box, watch }) => {
  await tries(page, "192.168.1.30/24");
  await page.getByText("A new setting of eth0 is tried").waitFor();
  const begun = await secondsLeft(page);
  assert.ok(begun > 100 && begun <= 120, `two minutes: ${begun}`);
  await page.getByRole("button", { name: "Keep it" }).waitFor();
  assert.equal((await written(box)).network_trial.card.ipv4.address, "192.168.1.30");
  assert.ok((await machine.done()).includes(APPLY));
  await eventually("the time runs out", 10_000, async () => await secondsLeft(page) < begun - 2);
  const link = banner(page).getByRole("link", { name: `https://192.168.1.30:${box.port}/system/network` });
  assert.equal(await link.count(), 1, "the way to the new address");
  assert.deepEqual(await look(somebody, "network-tried"), []);
  watch.clean();
}, { limit: 120_000 });

test("a host name that is half typed stays, whatever happens to the trial", async ({ page, plain, watch }) => {
  // as a browser loads it, not as the script does
  await page.goto("/system/network");
  const field = page.getByLabel("Host name");
  await field.fill("");
  await field.pressSequentially("half-a-na");
  const before = await secondsLeft(page);
  await page.waitForTimeout(7_000);
  assert.ok(await secondsLeft(page) < before - 4, "the time goes on");
  assert.equal(await field.inputValue(), "half-a-na");
  // somebody else keeps it meanwhile
  await plain.page.goto("/system/network");
  await plain.page.getByRole("button", { name: "Keep it" }).click();
  await plain.page.getByText("The new network setting stays").waitFor();
  await banner(page).waitFor({ state: "detached" });
  await eventually("the table follows", 10_000, async () => /192\.168\.1\.30\/24, gateway 192\.168\.1\.1/.test(await setTo(page, "eth0")));
  assert.equal(await field.inputValue(), "half-a-na");
  assert.ok(await field.evaluate((element) => element === document.activeElement), "and the cursor is where it was");
  watch.clean();
}, { limit: 90_000 });

test("what was kept is what the machine starts with", async ({ box }) => {
  const { network, network_trial: trial } = await written(box);
  assert.equal(trial, undefined);
  assert.deepEqual(network.map(({ ipv4, dns }) => [ipv4.address, dns]), [["192.168.1.30", ["192.168.1.1", "9.9.9.9"]]]);
});

test("a trial is an issue, and is taken back with its button", async ({ somebody, page, box, watch }) => {
  await tries(page, null);
  await page.getByRole("button", { name: "Keep it" }).waitFor();
  await page.goto("/issues");
  const issue = page.locator("#issues .issue", { hasText: "A new setting of eth0 waits to be confirmed" });
  await issue.getByRole("link", { name: "Look at the network" }).click({ timeout: 70_000 });
  await page.waitForURL(/\/system\/network$/);
  await page.getByRole("button", { name: "Keep it" }).waitFor();
  await page.getByRole("button", { name: "Take it back now" }).click();
  await page.getByText("eth0: the old setting is back").waitFor();
  await page.getByText("It was taken back.").waitFor();
  await eventually("root is told", 10_000, async () => (await written(box)).network_trial === undefined);
  assert.deepEqual(await look(somebody, "network-taken-back"), []);
  watch.clean();
}, { limit: 150_000 });

test("without a script a trial begins, is looked at, and nobody's typing is lost", async ({ plain: { page } }) => {
  await tries(page, "192.168.1.40/24");
  await page.getByText("A new setting of eth0 is tried").waitFor();
  // a page with a form stands still
  await eventually("the machine has it", 15_000, async () => {
    await page.goto("/system/network");
    return (await page.getByRole("button", { name: "Keep it" }).count()) > 0;
  });
  await page.getByLabel("Host name").fill("half-a-name");
  await page.waitForTimeout(7_000);
  assert.equal(await page.getByLabel("Host name").inputValue(), "half-a-name");
  // the card's has none now, and looks by itself
  await page.goto(CARD);
  await page.getByRole("button", { name: "Keep it" }).waitFor();
  assert.equal(await page.getByLabel("Host name").count(), 0);
  await page.waitForRequest((request) => request.isNavigationRequest(), { timeout: 10_000 });
}, { limit: 90_000 });

test("SSH is turned on with a key and never without, and off again", async ({ somebody, page, machine, box, watch }) => {
  watch.allow(/status of 422/);
  await page.goto("/system/ssh");
  await page.getByLabel("SSH", { exact: true }).check();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Without a key nobody could come in").first().waitFor();
  assert.deepEqual(await look(somebody, "network-ssh-refused"), []);
  watch.strict();
  assert.equal((await written(box)).ssh, undefined);
  const before = (await machine.done()).length;
  assert.ok(await page.getByLabel("SSH", { exact: true }).isChecked(), "the switch is as it was put");
  await page.getByLabel("Public keys").fill(KEY);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("ssh root@").waitFor();
  await page.getByRole("row", { name: /ada@desk.*SHA256:/ }).waitFor();
  assert.deepEqual((await written(box)).ssh, { enabled: true, keys: [KEY] });
  await eventually("the machine was told", 5_000, async () => (await machine.done()).length > before);
  assert.deepEqual(await look(somebody, "network-ssh-on"), []);
  await page.getByLabel("SSH", { exact: true }).uncheck();
  await page.getByRole("button", { name: "Save" }).click();
  await eventually("it is off", 10_000, async () => (await written(box)).ssh.enabled === false);
  await page.getByRole("row", { name: /ada@desk/ }).waitFor();
  watch.clean();
}, { limit: 120_000 });

test("what nobody confirms comes back by itself, before one's eyes", async ({ somebody, page, machine, watch }) => {
  // begun two tests ago
  await page.goto("/system/network");
  assert.match(await setTo(page, "eth0"), /192\.168\.1\.40\/24/);
  await page.getByLabel("Host name").fill("half-a-name");
  const before = (await machine.done()).length;
  await page.getByText("eth0: the old setting is back").waitFor({ timeout: 125_000 });
  await page.getByText("Nobody confirmed it in time.").waitFor();
  await eventually("the table follows", 10_000, async () => /192\.168\.1\.30\/24/.test(await setTo(page, "eth0")));
  await eventually("the machine was told", 5_000, async () => (await machine.done()).length > before);
  assert.equal(await page.getByLabel("Host name").inputValue(), "half-a-name");
  assert.deepEqual(await look(somebody, "network-came-back"), []);
  watch.clean();
}, { limit: 180_000 });

test("the host name is changed, and a wrong one is said beside its field", async ({ page, box, watch }) => {
  watch.allow(/status of 422/);
  await page.goto("/system/network");
  await page.getByLabel("Host name").fill("not a name");
  await page.getByRole("button", { name: "Rename" }).click();
  await page.getByText("no dash at its ends").first().waitFor();
  await page.getByLabel("Host name").fill("attic");
  await page.getByRole("button", { name: "Rename" }).click();
  await page.getByText("Renamed").waitFor();
  assert.equal((await written(box)).host_name, "attic");
  watch.clean();
});
