// Keys: Ctrl/Cmd-K palette, ? help, / filter, g and a letter goes to a section, one letter presses a button of this page.

import { $, $$, isTyping, make, on } from "./dom.js";
import { openPalette } from "./palette.js";

const CHORD_MS = 1200;
let chord = 0;

const visible = (element) => element.checkVisibility?.() ?? true;

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event)) return;
  if ($("dialog[open]")) return;
  const key = event.key;
  const going = event.timeStamp - chord < CHORD_MS && chord > 0;
  chord = 0;
  const target = going
    ? $(`[data-go="${CSS.escape(key)}"]`)
    : key === "/" ? $$("[data-slash]").find(visible) : $$("[data-key]").find((button) => button.dataset.key === key && visible(button));
  if (!going && key === "g") chord = event.timeStamp;
  else if (!going && key === "?") help();
  else if (target) {
    if (key === "/" && !going) { target.focus(); target.select?.(); } else target.click();
  } else return;
  event.preventDefault();
});

function help() {
  const dialog = $("#shortcuts");
  if (!dialog) return;
  const rows = $$("[data-key]").filter(visible).map((button) => {
    const row = make("div");
    const keys = make("dt");
    keys.append(make("kbd", button.dataset.key));
    row.append(keys, make("dd", button.textContent.trim()));
    return row;
  });
  $("#shortcuts-here").replaceChildren(...rows);
  for (const menu of $$("[popover]:popover-open")) menu.hidePopover();
  dialog.showModal();
}

on("click", "[data-shortcuts]", help);
