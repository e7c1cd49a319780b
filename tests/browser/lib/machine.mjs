// A machine of Orbitr OS that is none: a folder stands in for /run, and systemd and its fellows are a fake on a bus of their
// own (supervisor/host/examples/fake-systemd.rs). What root's acts do, the suites do themselves.

import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import { Box, PROGRAM } from "./box.mjs";
import { eventually } from "./runner.mjs";

const SYSTEMD = path.join(path.dirname(PROGRAM), "examples/fake-systemd");
/** What is typed where the machine's serial number is asked for: the first digits of its id, as it has none. */
export const SERIAL = "01234567";

export class Machine {
  #systemd;

  /** One whose data partition is open. */
  static async start() {
    const machine = new Machine();
    machine.run = await mkdtemp("/var/tmp/orbitr-run-");
    for (const folder of ["orbitr-box/results", "orbitr/requests"]) await mkdir(path.join(machine.run, folder), { recursive: true });
    await writeFile(path.join(machine.run, "machine-id"), `${SERIAL}89abcdef0123456789abcdef\n`);
    await machine.leave("data.json", {
      version: 1, state: "open", reason: null, problem: null, recorded: "0f410f90-ea92-4bcf-b701-b7503621b14f", open: null,
      candidates: [], boot_disk: null,
    });
    machine.#systemd = spawn(SYSTEMD, [machine.run], { stdio: ["pipe", "pipe", "inherit"] });
    let said = "";
    machine.#systemd.stdout.on("data", (text) => { said += text; });
    machine.#systemd.once("error", (error) => { said = `${SYSTEMD}: ${error.message}`; });
    machine.#systemd.once("exit", (code) => { said = `${SYSTEMD} ended with ${code}`; });
    await eventually("the machine is there", 20_000, () => {
      if (said.startsWith(SYSTEMD)) throw Object.assign(new Error(said), { final: true });
      return said.includes("ready");
    });
    return machine;
  }

  /** A box on it; `flags` are more of its supervisor's. */
  box(name, more = {}, flags = []) {
    return Box.start(name, ["--stand-in", this.run, ...flags], { DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${path.join(this.run, "bus")}` }, more);
  }

  /** What happens to the machine by itself: `unit NAME STATE RESULT`, `synchronised yes|no`. */
  tell(line) {
    this.#systemd.stdin.write(`${line}\n`);
  }

  /** What root leaves, by rename as root does it. */
  async leave(name, value) {
    const file = path.join(this.run, "orbitr-box", name);
    await writeFile(`${file}.new`, JSON.stringify(value));
    await rename(`${file}.new`, file);
  }

  /** How an act goes. */
  report(act, id, more) {
    return this.leave(`results/${act}.json`, {
      version: 1, act, id, state: "running", step: "", fraction: null, problem: null, value: null, ...more,
    });
  }

  /** Waits until the supervisor asks root for an act, and takes the request. */
  async asked(act) {
    const file = path.join(this.run, `orbitr/requests/${act}.json`);
    const text = await eventually(`${act} is asked for`, 10_000, () => readFile(file, "utf8").catch(() => null));
    await rm(file);
    return JSON.parse(text);
  }

  /** Whether root was asked for an act. */
  wasAsked(act) {
    return readFile(path.join(this.run, `orbitr/requests/${act}.json`)).then(() => true, () => false);
  }

  /** What was done to the machine: `start orbitr-apply-settings.service`, `reboot` … */
  async done() {
    const text = await readFile(path.join(this.run, "done"), "utf8").catch(() => "");
    return text.split("\n").filter(Boolean);
  }

  async gone() {
    const ended = new Promise((resolve) => this.#systemd.once("exit", resolve));
    this.#systemd.stdin.end();
    const last = setTimeout(() => this.#systemd.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(last);
    await rm(this.run, { recursive: true, force: true });
  }
}
