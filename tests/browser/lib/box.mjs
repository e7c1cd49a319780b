// A box of its own: the real program with a folder and ports that nobody else uses.

import { execFileSync, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { request } from "node:http";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import path from "node:path";

import { eventually } from "./runner.mjs";

export const ROOT = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");
export const OUT = path.join(ROOT, "target/browser");
export const PROGRAM = process.env.ORBITR_TEST_BIN ?? path.join(ROOT, "target/debug/orbitr");
const DOCKER = process.env.ORBITR_TEST_DOCKER ?? "/run/docker.sock";

const READY_MS = 60_000;
const END_MS = 30_000;

const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;
const given = new Set();

/**
 * A port that is free on every address, and stays so: below those that Linux gives to outgoing connections
 * (ip_local_port_range), since the browser's own would take it until an app is there to listen on it.
 */
export async function freePort() {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (!given.has(port) && await isFree(port)) {
      given.add(port);
      return port;
    }
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "0.0.0.0", () => server.close(() => resolve(true)));
  });
}

/** One question to the Docker engine; JSON, or null where there is none. */
export function engine(method, pathname, body) {
  return new Promise((resolve, reject) => {
    const headers = body ? { "Content-Type": "application/json" } : {};
    const asked = request({ socketPath: DOCKER, method, path: pathname, headers, timeout: 20_000 }, (answer) => {
      let text = "";
      answer.on("data", (part) => { text += part; });
      answer.on("end", () => {
        try {
          resolve(text ? JSON.parse(text) : null);
        } catch {
          resolve(null);
        }
      });
    });
    asked.once("error", reject);
    asked.end(body);
  });
}

export class Box {
  /** Those that are not gone yet. */
  static all = new Set();

  #child = null;
  #run = "";
  #apps = new Set();

  /**
   * A fresh box that runs and waits to be claimed; `more` are flags for its supervisor, `env` is set for it. Its engine is
   * at `docker`; `within` is what the supervisor is started by; `before` is done to its folder first.
   */
  static async start(name, more = [], env = {}, { docker = DOCKER, within = [], before = async () => {} } = {}) {
    const box = new Box();
    Object.assign(box, { docker, within });
    box.name = name;
    box.more = more;
    box.env = env;
    Box.all.add(box);
    // Short, because the path of a socket may not be long.
    box.dir = await mkdtemp("/var/tmp/orbitr-browser-");
    box.port = await freePort();
    box.httpPort = await freePort();
    await mkdir(OUT, { recursive: true });
    await before(box);
    box.logFile = path.join(OUT, `${name}.log`);
    box.log = createWriteStream(box.logFile);
    await box.up();
    return box;
  }

  /** Whether the supervisor's process is there. */
  get alive() {
    return this.#child?.exitCode === null && this.#child?.signalCode === null;
  }

  get url() {
    return `https://127.0.0.1:${this.port}`;
  }

  /** Starts the supervisor and waits until it says that it is ready. */
  async up() {
    const flags = ["supervise", "--state-dir", path.join(this.dir, "s"), "--https", `127.0.0.1:${this.port}`,
      "--http", `127.0.0.1:${this.httpPort}`, "--docker-socket", this.docker, "--host-name", "attic", ...this.more];
    if (process.env.ORBITR_TEST_COMPOSE) flags.push("--compose-bin", process.env.ORBITR_TEST_COMPOSE);
    this.#run = "";
    const [program, ...all] = [...this.within, PROGRAM, ...flags];
    const child = spawn(program, all, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...this.env } });
    this.#child = child;
    let ended = null;
    child.once("error", (error) => { ended = error.message; });
    child.once("exit", (code, signal) => { ended ??= `ended with ${signal ?? code}`; });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => {
        this.#run += text;
        this.log.write(text);
      });
    }
    await eventually("the supervisor is ready", READY_MS, () => {
      if (ended) throw new Error(`${PROGRAM} ${ended}: ${this.#run.slice(-2000)}`);
      return /^ {2}Authority/m.test(this.#run) && this.#run.includes("go on.");
    });
    this.setupCode = /^ {2}Setup code +(\S+)$/m.exec(this.#run)?.[1];
    this.running = true;
  }

  /** Makes its ports known to the browser, once. */
  async reachable(open) {
    if (this.opened) return;
    this.opened = true;
    await open(this.port, path.join(this.dir, "https.sock"));
    await open(this.httpPort, path.join(this.dir, "http.sock"));
  }

  /** Ends the supervisor the hard way, as a power cut would. */
  async kill(signal = "SIGKILL") {
    const child = this.#child;
    this.running = false;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    const last = setTimeout(() => child.kill("SIGKILL"), END_MS);
    await gone;
    clearTimeout(last);
  }

  /** Works on its database by hand; only while it does not run. */
  async sql(statements) {
    const folder = path.join(this.dir, "s/db");
    const generation = (name) => Number(/^orbitr-v\d+\.(\d+)\.sqlite$/.exec(name)?.[1] ?? -1);
    const [newest] = (await readdir(folder)).sort((one, other) => generation(other) - generation(one));
    const program = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])";
    execFileSync("python3", ["-c", program, path.join(folder, newest), statements]);
  }

  /** An id for an app that no other box on this engine has. */
  app(word) {
    const id = `${word}-${this.port}`;
    this.#apps.add(id);
    return id;
  }

  /** What of this box is in Docker: names of containers, networks and volumes. */
  async left() {
    const found = [];
    for (const id of this.#apps) {
      const filters = encodeURIComponent(JSON.stringify({ label: [`com.docker.compose.project=${id}`] }));
      const own = encodeURIComponent(JSON.stringify({ label: [`io.orbitr.app=${id}`] }));
      for (const which of new Set([filters, own])) {
        const containers = await engine("GET", `/containers/json?all=true&filters=${which}`);
        const networks = await engine("GET", `/networks?filters=${which}`);
        const volumes = await engine("GET", `/volumes?filters=${which}`);
        for (const { Id } of containers ?? []) found.push(`/containers/${Id}?force=true&v=true`);
        for (const { Id } of networks ?? []) found.push(`/networks/${Id}`);
        for (const { Name } of volumes?.Volumes ?? []) found.push(`/volumes/${Name}`);
      }
    }
    return [...new Set(found)];
  }

  /** The end of the log, for messages. */
  async lastWords(lines = 15) {
    const text = await readFile(this.logFile, "utf8").catch(() => "");
    return text.trimEnd().split("\n").slice(-lines).join("\n");
  }

  /** Ends it and takes away all it made. */
  async gone() {
    Box.all.delete(this);
    await this.kill("SIGTERM");
    for (const one of await this.left()) await engine("DELETE", one);
    this.log.end();
    // what a container wrote last may still be on its way
    await rm(this.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}
