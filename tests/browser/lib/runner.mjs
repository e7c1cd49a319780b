// A small runner: suites are lists of tests that build on each other, so a failure ends its suite, and what was not
// reached counts as failed. Suites run side by side as far as asked. One that fails so is begun anew, alone: on a busy
// machine a browser may be late for once. It is counted as it ended then, and as flaky.

const tests = [];
const began = Date.now();

/** A group of tests that share a box. `setup` gives what each test gets; `teardown` gets it too. */
export function suite(name, { setup, teardown, failed }) {
  const own = { name, setup, teardown, failed, tests: [] };
  tests.push(own);
  return (title, run, { limit = 60_000, independent = false } = {}) => own.tests.push({ title, run, limit, independent });
}

function within(limit, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${limit / 1000} s`)), limit);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;

/** Runs a suite; how many of its tests passed and failed. */
async function runSuite(one) {
  const tally = { passed: 0, failed: 0 };
  let given;
  const fail = async (title, error, since) => {
    tally.failed += 1;
    console.log(`not ok  ${one.name}: ${title} (${seconds(since)})`);
    console.log(String(error.stack ?? error).replace(/^/gm, "        "));
    try {
      await within(15_000, Promise.resolve(one.failed?.(given, title)));
    } catch (second) {
      console.log(`        (and looking at it failed too: ${second.message})`);
    }
  };
  const start = Date.now();
  try {
    given = await within(90_000, one.setup());
  } catch (error) {
    await fail("begins", error, start);
    tally.failed += one.tests.length;
    return tally;
  }
  let broken = null;
  for (const { title, run, limit, independent } of one.tests) {
    const since = Date.now();
    if (broken && !independent) {
      tally.failed += 1;
      console.log(`not ok  ${one.name}: ${title} (not reached: it builds on «${broken}»)`);
      continue;
    }
    try {
      await within(limit, run(given));
      tally.passed += 1;
      console.log(`ok      ${one.name}: ${title} (${seconds(since)})`);
    } catch (error) {
      if (!independent) broken ??= title;
      await fail(title, error, since);
    }
  }
  try {
    await within(60_000, Promise.resolve(one.teardown?.(given)));
  } catch (error) {
    await fail("ends", error, Date.now());
  }
  return tally;
}

/** Runs all suites whose name holds one of `only` (all when empty), `width` at a time. Gives the counts. */
export async function runAll(only, width) {
  const tally = { passed: 0, failed: 0, flaky: 0 };
  const waiting = tests.filter(({ name }) => only.length === 0 || only.some((word) => name.includes(word)));
  const again = [];
  const count = ({ passed, failed }) => {
    tally.passed += passed;
    tally.failed += failed;
  };
  const worker = async () => {
    for (let one = waiting.shift(); one; one = waiting.shift()) {
      const found = await runSuite(one);
      if (found.failed > 0) again.push(one);
      else count(found);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  for (const one of again) {
    console.log(`# ${one.name} failed; once more, alone`);
    const found = await runSuite(one);
    if (found.failed === 0) tally.flaky += 1;
    count(found);
  }
  console.log(`# ${seconds(began)}`);
  return tally;
}

/** Asks until the answer is true; the error tells the last answer. */
export async function eventually(what, limit, ask) {
  const end = Date.now() + limit;
  for (;;) {
    let last;
    try {
      last = await ask();
      if (last) return last;
    } catch (error) {
      // what cannot come right any more is not waited for
      if (error.final) throw error;
      last = error.message;
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${limit / 1000} s (last: ${JSON.stringify(last)})`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
