/** Tries a CUDA plugin in a process of its own: a driver may crash or hang whoever asks it. */
import { type ExecFileException, execFile } from "node:child_process";

import { messageOf, systemCode } from "../../errors";
import { inheritedFlags, isSingleExecutable } from "../../own-process";
import { mayStartProcesses } from "../../permission";
import type { NativeCudaDevice, NativeCudaProbe } from "../contract";

/** Milliseconds. A driver that has to wake a GPU first takes some seconds. */
const LIMIT = 30_000;
const MOST_OUTPUT = 1024 * 1024;

/** The last line is the answer: what a driver writes comes before. */
const PROGRAM = `
const [addon, plugin] = process.argv.slice(1);
const { probeCuda } = require(addon);
if (typeof probeCuda !== "function") throw new Error("the addon " + addon + " was built without CUDA support");
probeCuda(plugin, (error, probe) => {
  const answer = error === null ? probe : { ok: false, code: error.code, message: error.message, devices: [] };
  require("node:fs").writeSync(1, "\\n" + JSON.stringify(answer) + "\\n");
});
`;

/** The process could not be started, which says nothing about the plugin. */
export interface NotTried {
  notTried: string;
}

/**
 * @param addon the addon's own file
 * @param limit milliseconds
 */
export function probePlugin(addon: string, plugin: string, limit = LIMIT): Promise<NativeCudaProbe | NotTried> {
  if (isSingleExecutable())
    return Promise.resolve({ notTried: "this program is a single executable, which cannot start Node to try it" });
  if (!mayStartProcesses())
    return Promise.resolve({
      notTried: "Node's permission model lets no process be started to try it: start node with --allow-child-process",
    });
  return new Promise((done) => {
    const args = [...inheritedFlags(), "-e", PROGRAM, "--", addon, plugin];
    const options = { timeout: limit, killSignal: "SIGKILL", maxBuffer: MOST_OUTPUT, windowsHide: true } as const;
    try {
      execFile(process.execPath, args, { ...options, env: environment() }, (error, stdout, stderr) =>
        done(error === null ? readAnswer(stdout) : explain(error, stderr, limit)),
      );
    } catch (error) {
      done({ notTried: messageOf(error) });
    }
  });
}

/** Electron runs as Node. What hooks and debugs this process is not for the other. */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, NODE_OPTIONS: "", ELECTRON_RUN_AS_NODE: "1" };
}

const refused = (message: string): NativeCudaProbe => ({ ok: false, code: "ERR_IPA_DEVICE", message, devices: [] });

/** Signals of a fault in the process itself. Others are sent, by a terminal or a system without memory. */
const FAULTS = ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP", "SIGSYS"];
const passing = new WeakSet<NativeCudaProbe>();

/** Whether the answer is of that moment alone, such as that the process was ended from outside. */
export const isPassing = (verdict: NativeCudaProbe): boolean => passing.has(verdict);

function passingRefusal(message: string): NativeCudaProbe {
  const verdict = refused(message);
  passing.add(verdict);
  return verdict;
}

function explain(error: ExecFileException, stderr: string, limit: number): NativeCudaProbe | NotTried {
  // The system's words for a process that never ran.
  if (typeof error.code === "string" && systemCode(error) !== "ERR_CHILD_PROCESS_STDIO_MAXBUFFER")
    return { notTried: messageOf(error) };
  if (error.killed === true)
    return passingRefusal(`the NVIDIA driver did not answer within ${limit / 1000} seconds when the GPU was tried`);
  if (typeof error.signal === "string" && !FAULTS.includes(error.signal))
    return passingRefusal(`the process that tried the GPU was ended (${error.signal}): load again`);
  if (typeof error.signal === "string")
    return refused(
      error.signal === "SIGBUS"
        ? "the file of CUDA support is cut short (SIGBUS): install its package anew"
        : `the NVIDIA driver crashed when the GPU was tried (${error.signal})`,
    );
  const said = stderr.split("\n").find((line) => /^\w*Error: /.test(line)) ?? `it ended with code ${error.code ?? ""}`;
  return refused(`the GPU could not be tried: ${said.slice(0, 1000)}`);
}

function readAnswer(stdout: string): NativeCudaProbe {
  try {
    const verdict = toVerdict(JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? ""));
    if (verdict !== undefined) return verdict;
  } catch {
    // It is told below.
  }
  return refused("the GPU could not be tried: the process for it gave no answer");
}

/** What a process, or a file, says as a verdict; undefined: it is none. */
export function toVerdict(value: unknown): NativeCudaProbe | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { ok, code, message, driver, devices } = value as Record<keyof NativeCudaProbe, unknown>;
  const isFailure = ok === false && typeof code === "string" && typeof message === "string";
  if (ok !== true && !isFailure) return undefined;
  return {
    ok,
    ...(isFailure && { code, message: message.slice(0, 2000) }),
    ...(typeof driver === "string" && { driver }),
    devices: Array.isArray(devices) ? devices.filter(isDevice).map(plainDevice) : [],
  };
}

function isDevice(value: unknown): value is NativeCudaDevice {
  if (typeof value !== "object" || value === null) return false;
  const { name, major, minor, memoryBytes } = value as Record<keyof NativeCudaDevice, unknown>;
  return typeof name === "string" && [major, minor, memoryBytes].every((number) => typeof number === "number");
}

/** With what it has beside a device's members left out. */
function plainDevice({ name, major, minor, memoryBytes, problem }: NativeCudaDevice): NativeCudaDevice {
  return { name, major, minor, memoryBytes, ...(typeof problem === "string" && { problem }) };
}
