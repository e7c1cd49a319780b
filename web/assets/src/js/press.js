// A press is worth what was under it. Between pressing and letting go nothing is put in, or the click would fall on what
// came in between, or on nothing at all: what arrives meanwhile waits until the click is through. And where a live change
// gives a form another meaning, what the form did before does not stand in its way.

const LONGEST_MS = 1_000; // whoever holds longer does not click

let pressed = false;
let limit;
let waiting = []; // what has arrived meanwhile, as htmx knows it

function press() {
  pressed = true;
  clearTimeout(limit);
  limit = setTimeout(release, LONGEST_MS);
}

/** The click comes right after the release, in the same task or the next. */
function release() {
  if (!pressed) return;
  clearTimeout(limit);
  setTimeout(() => {
    pressed = false;
    const arrived = waiting;
    waiting = [];
    for (const ctx of arrived) if (ctx.target?.isConnected !== false) htmx.swap(ctx);
  });
}

const capture = { capture: true, passive: true };
addEventListener("pointerdown", press, capture);
for (const type of ["pointerup", "pointercancel", "dragend", "blur"]) addEventListener(type, release, capture);
const isSpace = (event) => event.key === " " && event.target.closest?.("button, summary");
addEventListener("keydown", (event) => { if (isSpace(event)) press(); }, capture);
addEventListener("keyup", (event) => { if (event.key === " ") release(); }, capture);

htmx.registerExtension("orbitr-press", {
  htmx_before_swap: (_, { ctx }) => {
    if (!pressed) return true;
    waiting.push(ctx);
    return false;
  },
  // Asked before the attribute changes: htmx drops a second press while a form's request is under way.
  htmx_before_morph_attr: (element, { attrName }) => {
    if (element.tagName === "FORM" && attrName === "action") delete element._htmx_state;
    return true;
  },
});
