// Theme and sidebar change at once, without asking the box; the cookies are those of web/src/prefs.rs.

import { $$, on } from "./dom.js";

const OTHER = { wide: "narrow", narrow: "wide" };

on("submit", "form[data-prefs]", (form, event) => {
  const name = form.dataset.prefs;
  const value = event.submitter?.value;
  if (!value) return;
  event.preventDefault();
  event.stopPropagation();
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `orbitr-${name}=${value}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  document.documentElement.dataset[name] = value;
  for (const button of $$(`form[data-prefs="${name}"] button`)) {
    // The palette's are no switches.
    if (name === "theme") button.hasAttribute("aria-pressed") && button.setAttribute("aria-pressed", String(button.value === value));
    else button.value = OTHER[value];
  }
}, true);
