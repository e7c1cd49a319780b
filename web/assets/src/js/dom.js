// What every island needs.

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Calls `then(element, event)` when the event comes from inside an element that matches. */
export function on(type, selector, then, options) {
  document.addEventListener(type, (event) => {
    const element = event.target.closest?.(selector);
    if (element) then(element, event);
  }, options);
}

/** Calls `then` now, and again each time htmx has put something in. */
export function whenever(then) {
  then();
  document.addEventListener("htmx:after:swap", then);
}

/** Whether a key belongs to the field that has the cursor. */
export const isTyping = (event) => event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

/** An element by name and text, never by HTML. */
export function make(name, text = "", attributes = {}) {
  const element = document.createElement(name);
  element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
