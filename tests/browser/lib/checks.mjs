// What must be true of every page.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const axeSource = readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe-core finds wrong, one line each; empty when all is well. */
export async function accessibility(page) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(await axeSource);
  const violations = await page.evaluate(async () => {
    const found = await globalThis.axe.run(document, { resultTypes: ["violations"] });
    return found.violations.map(({ id, help, nodes }) => ({
      id, help, nodes: nodes.map(({ target, failureSummary }) => `${target.join(" ")}: ${failureSummary.replace(/\s+/g, " ")}`),
    }));
  });
  return violations.map(({ id, help, nodes }) => `axe ${id}: ${help}\n  ${nodes.slice(0, 4).join("\n  ")}${nodes.length > 4 ? `\n  and ${nodes.length - 4} more` : ""}`);
}

/** What reaches over the right edge of the window, widest first; empty when nothing can be scrolled sideways. */
export function sideways(page) {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const over = [...document.body.querySelectorAll("*")]
      .map((element) => [element.getBoundingClientRect(), element])
      .filter(([box, element]) => box.right > width + 0.5 && box.width > 0 && element.checkVisibility())
      .sort(([a], [b]) => b.right - a.right);
    const name = (element) => `${element.tagName.toLowerCase()}${element.id && `#${element.id}`}.${element.getAttribute("class") ?? ""}`;
    return [`scrolls sideways: ${document.documentElement.scrollWidth} px in a window of ${width}`,
      ...over.slice(0, 4).map(([box, element]) => `  ${name(element)} reaches to ${Math.round(box.right)}`)];
  });
}

/** Fields that no words belong to, headings that are not there, ids that are there twice. */
export function structure(page) {
  return page.evaluate(() => {
    const wrong = [];
    const shown = (element) => element.checkVisibility();
    for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
      // only there for password managers
      if (field.closest("[aria-hidden=true]")) continue;
      const words = [...(field.labels ?? [])].map((label) => label.textContent.trim()).join("") || field.ariaLabel
        || (field.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join("");
      if (!words) wrong.push(`no label: ${field.outerHTML.slice(0, 120)}`);
    }
    for (const button of document.querySelectorAll("button, a[href]")) {
      if (shown(button) && !(button.textContent.trim() || button.ariaLabel)) wrong.push(`no words: ${button.outerHTML.slice(0, 120)}`);
    }
    const headings = [...document.querySelectorAll("h1")].filter(shown);
    if (headings.length !== 1) wrong.push(`${headings.length} headings of the first level`);
    const ids = new Map();
    for (const { id } of document.querySelectorAll("[id]")) ids.set(id, (ids.get(id) ?? 0) + 1);
    for (const [id, count] of ids) if (count > 1) wrong.push(`the id «${id}» is there ${count} times`);
    if (!document.title.includes(" · ")) wrong.push(`title: ${document.title}`);
    if (document.querySelector("[style], style:not([nonce])")) wrong.push("inline style");
    return wrong;
  });
}
