// The browser tests. Needs the testbed (tests/testbed): enters it by itself where ORBITR_TEST_ENTER names its door.
//
//   node tests/browser/run.mjs [--width N] [SUITE ...]     suites: main, scriptless, pages, keyboard, sessions, clicks, image,
//                                                          image-network, image-rescue, image-updates, image-docker, updates, issues, issues-apps, issues-box, issues-jobs, policy,
//                                                          archives, bindings, adopt, disks
//                                                          (a word runs all that hold it)
//
// ORBITR_TEST_BIN: the program (default target/debug/orbitr). Pictures, logs of the boxes: target/browser.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const stop = (status) => process.exit(status ?? 1);

// Before going in: the testbed has no way out to fetch anything.
if (!existsSync(path.join(here, "node_modules/playwright-core")) || !existsSync(path.join(here, "node_modules/axe-core"))) {
  const install = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: here, stdio: ["ignore", "inherit", "inherit"] });
  if (install.status !== 0) {
    console.error("the browser tests' packages could not be installed (npm ci, see above)");
    stop(install.status);
  }
}
const door = process.env.ORBITR_TEST_ENTER;
if (door && !process.env.ORBITR_BROWSER_INSIDE) {
  const inside = spawnSync(door, [process.execPath, ...process.argv.slice(1)], {
    stdio: "inherit", env: { ...process.env, ORBITR_BROWSER_INSIDE: "yes" },
  });
  stop(inside.status);
}

const words = process.argv.slice(2);
const at = words.indexOf("--width");
const width = at < 0 ? 2 : Number(words.splice(at, 2)[1]);

const { runAll } = await import("./lib/runner.mjs");
const { Box } = await import("./lib/box.mjs");
const { close } = await import("./lib/browser.mjs");
for (const name of ["main", "pages", "sessions", "keyboard", "clicks", "image", "network", "rescue", "image-updates", "image-docker", "updates", "issues", "issues-apps", "issues-box", "issues-jobs", "policy", "archives", "bindings", "adopt", "disks"]) await import(`./suites/${name}.mjs`);

const { passed, failed, flaky } = await runAll(words, width);
// a browser that does not end is ended with this process
await Promise.race([close(), new Promise((resolve) => setTimeout(resolve, 20_000).unref())]);
// a suite that could not begin has left its box
for (const box of Box.all) await box.gone().catch((error) => console.error(`${box.name}: ${error.message}`));
// for scripts/test, which reads node's own words
console.log(`# pass ${passed}\n# fail ${failed}\n# flaky ${flaky}`);
console.log(`${passed} passed, ${failed} failed`);
stop(failed === 0 && passed > 0 ? 0 : 1);
