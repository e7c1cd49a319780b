// Palette: Ctrl/Cmd-K, type, arrow keys, Enter. The server searches; the rows are ordinary links and forms.

import { $, $$, on } from "./dom.js";

const PAUSE_MS = 60;
const AGAIN_MS = 2_000;
let timer;
let shown = null; // the word whose answer is shown
let chosenAhead = false; // Enter was pressed before the answer to what is typed was there
let held = null; // where the item with the focus leads: an answer that comes late takes the element away

export function openPalette() {
  const dialog = $("#palette");
  if (!dialog || dialog.open) return false;
  for (const other of $$("dialog[open]")) other.close();
  dialog.showModal();
  const input = $("#palette-input");
  input.value = "";
  shown = held = null;
  chosenAhead = false;
  input.focus();
  search();
  return true;
}

function search() {
  clearTimeout(timer);
  const input = $("#palette-input");
  if (!input) return;
  const word = input.value.trim();
  htmx.ajax("GET", `/palette?q=${encodeURIComponent(word)}`, { source: input, target: "#palette-box", swap: "innerHTML" });
  // An answer may get lost on the way.
  timer = setTimeout(catchUp, AGAIN_MS);
}

const typed = () => $("#palette-input")?.value.trim();

/** What is shown must be the answer to what is typed, whichever question was dropped or overtaken. */
function catchUp() {
  if ($("#palette")?.open && shown !== typed()) search();
}

/** Chooses the first item, of the answer to what is typed and never of the one before it. */
function choose() {
  chosenAhead = shown !== typed();
  if (!chosenAhead) $(".palette-item", $("#palette"))?.click();
}

const leadsTo = (item) => item.getAttribute("href") ?? item.textContent.trim();

/** Gives the focus back to the item that had it, or to the words if it is not among the new ones. */
function holdOn() {
  const dialog = $("#palette");
  if (!dialog?.open || dialog.contains(document.activeElement)) return;
  ($$(".palette-item", dialog).find((item) => leadsTo(item) === held) ?? $("#palette-input")).focus();
}

document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (ctx?.sourceElement?.id !== "palette-input") return;
  shown = new URL(ctx.request.action, location.href).searchParams.get("q");
  holdOn();
  // not before htmx knows the new links
  if (chosenAhead) setTimeout(() => $("#palette")?.open && chosenAhead && choose());
  catchUp();
});

on("focusin", "#palette", (dialog, { target }) => {
  const item = target.closest(".palette-item");
  held = item && leadsTo(item);
});

on("click", "a[data-palette]", (link, event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  event.stopPropagation();
  openPalette();
}, true);

on("input", "#palette-input", () => {
  chosenAhead = false;
  clearTimeout(timer);
  timer = setTimeout(search, PAUSE_MS);
});

on("keydown", "#palette", (dialog, event) => {
  const input = $("#palette-input");
  const items = $$(".palette-item", dialog);
  const at = items.indexOf(document.activeElement);
  const go = (index) => { event.preventDefault(); (items[index] ?? input).focus(); };
  if (event.key === "ArrowDown") go(Math.min(at + 1, items.length - 1));
  else if (event.key === "ArrowUp") go(at - 1);
  else if (event.key === "Home" && at >= 0) go(0);
  else if (event.key === "End" && at >= 0) go(items.length - 1);
  else if (event.key === "Enter" && event.target === input) {
    event.preventDefault();
    choose();
  } else if (at >= 0 && (event.key.length === 1 || event.key === "Backspace") && !event.ctrlKey && !event.metaKey && event.key !== " ") input.focus();
});

// The palette is gone as soon as something was chosen, not only when the next page is there.
on("click", "#palette .palette-item", () => setTimeout(() => $("#palette")?.close()));
