// Something that stands between two programs and can be cut.

import { rm } from "node:fs/promises";
import { connect, createServer } from "node:net";

/** What comes to `here` (a port or a path) goes on to `there`; `close` cuts all of it, `open` lets it through again. */
export async function relay(here, there) {
  const streams = new Set();
  let server;
  const open = async () => {
    if (typeof here === "string") await rm(here, { force: true });
    server = createServer((visitor) => {
      const target = connect(there);
      for (const [one, other] of [[visitor, target], [target, visitor]]) {
        streams.add(one);
        one.pipe(other);
        one.on("error", () => other.destroy());
        one.on("close", () => { streams.delete(one); other.destroy(); });
      }
    });
    await new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(typeof here === "string" ? { path: here } : { port: here, host: "127.0.0.1" }, resolve);
    });
  };
  const close = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const stream of streams) stream.destroy();
    await closed;
  };
  await open();
  return { open, close };
}
