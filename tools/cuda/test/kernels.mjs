// The instances of CUDA kernels in an executable that has them for the emulator.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { readCudaSources } from "../../build/cuda-flags.mjs";
import { root } from "../../build/paths.mjs";

const KERNEL = /\bKERNEL(?:_FOR)?\s*\((?:[^()]|\([^()]*\))*\)\s*(\w+)\s*\(/g;

/** Names of kernels as the sources define them, and the file of each. */
function kernelNames() {
  const names = new Map();
  for (const file of readCudaSources().kernels)
    for (const [, name] of fs.readFileSync(path.join(root, file), "utf8").matchAll(KERNEL))
      names.set(name, path.basename(file));
  return names;
}

const plain = (symbol) =>
  symbol
    .replace(/^.*?(?=ipa::gpu::)/, "")
    .replace(/\(anonymous namespace\)::|\bipa::gpu::|\bcuda_emulator::/g, "")
    .replace(/\((?:[^()]|\([^()]*\))*\)$/, "");

/** @returns {{ name: string, file: string, place: string }[]} with template arguments; `place` as --report prints it */
export function kernelInstances(program) {
  const names = kernelNames();
  const symbols = execFileSync("nm", ["-C", "--defined-only", program], { encoding: "utf8", maxBuffer: 1 << 28 });
  const found = [];
  for (const line of symbols.split("\n")) {
    const [, place, symbol] = /^([0-9a-f]+) [tT] (.*ipa::gpu::.*)$/.exec(line) ?? [];
    if (symbol === undefined) continue;
    // What a compiler cut out of a kernel, such as a lambda, is no kernel.
    if (/\{lambda|\[clone/.test(symbol)) continue;
    const name = plain(symbol);
    const file = names.get(/^\w+/.exec(name)?.[0]);
    if (file !== undefined) found.push({ name, file, place: place.replace(/^0+(?=.)/, "") });
  }
  return found;
}
