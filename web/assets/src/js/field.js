// Fields: passwords that can be shown and made, filters that apply themselves.

import { $, on } from "./dom.js";

// Without l, 1, I, O and 0, so that it can be read out; 20 of 57 are 116 bits.
const LETTERS = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const LENGTH = 20;

function password() {
  let text = "";
  while (text.length < LENGTH) {
    for (const byte of crypto.getRandomValues(new Uint8Array(LENGTH))) {
      // Bytes past the last whole round are thrown away: each letter is as likely as any other.
      if (byte < 256 - (256 % LETTERS.length) && text.length < LENGTH) text += LETTERS[byte % LETTERS.length];
    }
  }
  return text;
}

function reveal(button, shown) {
  document.getElementById(button.dataset.reveal).type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
}

on("click", "[data-reveal]", (button) => reveal(button, button.getAttribute("aria-pressed") !== "true"));

on("click", "[data-generate]", (button) => {
  const input = document.getElementById(button.dataset.generate);
  input.value = password();
  input.dispatchEvent(new Event("input", { bubbles: true }));
  const eye = $(`[data-reveal="${CSS.escape(input.id)}"]`);
  if (eye) reveal(eye, true);
  input.focus();
  input.select();
});

// Sent as a password again, so that the browser offers to keep it.
document.addEventListener("submit", ({ target }) => {
  for (const button of target.querySelectorAll("[data-reveal][aria-pressed=true]")) reveal(button, false);
}, true);

// Filters of a list apply themselves; words, once the typing pauses.
let pause;
const apply = (input) => { clearTimeout(pause); if (input.form?.isConnected) input.form.requestSubmit(); };
on("change", "form[data-filters] :is(select, input:not([type=search]))", apply);
on("input", "form[data-filters] input[type=search]", (input) => {
  clearTimeout(pause);
  pause = setTimeout(() => apply(input), 300);
});
