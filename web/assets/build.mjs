// Called by scripts/assets, which sees to the packages: bundles, minifies, compresses and lists what the
// browser loads. The output depends on nothing but src/ and the lock file, so MANIFEST.json is committed
// and `scripts/assets --check` compares it.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const packages = join(here, "vendor/node_modules");
const dist = join(here, "dist");
const www = join(dist, "www");
const manifestFile = join(here, "MANIFEST.json");

/** Where the browser asks for a file: the hash makes each version its own address (see web/src/assets.rs). */
const url = (name, bytes) => `/assets/${sha256(bytes).slice(0, 8)}/${name}`;
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const version = (name) => JSON.parse(readFileSync(join(packages, name, "package.json"), "utf8")).version;
const source = (name) => `${name}@${version(name)}`;

/** Compressed with brotli: text only, fonts are compressed already. */
const COMPRESSED = /\.(css|js|svg|txt|webmanifest)$/;

if (process.argv.includes("--verify")) {
  verify();
} else {
  await build();
}

async function build() {
  const files = new Map(); // name -> { bytes, source }
  const add = (name, bytes, from) => files.set(name, { bytes: Buffer.from(bytes), source: from });

  const fontCss = fonts(add);
  for (const name of readdirSync(join(here, "src/img"))) {
    add(name, readFileSync(join(here, "src/img", name)), "own");
  }

  const { build: bundle } = createRequire(join(here, "vendor/"))("esbuild");
  const options = {
    bundle: true, minify: true, write: false, target: ["chrome120", "firefox120", "safari17.4"],
    legalComments: "none", logLevel: "warning", nodePaths: [packages], absWorkingDir: here,
  };
  const script = await bundle({ ...options, entryPoints: ["src/js/app.js"], format: "iife" });
  add("app.js", script.outputFiles[0].contents, `own + ${source("htmx.org")}`);
  const style = await bundle({ ...options, entryPoints: ["src/css/app.css"] });
  add("app.css", fontCss + style.outputFiles[0].text, "own");

  add("LICENSES.txt", licences(), "the packages");
  put(dist, "icons.rs", Buffer.from(icons()));

  const manifest = {};
  for (const name of [...files.keys()].sort()) {
    const { bytes, source } = files.get(name);
    manifest[name] = { sha256: sha256(bytes), bytes: bytes.length, source };
    put(www, name, bytes);
    if (COMPRESSED.test(name)) {
      put(www, `${name}.br`, brotliCompressSync(bytes, { params: {
        [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      } }));
    }
  }
  for (const name of readdirSync(www)) {
    if (!files.has(name.replace(/\.br$/, ""))) rmSync(join(www, name), { recursive: true });
  }
  if (!process.argv.includes("--keep-manifest")) writeFileSync(manifestFile, JSON.stringify(manifest, null, 2) + "\n");
  report(files);
}

/** Renamed into place, so that a compiler or a running debug build never reads half a file. */
function put(folder, name, bytes) {
  mkdirSync(folder, { recursive: true });
  const target = join(folder, name);
  if (existsSync(target) && readFileSync(target).equals(bytes)) return;
  const fresh = join(dist, `.${name}.new`);
  writeFileSync(fresh, bytes);
  renameSync(fresh, target);
}

/** The @font-face rules of the subsets we ship, pointing at the copies under our own names. */
function fonts(add) {
  const subsets = ["latin", "latin-ext", "cyrillic"];
  const faces = [
    { pkg: "@fontsource-variable/inter", css: "opsz.css", axis: "opsz", family: "Inter", file: "inter" },
    { pkg: "@fontsource-variable/jetbrains-mono", css: "index.css", axis: "wght", family: "JetBrains Mono", file: "mono" },
  ];
  let css = "";
  for (const { pkg, css: sheet, axis, family, file } of faces) {
    const blocks = readFileSync(join(packages, pkg, sheet), "utf8").split("@font-face").slice(1);
    for (const subset of subsets) {
      const from = `${basename(pkg)}-${subset}-${axis}-normal.woff2`;
      const range = blocks.find((block) => block.includes(`/${from})`))?.match(/unicode-range:\s*([^;]+);/)?.[1];
      if (!range) throw new Error(`${pkg}/${sheet} has no subset ${subset}`);
      const bytes = readFileSync(join(packages, pkg, "files", from));
      const name = `${file}-${subset}.woff2`;
      add(name, bytes, source(pkg));
      css += `@font-face{font-family:"${family}";font-style:normal;font-weight:100 900;font-display:swap;` +
        `src:url(${url(name, bytes)}) format("woff2");unicode-range:${range}}\n`;
    }
  }
  return css;
}

/** A Rust enum of the icons in use, drawn by lucide, without width, height and colour. */
function icons() {
  const names = readFileSync(join(here, "src/icons.txt"), "utf8").split("\n").filter((line) => line && !line.startsWith("#"));
  const variant = (name) => name.split("-").map((word) => word[0].toUpperCase() + word.slice(1)).join("");
  const body = (name) => readFileSync(join(packages, "lucide-static/icons", `${name}.svg`), "utf8")
    .replace(/^[\s\S]*?<svg[^>]*>/, "").replace(/<\/svg>\s*$/, "").replace(/\s+/g, " ").replace(/ \/>/g, "/>").replace(/> </g, "><").trim();
  const lines = names.map((name) => ({ name, variant: variant(name), body: body(name) }));
  return [
    "// Made by scripts/assets from src/icons.txt and lucide-static (ISC); do not edit.",
    "/// A picture of one line's height, in the colour of the text beside it.",
    "#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]",
    "pub enum Icon {",
    ...lines.map(({ name, variant }) => `    /// lucide's \`${name}\`.\n    ${variant},`),
    "}",
    "impl Icon {",
    "    /// Every icon, in the order of their names.",
    `    pub const ALL: [Self; ${lines.length}] = [${lines.map(({ variant }) => `Self::${variant}`).join(", ")}];`,
    "    /// lucide's name of it.",
    "    #[must_use]",
    "    pub const fn name(self) -> &'static str {",
    "        match self {",
    ...lines.map(({ name, variant }) => `            Self::${variant} => "${name}",`),
    "        }",
    "    }",
    "    /// What stands between <svg> and </svg>, drawn on a field of 24 by 24.",
    "    pub(crate) const fn paths(self) -> &'static str {",
    "        match self {",
    ...lines.map(({ variant, body }) => `            Self::${variant} => r#"${body}"#,`),
    "        }",
    "    }",
    "}",
    "",
  ].join("\n");
}

function licences() {
  const shipped = ["htmx.org", "@fontsource-variable/inter", "@fontsource-variable/jetbrains-mono", "lucide-static"];
  const parts = shipped.map((name) =>
    `${"=".repeat(78)}\n${source(name)}\n${"=".repeat(78)}\n\n${readFileSync(join(packages, name, "LICENSE"), "utf8").trim()}\n`);
  return `The admin UI of Orbitr OS ships the following works of others, each under its own licence.\n\n${parts.join("\n")}`;
}

function verify() {
  const manifest = JSON.parse(readFileSync(manifestFile, "utf8"));
  const wrong = [];
  for (const [name, { sha256: wanted }] of Object.entries(manifest)) {
    const file = join(www, name);
    if (!existsSync(file)) wrong.push(`${name} is missing`);
    else if (sha256(readFileSync(file)) !== wanted) wrong.push(`${name} differs`);
  }
  for (const name of readdirSync(www)) {
    if (!name.endsWith(".br") && !(name in manifest)) wrong.push(`${name} is not in MANIFEST.json`);
  }
  if (wrong.length > 0) {
    console.error(`assets: dist is not what MANIFEST.json says:\n  ${wrong.join("\n  ")}`);
    console.error("assets: run scripts/assets --force, and commit web/assets/MANIFEST.json if the change is meant");
    process.exit(1);
  }
}

function report(files) {
  for (const name of ["app.css", "app.js"]) {
    const plain = files.get(name).bytes.length;
    const packed = readFileSync(join(www, `${name}.br`)).length;
    console.log(`assets: ${name} ${(plain / 1000).toFixed(1)} kB, ${(packed / 1000).toFixed(1)} kB compressed`);
  }
}
