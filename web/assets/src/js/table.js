// Tables that are whole on the page: filter, sort, tick all. Done again after each live change.

import { $, $$, on, whenever } from "./dom.js";

const bodyRows = (box) => $$("tbody tr", box);
const order = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

function filter(box) {
  const input = $("[data-table-filter]", box);
  if (!input) return;
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = bodyRows(box);
  let shown = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    if (!row.hidden) shown += 1;
  }
  const found = $("[data-table-found]", box);
  if (found) found.textContent = words.length > 0 ? `${shown} of ${rows.length}` : "";
}

function sort(box, index, direction) {
  const sign = direction === "descending" ? -1 : 1;
  const value = (row) => row.cells[index]?.dataset.value ?? row.cells[index]?.textContent.trim() ?? "";
  const rows = bodyRows(box).map((row) => [value(row), row]);
  rows.sort(([a], [b]) => sign * order.compare(a, b));
  $("tbody", box).append(...rows.map(([, row]) => row));
}

on("input", "[data-table-filter]", (input) => filter(input.closest("[data-table]")));
on("keydown", "[data-table-filter]", (input, event) => {
  if (event.key !== "Escape" || input.value === "") return;
  event.preventDefault();
  input.value = "";
  filter(input.closest("[data-table]"));
});

// What a table is sorted by is remembered beside it, because a live change brings the heads of the server back.
const chosen = new WeakMap();
on("click", "[data-sort]", (button) => {
  const box = button.closest("[data-table]");
  const head = button.closest("th");
  const direction = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  chosen.set(box, { index: head.cellIndex, direction });
  apply(box);
});

function apply(box) {
  const choice = chosen.get(box);
  if (choice) {
    for (const head of $$("th", box)) head.removeAttribute("aria-sort");
    $$("th", box)[choice.index]?.setAttribute("aria-sort", choice.direction);
    sort(box, choice.index, choice.direction);
  }
  filter(box);
}

const ticks = (box) => $$("tbody .table-tick input", box).filter((tick) => !tick.closest("tr").hidden);
function count(box) {
  const bulk = $("[data-bulk]", box);
  if (bulk) bulk.toggleAttribute("data-any", ticks(box).some((tick) => tick.checked));
}
on("change", "[data-tick-all]", (all) => {
  const box = all.closest("[data-table]");
  for (const tick of ticks(box)) tick.checked = all.checked;
  count(box);
});
on("change", ".table-tick input", (tick) => count(tick.closest("[data-table]")));

whenever(() => $$("[data-table]").forEach((box) => { apply(box); count(box); }));
