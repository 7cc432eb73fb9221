// Reads what ptxas says of kernels (-Xptxas -v), and PTX.
import { execFileSync } from "node:child_process";

/** @typedef {{ name: string, target: number, registers: number, stack: number, spilled: number, shared: number }} KernelUse */

const ENTRY = /Compiling entry function '([^']+)' for 'sm_(\d+)a?'/;
const FRAME = /(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads/;
const USED = /Used (\d+) registers/;
const SHARED = /(\d+) bytes smem/;

/** @returns {KernelUse[]} one for each kernel and target; names as the linker has them */
export function parseReport(text) {
  const kernels = [];
  for (const line of text.split("\n")) {
    const entry = ENTRY.exec(line);
    if (entry)
      kernels.push({ name: entry[1], target: Number(entry[2]), registers: NaN, stack: 0, spilled: 0, shared: 0 });
    const kernel = kernels.at(-1);
    // A function that was not inlined is called, and has a frame too: it counts for the kernel in front of it.
    const frame = FRAME.exec(line);
    if (kernel && frame) {
      kernel.stack = Math.max(kernel.stack, Number(frame[1]));
      kernel.spilled = Math.max(kernel.spilled, Number(frame[2]), Number(frame[3]));
    }
    const used = USED.exec(line);
    if (kernel && used && Number.isNaN(kernel.registers)) {
      kernel.registers = Number(used[1]);
      kernel.shared = Number(SHARED.exec(line)?.[1] ?? 0);
    }
  }
  const unread = kernels.find((kernel) => Number.isNaN(kernel.registers));
  if (unread) throw new Error(`ptxas says nothing of the registers of ${unread.name} for sm_${unread.target}`);
  return kernels;
}

/** Names of the kernels of a PTX file that have shared memory of a size that the launch chooses. */
export function dynamicKernels(ptx) {
  const symbols = [...ptx.matchAll(/^\.extern \.shared .*?([\w$]+)\[\];/gm)].map(([, symbol]) => symbol);
  return [...ptx.matchAll(/^(?:\.visible |\.weak )?\.entry ([\w$]+)\([\s\S]*?^}/gm)]
    .filter(([body]) => symbols.some((symbol) => new RegExp(`\\b${symbol.replace(/\$/g, "\\$")}\\b`).test(body)))
    .map(([, name]) => name);
}

/** Without the list of arguments at the end, which may hold brackets itself. */
function withoutArguments(text) {
  if (!text.endsWith(")")) return text;
  let depth = 0;
  for (let at = text.length - 1; at >= 0; at--) {
    if (text[at] === ")") depth++;
    if (text[at] === "(" && --depth === 0) return text.slice(0, at);
  }
  return text;
}

/** As the source has them, with template arguments. @returns {Map<string, string>} */
export function demangle(names) {
  if (names.length === 0) return new Map();
  const plain = execFileSync("c++filt", { input: names.join("\n"), encoding: "utf8" })
    .trim()
    .split("\n");
  return new Map(
    plain.map((text, i) => [
      names[i],
      withoutArguments(text)
        .replace(/^void /, "")
        .replace(/\(anonymous namespace\)::|\b_INTERNAL_\w+::|\bipa::gpu::/g, "")
        .replace(/\b__half\b/g, "Half")
        .replace(/\b__nv_bfloat16\b/g, "BFloat"),
    ]),
  );
}
