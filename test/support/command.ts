/** The command line, run in this process: what it printed, and its exit code. */
import type { NativeAddon } from "../../lib/native/contract";
import { run } from "../../lib/cli/program";

export interface CommandRun {
  code: number;
  out: string;
  err: string;
  /** with --json: what each line of `out` holds */
  lines: { type: string; [key: string]: unknown }[];
}

export interface CommandOptions {
  /** whether standard error is a terminal of 80 columns */
  tty?: boolean;
  signal?: AbortSignal;
  addonFile?: string;
}

export async function runCommand(
  args: string[],
  addon: () => NativeAddon,
  {
    tty = false,
    signal = new AbortController().signal,
    addonFile = "/somewhere/node_ip_adapter.node",
  }: CommandOptions = {},
): Promise<CommandRun> {
  let [out, err] = ["", ""];
  const code = await run(args, {
    out: { write: (text) => (out += text) },
    err: { write: (text) => (err += text), isTTY: tty, columns: 80 },
    signal,
    addon,
    addonFile: () => addonFile,
    now: () => 0,
    json: (value) => (out += `${JSON.stringify(value)}\n`),
  });
  process.exitCode = undefined;
  const lines = args.includes("--json") ? out.split("\n").filter((line) => line !== "") : [];
  return { code, out, err, lines: lines.map((line) => JSON.parse(line) as CommandRun["lines"][number]) };
}
