// When something is badly wrong: safe mode and factory reset, on Orbitr OS with its data open. A folder stands in for
// /run, and this file does what root does. All of it without JavaScript, too.

import assert from "node:assert/strict";

import { visitor } from "../lib/browser.mjs";
import { ADMIN, claimed, lookAround, signIn } from "../lib/hands.mjs";
import { look } from "../lib/look.mjs";
import { Machine, SERIAL } from "../lib/machine.mjs";
import { eventually, suite } from "../lib/runner.mjs";

const test = suite("image-rescue", {
  async setup() {
    const machine = await Machine.start();
    const box = await machine.box("rescue");
    const somebody = await claimed(box);
    const plain = await visitor(box, { javaScript: false });
    await signIn(plain, ADMIN);
    return { box, machine, somebody, plain, page: plain.page };
  },
  async teardown({ box, machine }) {
    await box.gone();
    await machine.gone();
  },
  failed: lookAround,
});

/** Looked at by somebody with JavaScript. */
async function sound(somebody, address, name) {
  await somebody.page.goto(address);
  assert.deepEqual(await look(somebody, `rescue-${name}`), []);
}

test("safe mode is turned on, stands on every page, and is left with the banner's button", async ({ somebody, page }) => {
  await sound(somebody, "/system/rescue", "page");
  await page.goto("/system/rescue");
  await page.getByRole("button", { name: "Turn safe mode on" }).click();
  for (const address of ["/", "/apps", "/system/rescue", "/store"]) {
    await page.goto(address);
    await page.getByText("Safe mode is on").first().waitFor();
  }
  await sound(somebody, "/apps", "safe-mode");
  await page.goto("/apps");
  await page.getByRole("button", { name: "Leave safe mode" }).click();
  await page.goto("/apps");
  assert.equal(await page.getByText("Safe mode is on").count(), 0);
}, { limit: 120_000 });

test("a factory reset says what goes, and a wrong serial number does nothing", async ({ somebody, page, machine }) => {
  await sound(somebody, "/system/rescue/factory-reset", "factory-reset");
  await page.goto("/system/rescue");
  await page.getByRole("link", { name: "Factory reset" }).click();
  await page.getByText("Every app with all its data").waitFor();
  await page.getByText("Make a backup first").waitFor();
  await page.getByLabel(`Type ${SERIAL} to confirm`).fill("76543210");
  await page.getByRole("button", { name: "Erase everything" }).click();
  // the browser itself does not send it; what the box says to one that does is the room's own test
  assert.equal(new URL(page.url()).pathname, "/system/rescue/factory-reset");
  assert.equal(await machine.wasAsked("factory-reset"), false);
}, { limit: 120_000 });

test("the right one asks root, and what root says is the job's end", async ({ page, machine }) => {
  await page.goto("/system/rescue/factory-reset");
  await page.getByLabel(`Type ${SERIAL} to confirm`).fill(SERIAL);
  await page.getByRole("button", { name: "Erase everything" }).click();
  await page.waitForURL(/\/jobs\//);
  const request = await machine.asked("factory-reset");
  assert.equal(request.serial, SERIAL);
  const problem = { code: "data-not-found", title: "The data partition is not there", detail: "", fix: "Plug its disk in, then look again." };
  await machine.report("factory-reset", request.id, { state: "failed", problem });
  await eventually("the job says so", 15_000, async () => {
    await page.reload();
    return (await page.getByText("The data partition is not there").count()) > 0 || null;
  });
});

test("with a script it is asked over the page, and its button can be pressed once the number stands there", async ({ somebody, machine }) => {
  const { page, watch } = somebody;
  await page.goto("/system/rescue");
  await page.getByRole("link", { name: "Factory reset" }).click();
  const sheet = page.locator("#sheet[open]");
  await sheet.getByRole("heading", { name: /^Erase everything on/ }).waitFor();
  // the page under it has its own heading
  const wrong = await look(somebody, "rescue-factory-reset-sheet");
  assert.deepEqual(wrong.filter((text) => !text.endsWith("2 headings of the first level")), []);
  await sheet.getByLabel(`Type ${SERIAL} to confirm`).fill("01234568");
  await sheet.getByRole("button", { name: "Erase everything" }).click();
  await page.waitForTimeout(500);
  assert.equal(await machine.wasAsked("factory-reset"), false);
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !document.querySelector("dialog[open]"));
  await page.getByRole("link", { name: "Factory reset" }).click();
  await sheet.getByLabel(`Type ${SERIAL} to confirm`).fill(SERIAL);
  await sheet.getByRole("button", { name: "Erase everything" }).click();
  await page.waitForURL(/\/jobs\//);
  const { id, serial } = await machine.asked("factory-reset");
  assert.equal(serial, SERIAL);
  await machine.report("factory-reset", id, { state: "failed", problem: { code: "cut", title: "It was cut off", detail: "", fix: "" } });
  await page.getByText("It was cut off").first().waitFor();
  watch.clean();
}, { limit: 120_000 });
