// Log views: follow the end, and never hold more than some hundred lines in the page.

import { $, $$, make, on, whenever } from "./dom.js";

const MOST_LINES = 500;
const MOST_FETCHES = 40;

/** Fetches what has been written since, as JSON, and shows it line by line. */
export async function follow(log) {
  for (let fetches = 0; fetches < MOST_FETCHES; fetches += 1) {
    const url = new URL(log.dataset.src, location.href);
    url.searchParams.set("from", log.dataset.next);
    const response = await fetch(url, { headers: { Accept: "application/json" }, cache: "no-store" });
    if (!response.ok) return;
    const { text, next, ended } = await response.json();
    append(log, text);
    const more = String(next) !== log.dataset.next && text !== "";
    log.dataset.next = next;
    if (ended) {
      log.removeAttribute("data-live");
      $(".log-follow", log)?.remove();
      document.dispatchEvent(new CustomEvent("orbitr:live"));
      return;
    }
    if (!more) return;
  }
}

function append(log, text) {
  if (text === "") return;
  const lines = $(".log-lines", log);
  $(".log-none", lines)?.remove();
  const fresh = text.replace(/\n$/, "").split("\n");
  lines.append(...fresh.slice(-MOST_LINES).map((line) => make("div", line)));
  const surplus = lines.childElementCount - MOST_LINES;
  if (surplus > 0) {
    $$(":scope > :not(.log-cut)", lines).slice(0, surplus).forEach((line) => line.remove());
    if (!$(".log-cut", lines)) lines.prepend(make("div", "Earlier lines are in the download.", { class: "log-cut" }));
  }
  if ($("[data-follow]", log)?.checked) lines.scrollTop = lines.scrollHeight;
}

// Scrolling up means reading: following stops. Scrolling to the end means watching: it goes on.
document.addEventListener("scroll", ({ target }) => {
  if (!target.matches?.(".log-lines")) return;
  const box = $("[data-follow]", target.parentElement);
  if (box) box.checked = target.scrollHeight - target.scrollTop - target.clientHeight < 24;
}, { capture: true, passive: true });

on("change", "[data-follow]", (box) => {
  const lines = $(".log-lines", box.closest("[data-log]"));
  if (box.checked) lines.scrollTop = lines.scrollHeight;
});

// A log begins at its end; one in a drawer, as soon as the drawer is open.
const seen = new WeakSet();
function begin() {
  for (const lines of $$(".log-lines")) {
    if (seen.has(lines) || lines.clientHeight === 0) continue;
    seen.add(lines);
    lines.scrollTop = lines.scrollHeight;
  }
}
whenever(begin);
document.addEventListener("orbitr:live", begin);
