// Docker's store on Orbitr OS: what root finds is on the page, the box asks root to rebuild it by itself, somebody asks by hand
// and removes what was set aside. This file does what root does. All of it without JavaScript, too.

import assert from "node:assert/strict";

import { visitor } from "../lib/browser.mjs";
import { ADMIN, claimed, lookAround, signIn } from "../lib/hands.mjs";
import { look } from "../lib/look.mjs";
import { Machine } from "../lib/machine.mjs";
import { eventually, suite } from "../lib/runner.mjs";

const HERE = "/system/docker";
const NAME = "set-aside-20261124T001530Z";
const aside = { name: NAME, path: `/var/lib/docker/${NAME}`, at: "2026-11-24T00:15:30Z", bytes: 3 * 2 ** 30 };
const damage = [
  { file: "/var/lib/docker/image/overlay2/imagedb/content/sha256/0f410f90ea924bcfb701b7503621b14f0f410f90ea924bcfb701b7503621b14f", what: "holds nothing but zeros" },
  { file: "/var/lib/docker/network/files/local-kv.db", what: "is empty" },
];
const facts = (more) => ({
  version: 1, looked_at: new Date().toISOString(), complete: true, unfinished: false, damage: [], more: 0, aside: [], ...more,
});

const test = suite("image-docker", {
  async setup() {
    const machine = await Machine.start();
    await machine.leave("docker-store.json", facts({}));
    const box = await machine.box("docker");
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
  assert.deepEqual(await look(somebody, `docker-${name}`), []);
}

/** Until the page says this. */
const says = (page, text) => eventually(`the page says «${text}»`, 10_000, async () => {
  await page.goto(HERE);
  return await page.getByText(text).count() > 0;
});

/** Root does what it is asked, and leaves this behind. */
async function rebuilds(machine) {
  const asked = await machine.asked("rebuild-docker-store");
  assert.ok(asked.key.length > 0);
  await machine.report("rebuild-docker-store", asked.id, { step: "Setting aside overlay2", fraction: 0.4 });
  return async () => {
    await machine.leave("docker-store.json", facts({ aside: [aside] }));
    await machine.report("rebuild-docker-store", asked.id, { state: "done", fraction: 1, value: { name: NAME, path: aside.path } });
  };
}

test("a store that is whole says so", async ({ somebody, page }) => {
  await says(page, "Whole");
  await sound(somebody, HERE, "whole");
}, { limit: 120_000 });

test("what root finds damaged is told, and rebuilt without anybody asking", async ({ somebody, page, machine }) => {
  await machine.leave("docker-store.json", facts({ damage, more: 3 }));
  const done = await rebuilds(machine);
  await says(page, "Setting aside overlay2");
  await page.getByText("And 3 more.").waitFor();
  await sound(somebody, HERE, "damaged");
  await done();
  await says(page, "Set aside");
  await page.getByText("the box", { exact: true }).waitFor();
  await sound(somebody, HERE, "rebuilt");
  await page.goto("/issues");
  await eventually("it is told", 10_000, async () => {
    await page.goto("/issues");
    return await page.getByText("Docker's store was rebuilt, and the apps are back").count() > 0;
  });
}, { limit: 180_000 });

test("the second time on one day the box asks, and says what a rebuild costs", async ({ somebody, page, machine }) => {
  await machine.leave("docker-store.json", facts({ damage, aside: [aside] }));
  await says(page, "The box does not rebuild it by itself.");
  assert.equal(await machine.wasAsked("rebuild-docker-store"), false);
  await sound(somebody, `${HERE}/rebuild`, "confirm");
  await page.goto("/issues");
  await eventually("it is told", 10_000, async () => {
    await page.goto("/issues");
    return await page.getByRole("link", { name: "Rebuild it" }).count() > 0;
  });
  await page.getByRole("link", { name: "Rebuild it" }).click();
  await page.getByText("Every app is down until").waitFor();
  await page.getByRole("button", { name: "Rebuild it" }).click();
  await page.waitForURL(/\/jobs\//);
  await (await rebuilds(machine))();
  await says(page, "Whole");
}, { limit: 180_000 });

test("what was set aside goes when somebody says so, and nothing else", async ({ somebody, page, machine }) => {
  await eventually("nothing is at work", 10_000, async () => {
    await page.goto(HERE);
    return await page.getByRole("link", { name: "Remove" }).count() === 1;
  });
  await sound(somebody, `${HERE}/remove`, "remove");
  await page.goto(HERE);
  await page.getByRole("link", { name: "Remove" }).click();
  await page.getByRole("button", { name: "Remove for good" }).click();
  const asked = await machine.asked("remove-docker-stores");
  assert.deepEqual(asked.names, [NAME]);
  await machine.leave("docker-store.json", facts({}));
  await machine.report("remove-docker-stores", asked.id, { state: "done", value: { removed: [NAME] } });
  await eventually("it is gone", 10_000, async () => {
    await page.goto(HERE);
    return await page.getByText(aside.path).count() === 0;
  });
}, { limit: 180_000 });
