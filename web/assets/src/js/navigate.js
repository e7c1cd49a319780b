// Boosted links and forms: the next page is fetched and put in place of this one. Here is what a browser does by itself on
// a full load and a swap does not: say that something is going on, put the focus where reading goes on, and fall back to
// a real load wherever a swap is not the right thing.

import { $ } from "./dom.js";
import { toast } from "./toast.js";

const build = document.body.dataset.build;
const SLOW_MS = 180;
let slow;

const boosted = (ctx) => Boolean(ctx?.sourceElement?._htmx?.boosted);
const wholePage = (ctx) => boosted(ctx) || ctx?.sourceElement === document.body;

let latest; // what was clicked last: only its page is shown, in whatever order the answers come

document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  if (!boosted(ctx)) return;
  if (latest?.request.method === "GET") latest.request.abort();
  latest = ctx;
  const button = ctx.request.submitter;
  if (ctx.request.method !== "GET") button?.setAttribute("aria-busy", "true");
  clearTimeout(slow);
  slow = setTimeout(() => { document.documentElement.dataset.loading = ""; }, SLOW_MS);
});

/** Nothing is on its way any more. */
function arrived() {
  clearTimeout(slow);
  delete document.documentElement.dataset.loading;
}

document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  if (!boosted(ctx)) return;
  if (ctx === latest) arrived();
  ctx.request.submitter?.removeAttribute("aria-busy");
});

document.addEventListener("htmx:before:response", (event) => {
  const { ctx } = event.detail;
  if (boosted(ctx) && ctx !== latest) {
    event.preventDefault();
    return;
  }
  const response = ctx.response.raw;
  const isPage = response.headers.get("content-type")?.startsWith("text/html");
  if (wholePage(ctx) && response.status === 401) {
    // Signed out meanwhile: the sign-in page is a page of its own.
    event.preventDefault();
    if (ctx.request.method === "GET") location.assign(ctx.request.action);
    else location.reload();
  } else if (wholePage(ctx)) {
    // A file, or a page of another kind (signed out meanwhile): the browser takes it from here.
    if (!isPage && ctx.request.method === "GET") {
      event.preventDefault();
      location.assign(response.url);
    }
  } else if (!response.ok || response.redirected || !isPage) {
    // A part of this page that cannot be had: what is shown stays. Signed out: the page is asked for as a whole.
    event.preventDefault();
    if (response.status === 401 || (response.redirected && new URL(response.url).pathname.startsWith("/sign-in"))) location.reload();
    else ctx.failed = true;
  }
});

document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (boosted(ctx)) toast("bad", "The box did not answer. Check the connection and try again.");
});

let before = null;
document.addEventListener("htmx:before:swap", ({ detail: { ctx } }) => {
  if (!wholePage(ctx)) return;
  const { id, type, value, selectionStart, selectionEnd } = document.activeElement ?? {};
  before = id ? { id, type, value, selectionStart, selectionEnd } : null;
});

/** The field that had the cursor, with what was typed into a search while its answer was on the way. */
function again() {
  const element = before && document.getElementById(before.id);
  if (element && before.type === "search" && element.type === "search") {
    element.value = before.value;
    element.setSelectionRange(before.selectionStart, before.selectionEnd);
  }
  return element;
}

// As soon as the new page stands.
document.addEventListener("htmx:after:settle", ({ detail: { task } }) => {
  if (task.target !== document.body) return;
  // The form that was sent may be gone with its page, and nobody hears what it says last.
  arrived();
  // Another version of the box answered, or a page without the shell: its own script and nonce belong to it.
  if (document.body.dataset.build !== build || document.body.dataset.kind !== "app") {
    location.reload();
    return;
  }
  const wrong = $("[aria-invalid=true]") ?? $("fieldset[data-invalid] input") ?? $(".banner[role=alert]");
  const target = $("[autofocus]") ?? wrong ?? again() ?? $("#main");
  if (target?.matches(".banner")) target.tabIndex = -1;
  target?.focus({ preventScroll: !target.matches("[aria-invalid]") });
});
