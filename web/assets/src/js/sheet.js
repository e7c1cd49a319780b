// Dialog and drawer: the page behind a link, shown over this one. The link says which (`data-open`), its page holds the part
// to show (`data-sheet`); where that part is missing the link is simply followed.

import { $, on } from "./dom.js";

// Before htmx sees the click.
on("click", "a[data-open]", (link, event) => {
  const sheet = $("#sheet");
  if (!sheet || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  event.stopPropagation();
  if (new URL(link.href).pathname === location.pathname) return;
  open(sheet, link);
}, true);

async function open(sheet, link) {
  const body = $("#sheet-body", sheet);
  await htmx.ajax("GET", link.getAttribute("href"), {
    source: sheet, target: body, swap: "innerHTML", select: "[data-sheet]", push: "false",
  });
  const part = $("[data-sheet]", body);
  if (!part) {
    location.assign(link.href);
    return;
  }
  for (const menu of document.querySelectorAll("[popover]:popover-open")) menu.hidePopover();
  sheet.dataset.kind = link.dataset.open;
  sheet.setAttribute("aria-label", $("h1", part)?.textContent ?? "");
  if (!sheet.open) sheet.showModal();
  // The first thing to fill in, otherwise the dialog itself: never the button that destroys.
  ($("[autofocus], input:not([type=hidden]), textarea, select", part) ?? sheet).focus();
  document.dispatchEvent(new CustomEvent("orbitr:live"));
}

on("click", "[data-close-sheet]", (button, event) => {
  const dialog = button.closest("dialog");
  if (!dialog) return;
  event.preventDefault();
  event.stopPropagation();
  dialog.close();
}, true);

// A click beside it closes it.
on("click", "dialog", (dialog, event) => {
  if (event.target !== dialog) return;
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  const inside = event.clientX >= left && event.clientX <= right && event.clientY >= top && event.clientY <= bottom;
  if (!inside) dialog.close();
});

document.addEventListener("close", ({ target }) => {
  if (target.id !== "sheet") return;
  $("#sheet-body", target).replaceChildren();
  document.dispatchEvent(new CustomEvent("orbitr:live"));
}, true);
