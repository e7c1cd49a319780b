// A page that leads on by itself (shell/mod.rs, GoesOn): it is left only when the other one answers, whatever it says, so that
// nobody is left with the browser's own error page while the box starts again.

const ANSWER_MS = 30_000;
/** Then the browser goes there without an answer: one that came up with another certificate answers only to a navigation. */
const PATIENCE_MS = 300_000;

async function goOn({ goesOnTo, goesOnAfter }) {
  const until = performance.now() + PATIENCE_MS;
  for (let answered = false; !answered && performance.now() < until;) {
    await new Promise((resolve) => setTimeout(resolve, Number(goesOnAfter) * 1_000));
    answered = await fetch(goesOnTo, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) }).then(() => true, () => false);
  }
  location.replace(goesOnTo);
}

goOn(document.currentScript.dataset);
