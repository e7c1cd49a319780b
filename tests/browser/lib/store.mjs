// A store of the machine's owner, with the official nginx in some version of it.

import assert from "node:assert/strict";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import { ROOT } from "./box.mjs";

/** The version that the box brings along. */
export const OLD = "1.28.0";

/** Puts it into the folder; `change` may bend the text of its manifest. */
export async function publish(folder, version, change = (text) => text) {
  const at = path.join(folder, "nginx");
  await rm(at, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await cp(path.join(ROOT, "extensions/catalog/nginx"), at, { recursive: true });
  const manifest = path.join(at, "extension.yaml");
  const text = await readFile(manifest, "utf8");
  assert.ok(text.includes(`version: "${OLD}"`), "the official nginx has another version by now");
  await writeFile(manifest, change(text.replace(`version: "${OLD}"`, `version: "${version}"`)));
}
