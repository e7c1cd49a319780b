// The first start, in Chromium: what the box's new owner sees and clicks. Run by promises.py, once for each half.
//
//   node wizard.mjs data URL CODE PATIENCE     has the data partition made
//   node wizard.mjs claim URL CODE PATIENCE    makes the account; prints its name, its password and the session's cookie
//
// PATIENCE: how many times longer than on a machine of its own everything may take. Pictures: target/browser/vm-*.png.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { close, picture, visitor } from "../browser/lib/browser.mjs";
import { ADMIN, claim } from "../browser/lib/hands.mjs";

const [half, url, setupCode, patience] = process.argv.slice(2);
const folder = await mkdtemp(path.join(tmpdir(), "orbitr-wizard-"));
const box = { url, setupCode, reachable: (open) => open(Number(new URL(url).port), path.join(folder, "https.sock")) };
const somebody = await visitor(box);
const { page, context, watch } = somebody;
context.setDefaultTimeout(60_000 * patience);
context.setDefaultNavigationTimeout(60_000 * patience);

try {
  if (half === "data") {
    await page.goto("/");
    await page.getByLabel("Setup code").fill(setupCode);
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("heading", { name: "Where your data will live" }).waitFor();
    await picture(page, "vm-data");
    await page.getByRole("button", { name: "Continue" }).click();
    // the page looks again by itself, also while the supervisor goes over to the new partition
    await page.getByLabel("Your name").or(page.getByLabel("Setup code")).first().waitFor({ timeout: 180_000 * patience });
    await picture(page, "vm-data-made");
  } else {
    await claim(somebody);
    await picture(page, "vm-home");
    watch.clean("the wizard");
    const cookie = (await context.cookies()).filter(({ httpOnly }) => httpOnly).map(({ name, value }) => `${name}=${value}`).join("; ");
    console.log(JSON.stringify({ username: ADMIN.username, password: ADMIN.password, cookie }));
  }
} catch (error) {
  await picture(page, `vm-${half}-failed`).catch(() => {});
  console.error(`${error.message}\nat ${page.url()}: ${await page.locator("body").innerText().catch(() => "")}`);
  process.exitCode = 1;
}
await close();
await rm(folder, { recursive: true });
