// Relative times stay true while a page is open. The words are those of web/src/ui/clock.rs.

import { $$, whenever } from "./dom.js";

const SECOND_MS = 1000;
const QUIET_MS = 20 * SECOND_MS;

function relative(at, now) {
  const seconds = Math.floor(now / 1000) - Math.floor(at / 1000);
  const s = Math.abs(seconds);
  if (s < 45) return "just now";
  const amount =
    s < 5_400 ? `${Math.floor((s + 30) / 60)} min` :
    s < 129_600 ? `${Math.floor((s + 1_800) / 3_600)} h` :
    s < 3_888_000 ? `${Math.floor((s + 43_200) / 86_400)} days` :
    s < 47_304_000 ? `${Math.floor((s + 1_314_000) / 2_628_000)} months` :
    `${Math.floor((s + 15_768_000) / 31_536_000)} years`;
  return seconds > 0 ? `${amount} ago` : `in ${amount}`;
}

function duration(s) {
  return s < 60 ? `${s} s` :
    s < 3_600 ? `${Math.floor(s / 60)} min ${s % 60} s` :
    s < 86_400 ? `${Math.floor(s / 3_600)} h ${Math.floor((s % 3_600) / 60)} min` :
    `${Math.floor(s / 86_400)} days ${Math.floor((s % 86_400) / 3_600)} h`;
}

function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

// The reader's clock may be wrong: what counts is how long ago the server said «now».
const skew = () => {
  const said = Date.parse(document.body.dataset.now);
  return Number.isNaN(said) ? 0 : said - loaded;
};
let loaded = Date.now();
let page = document.body.dataset.now;

function update(selector, words) {
  if (document.body.dataset.now !== page) {
    page = document.body.dataset.now;
    loaded = Date.now();
  }
  const now = Date.now() + skew();
  for (const element of $$(selector)) write(element, words(element, now));
}

const times = () => update("time[data-relative]", (element, now) => relative(Date.parse(element.dateTime), now));
const seconds = (from, to) => duration(Math.max(0, Math.floor((to - from) / 1000)));
const durations = () => {
  update("[data-since]", (element, now) => seconds(Date.parse(element.dataset.since), now));
  update("time[data-until]", (element, now) => seconds(now, Date.parse(element.dateTime)));
};

setInterval(() => { if (!document.hidden) times(); }, QUIET_MS);
setInterval(() => { if (!document.hidden) durations(); }, SECOND_MS);
document.addEventListener("visibilitychange", () => { if (!document.hidden) times(); });
whenever(durations);
