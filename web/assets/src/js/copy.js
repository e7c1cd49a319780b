// Copy buttons.

import { $, $$, on } from "./dom.js";
import { toast } from "./toast.js";

const DONE_MS = 1_400;

async function copy(text) {
  if (navigator.clipboard && isSecureContext) return navigator.clipboard.writeText(text);
  // Without a secure context only the old way is left.
  const area = document.createElement("textarea");
  area.value = text;
  area.readOnly = true;
  area.className = "sr-only";
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("not copied");
}

async function press(button, text) {
  try {
    await copy(text);
    button.dataset.done = "";
    setTimeout(() => delete button.dataset.done, DONE_MS);
    toast("good", "Copied");
  } catch {
    toast("bad", "This browser did not let the page copy. Select the text and copy it by hand.");
  }
}

on("click", "[data-copy]", (button) => press(button, button.dataset.copy));
on("click", "[data-copy-from]", (button) => {
  const log = document.getElementById(button.dataset.copyFrom);
  press(button, $$(".log-lines > :not(.log-none, .log-cut)", $("body")).filter((line) => log.contains(line)).map((line) => line.textContent).join("\n"));
});
