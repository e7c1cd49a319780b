// Live parts. One stream a page says which topics changed; every element with `data-live` naming one of them is fetched anew
// from its `data-src` and morphed. The stream carries no state, so a missed or doubled message does no harm:
//
//   event: changed        data: apps app:postgres     id: 42
//   event: reset          (the server cannot tell what was missed: everything is fetched)
//   : anything            (at least every 20 s, so that a dead connection is noticed)

import { $, $$, whenever } from "./dom.js";
import { follow } from "./log.js";

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 20_000;
const SILENCE_MS = 45_000;
const NOTICE_MS = 3_000;
const HIDDEN_MS = 30_000;
const AGAIN_MS = 1_000;

let lastId = "";
let current = null; // { url, abort }
let notice;
let lost = false;

const topicsOf = (element) => element.dataset.live.split(" ");

/** Opens the stream that this page needs, and closes one that it does not need any more. */
function sync() {
  const base = document.body.dataset.events;
  const topics = [...new Set($$("[data-live]").flatMap(topicsOf))].sort();
  const url = base && topics.length > 0 ? `${base}${base.includes("?") ? "&" : "?"}topics=${encodeURIComponent(topics.join(","))}` : null;
  show(lost);
  if (url === (current?.url ?? null)) return;
  current?.abort.abort();
  current = null;
  if (!url) return;
  current = { url, abort: new AbortController() };
  run(current);
}

async function run(connection) {
  const { url, abort: { signal } } = connection;
  let wait = FIRST_WAIT_MS;
  while (!signal.aborted) {
    try {
      const headers = { Accept: "text/event-stream", ...(lastId && { "Last-Event-ID": lastId }) };
      const response = await fetch(url, { headers, signal, cache: "no-store" });
      if (response.status === 401 || response.redirected) return location.reload();
      if (!response.ok) throw new Error(`the stream answers ${response.status}`);
      up();
      wait = FIRST_WAIT_MS;
      await read(response.body.getReader(), signal);
    } catch {
      // Whatever it was, the answer is the same: try again, more and more patiently.
    }
    if (signal.aborted) return;
    down();
    await pause(wait * (0.7 + Math.random() * 0.6), signal);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
}

async function read(reader, signal) {
  const decoder = new TextDecoder();
  let buffer = "";
  let watchdog;
  try {
    for (;;) {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => reader.cancel(), SILENCE_MS);
      const { done, value } = await reader.read();
      if (done || signal.aborted) return;
      buffer += decoder.decode(value, { stream: true });
      const blocks = buffer.split(/\r?\n\r?\n/);
      buffer = blocks.pop();
      blocks.forEach(take);
    }
  } finally {
    clearTimeout(watchdog);
  }
}

function take(block) {
  const message = { event: "", data: [] };
  for (const line of block.split(/\r?\n/)) {
    const [, field, value] = line.match(/^(\w+):? ?(.*)$/) ?? [];
    if (field === "data") message.data.push(value);
    else if (field === "event") message.event = value;
    else if (field === "id") lastId = value;
  }
  if (message.event === "reset") refreshAll();
  else if (message.event === "changed") changed(new Set(message.data.join(" ").split(/\s+/)));
}

function changed(topics) {
  for (const element of $$("[data-live]")) {
    if (topicsOf(element).some((topic) => topics.has(topic))) refresh(element);
  }
}

const refreshAll = () => $$("[data-live]").forEach(refresh);

/** One fetch at a time per element; what changes meanwhile is fetched right after, once. */
const busy = new WeakMap();
async function refresh(element) {
  if (!element.dataset.src) return;
  if (busy.has(element)) {
    busy.set(element, true);
    return;
  }
  busy.set(element, false);
  try {
    if (element.matches("[data-log]")) await follow(element);
    else await htmx.ajax("GET", element.dataset.src, { source: element, target: element, swap: "outerMorph" });
  } catch {
    later(element);
  } finally {
    const again = busy.get(element);
    busy.delete(element);
    if (again && element.isConnected) refresh(element);
  }
}

/** What could not be fetched although the stream told of it would stay old: the stream does not tell it twice. */
function later(element) {
  setTimeout(() => { if (element.isConnected && !lost) refresh(element); }, AGAIN_MS);
}
document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (ctx?.sourceElement?.matches?.("[data-live]")) later(ctx.sourceElement);
});

function up() {
  clearTimeout(notice);
  notice = undefined;
  if (lost) refreshAll();
  show(false);
}

function down() {
  notice ??= setTimeout(() => show(true), NOTICE_MS);
}

function show(isLost) {
  lost = isLost;
  const box = $("#offline");
  if (box) box.hidden = !isLost;
}

let wake = null;
function pause(ms, signal) {
  return new Promise((resolve) => {
    wake = resolve;
    setTimeout(resolve, ms);
    signal.addEventListener("abort", resolve, { once: true });
  });
}
addEventListener("online", () => wake?.());

// A page that nobody looks at does not hold a stream; coming back goes on from the last message.
let hidden;
document.addEventListener("visibilitychange", () => {
  clearTimeout(hidden);
  if (document.hidden) {
    hidden = setTimeout(() => { current?.abort.abort(); current = null; }, HIDDEN_MS);
  } else {
    sync();
    wake?.();
  }
});
addEventListener("pagehide", () => current?.abort.abort());
addEventListener("pageshow", (event) => { if (event.persisted) { current = null; sync(); refreshAll(); } });

whenever(sync);
document.addEventListener("orbitr:live", sync);
