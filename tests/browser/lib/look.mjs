// Looking at a page as people do: by day and by night, on a wide screen and on a phone.

import { picture } from "./browser.mjs";
import { accessibility, sideways, structure } from "./checks.mjs";

const SIZES = [[1440, 900], [390, 844]];
const NARROWEST = 360;

/** Looks at the page that is open, in every theme and size, and takes its pictures. Gives all that is wrong. */
export async function look({ page, watch }, name) {
  const { width: usual, height } = page.viewportSize();
  const wrong = (await structure(page)).map((text) => `${name}: ${text}`);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const [width, height] of SIZES) {
      await page.setViewportSize({ width, height });
      const where = `${name} ${colorScheme} ${width}`;
      // each theme and each width once: axe is most of the time that these tests take
      if ((width > 1000) === (colorScheme === "light")) {
        for (const text of await accessibility(page)) wrong.push(`${where}: ${text}`);
      }
      for (const text of await sideways(page)) wrong.push(`${where}: ${text}`);
      await picture(page, `${name}-${width}-${colorScheme}`);
    }
  }
  await page.setViewportSize({ width: NARROWEST, height: 780 });
  for (const text of await sideways(page)) wrong.push(`${name} ${NARROWEST}: ${text}`);
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await page.setViewportSize({ width: usual, height });
  wrong.push(...watch.said.splice(0).map((text) => `${name}: ${text}`));
  return wrong;
}
