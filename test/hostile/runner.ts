/** Starts a case in a process of its own and watches its memory and time. */
import { fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { HostileCase, Report } from "./case";

export interface Outcome {
  /** undefined: all is well */
  problem: string | undefined;
  /** peak of resident memory, MiB; 0 where the system does not tell */
  memory: number;
  seconds: number;
  /** longest time that the event loop stood still, ms */
  blocked: number;
}

const HOOK = join(__dirname, "..", "support", "typescript.cjs");

export async function runCase(topic: string, name: string, limits: HostileCase): Promise<Outcome> {
  const scratch = mkdtempSync(join(tmpdir(), "hostile-"));
  try {
    return await watch(topic, name, limits, scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function watch(topic: string, name: string, limits: HostileCase, scratch: string): Promise<Outcome> {
  const { memory: mostMemory = 500, heap = 256, seconds: mostSeconds = 60, blocked: mostBlocked = Infinity } = limits;
  const child = fork(join(__dirname, "child.ts"), [topic, name, scratch], {
    execArgv: ["-r", HOOK, `--max-old-space-size=${heap}`],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const started = performance.now();
  const outcome: Outcome = { problem: undefined, memory: 0, seconds: 0, blocked: 0 };
  const end = (problem: string): void => {
    outcome.problem ??= problem;
    child.kill("SIGKILL");
  };
  const look = setInterval(() => {
    outcome.memory = Math.max(outcome.memory, peakMemory(child.pid));
    if (outcome.memory > mostMemory) end(`took ${outcome.memory} MiB, at most ${mostMemory} are allowed`);
  }, 10);
  const timer = setTimeout(() => end(`was not over after ${mostSeconds} s`), mostSeconds * 1000);
  let report: Report | undefined;
  let printed = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (printed = (printed + text).slice(-4000)));
  child.on("message", (message) => (report = message as Report));
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      clearInterval(look);
      clearTimeout(timer);
      outcome.seconds = (performance.now() - started) / 1000;
      outcome.blocked = report?.blocked ?? 0;
      if (report?.error !== undefined) outcome.problem ??= report.error;
      if (code !== 0 || report === undefined)
        outcome.problem ??= `ended with ${signal ?? `code ${code ?? "?"}`}: ${printed}`;
      if (outcome.blocked > mostBlocked)
        outcome.problem ??= `the event loop stood still for ${outcome.blocked} ms, at most ${mostBlocked} are allowed`;
      resolve(outcome);
    });
  });
}

/** MiB, as Linux counts them for the life of the process. */
function peakMemory(pid: number | undefined): number {
  try {
    const [, kilobytes = "0"] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid ?? 0}/status`, "utf8")) ?? [];
    return Math.ceil(Number(kilobytes) / 1024);
  } catch {
    return 0;
  }
}
