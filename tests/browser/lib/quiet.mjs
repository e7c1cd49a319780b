// A network of the browser's own. Chromium gives up what it is loading whenever an interface of its machine comes or goes,
// and the containers' bridges do that all the time; people's browsers are on other machines. So ours gets a network
// namespace in which nothing ever changes, and a way to the boxes' ports and to nowhere else.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, connect } from "node:net";
import { fileURLToPath } from "node:url";
import { createInterface } from "node:readline";

const self = fileURLToPath(import.meta.url);

/** Two streams become one connection. */
function join(one, other) {
  one.pipe(other).pipe(one);
  for (const [here, there] of [[one, other], [other, one]]) {
    here.on("error", () => there.destroy());
    here.on("close", () => there.destroy());
  }
}

/** Within the namespace: listens on a port for each line «PORT SOCKET» and answers «PORT». */
function serve() {
  createInterface({ input: process.stdin }).on("line", (line) => {
    const [port, path] = line.split(" ");
    createServer((visitor) => join(visitor, connect(path))).listen(Number(port), "127.0.0.1", () => console.log(port));
  }).on("close", () => process.exit(0));
  console.log("ready");
}

let inner;
let answers;

async function start() {
  const words = ["--net", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh", process.execPath, self, "serve"];
  inner = spawn("unshare", words, { stdio: ["pipe", "pipe", "inherit"] });
  answers = createInterface({ input: inner.stdout });
  await once(answers, "line");
}

/** Writes a program that starts another one in there. */
export async function quietly(program, path) {
  if (!inner) await start();
  await writeFile(path, `#!/bin/sh\nexec nsenter --net=/proc/${inner.pid}/ns/net ${program} "$@"\n`, { mode: 0o755 });
  return path;
}

/** Makes a port of this machine reachable from in there. */
export async function openPort(port, socket) {
  if (!inner) await start();
  const server = createServer((visitor) => join(visitor, connect(port, "127.0.0.1")));
  server.listen(socket);
  await once(server, "listening");
  server.unref();
  const answered = once(answers, "line");
  inner.stdin.write(`${port} ${socket}\n`);
  await answered;
}

export function end() {
  inner?.stdin.end();
}

if (process.argv[2] === "serve") serve();
