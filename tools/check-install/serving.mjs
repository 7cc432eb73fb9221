// Servers that the checks start, ask and stop.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { assert } from "./harness.mjs";

const LIMIT_MS = 120_000;

/**
 * Starts a program that prints the address it listens on, and ends it with SIGTERM behind `use`.
 * @param {string[]} command the program and its arguments
 * @param {{ cwd: string, env?: Record<string, string>, endsWith?: number }} options `env` adds to this process's; `endsWith`: its exit code
 * @param {(url: string) => Promise<void>} use
 * @returns {Promise<string>} what it printed
 */
export async function withServer(command, { cwd, env = {}, endsWith = 0 }, use) {
  const child = spawn(command[0], command.slice(1), {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal)));
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  let output = "";
  try {
    const url = await new Promise((resolve, reject) => {
      child.once("error", reject);
      exited.then((code) => reject(new Error(`the server ended with ${code}\n${output.slice(-4000)}`)));
      for (const stream of [child.stdout, child.stderr])
        createInterface({ input: stream }).on("line", (line) => {
          output += `${line}\n`;
          const [, port] = /http:\/\/(?:127\.0\.0\.1|localhost|\[::1\]):(\d+)/.exec(line) ?? [];
          if (port !== undefined) resolve(`http://127.0.0.1:${port}`);
        });
    });
    await use(url);
    child.kill("SIGTERM");
    const code = await exited;
    assert(code === endsWith, `the server ended with ${code} at SIGTERM\n${output.slice(-4000)}`);
    return output;
  } finally {
    clearTimeout(timer);
    child.kill("SIGKILL");
  }
}
