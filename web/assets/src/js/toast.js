// Messages at the page's edge: go away by themselves unless somebody is at them.

import { $, $$, on, whenever } from "./dom.js";

const SHOWN_MS = 7_000;
const LEAVING_MS = 220;

/** Shows a message: tone «good» or «bad». */
export function toast(tone, text) {
  const template = $(`[data-toast-template="${tone}"]`);
  if (!template) return;
  const element = template.content.firstElementChild.cloneNode(true);
  $("p", element).textContent = text;
  $("#toasts").append(element);
  start(element);
}

function start(element) {
  if (element.dataset.toast === "on") return;
  element.dataset.toast = "on";
  let timer;
  const wait = () => { timer = setTimeout(() => leave(element), SHOWN_MS); };
  const stay = () => clearTimeout(timer);
  for (const type of ["pointerenter", "focusin"]) element.addEventListener(type, stay);
  for (const type of ["pointerleave", "focusout"]) element.addEventListener(type, wait);
  wait();
}

function leave(element) {
  element.dataset.leaving = "";
  setTimeout(() => element.remove(), LEAVING_MS);
}

on("click", "[data-toast] [data-close]", (button) => leave(button.closest("[data-toast]")));
whenever(() => $$("#toasts > [data-toast]").forEach(start));
