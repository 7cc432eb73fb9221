// Runs native_tests, in whichever build of it, and reads what it prints (test/native/harness.h).
import { spawn } from "node:child_process";
import { root } from "../build/paths.mjs";

/**
 * @typedef {{
 *   passed: string[], leftOut: string[], failed: { name: string, reasons: string }[],
 *   notes: string[], seconds: Map<string, number>,
 *   errors: { test: string, op: string, values: number, largest: number }[], kernels: Map<string, number>, wall: number,
 * }} Run `notes`: lines of tests that passed, such as the largest errors of golden networks. `kernels`: launches by place in the file.
 */

const CASE = /^(ok|FAIL) (\w+)$/;
const LEFT_OUT = /^left out (\w+): (.*)$/;
const SECONDS = /^seconds (\w+) ([\d.]+)$/;
const ERROR = /^error (\w+) (\w+) (\d+) (\S+)$/;
const KERNEL = /^kernel ([0-9a-f]+) (\d+)$/;

function read(output) {
  const run = { passed: [], leftOut: [], failed: [], notes: [], seconds: new Map(), errors: [], kernels: new Map() };
  let said = [];
  for (const line of output.split(/\r?\n/)) {
    const [, verdict, name] = CASE.exec(line) ?? [];
    const leftOut = LEFT_OUT.exec(line);
    const took = SECONDS.exec(line);
    const error = ERROR.exec(line);
    const kernel = KERNEL.exec(line);
    if (verdict === "FAIL") run.failed.push({ name, reasons: said.join("\n") });
    else if (verdict === "ok") {
      run.passed.push(name);
      run.notes.push(...said);
    } else if (leftOut) run.leftOut.push(leftOut[1]);
    else if (took) run.seconds.set(took[1], Number(took[2]));
    else if (error)
      run.errors.push({ test: error[1], op: error[2], values: Number(error[3]), largest: Number(error[4]) });
    else if (kernel) run.kernels.set(kernel[1], Number(kernel[2]));
    else said.push(line);
    if (verdict !== undefined || leftOut) said = [];
  }
  return { run, rest: said.filter((line) => !/^\d+ passed, \d+ failed$/.test(line) && line !== "") };
}

/**
 * @param {string | string[]} program or, for another system's, the emulator and its arguments before it
 * @param {string[]} args options and filters
 * @param {number} limit in seconds, after which it is ended and has failed
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<Run>}
 */
export function runTests(program, args, limit = 1800, env = process.env) {
  const start = Date.now();
  return new Promise((resolve, reject) => {
    const [command, ...before] = [program].flat();
    const child = spawn(command, [...before, "--report", ...args], {
      cwd: root,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const chunks = [];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => chunks.push(chunk));
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, limit * 1000);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const { run, rest } = read(Buffer.concat(chunks).toString());
      const crashed = signal !== null || (code !== 0 && run.failed.length === 0);
      if (crashed) {
        const ending = late ? `did not end within ${limit} s` : `ended with ${signal ?? `exit code ${code}`}`;
        run.failed.push({ name: "native_tests", reasons: [...rest, ending].join("\n") });
      }
      resolve({ ...run, wall: (Date.now() - start) / 1000 });
    });
  });
}

/** Runs all of them, `jobs` at a time; results in their order. @template T @param {(() => Promise<T>)[]} tasks */
export async function inTurn(tasks, jobs) {
  const results = [];
  let next = 0;
  const worker = async () => {
    while (next < tasks.length) {
      const index = next++;
      results[index] = await tasks[index]();
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, tasks.length) }, worker));
  return results;
}

/** The failed tests of a run as lines of a report. */
export const failuresOf = (run, what) =>
  run.failed.map(({ name, reasons }) => `${what}: ${name}\n${reasons.split("\n").slice(0, 12).join("\n")}`);
