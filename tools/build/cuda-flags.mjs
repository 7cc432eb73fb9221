// Which GPUs the plugin has code for, and how its files are compiled.
import fs from "node:fs";
import path from "node:path";
import { root } from "./paths.mjs";

/** Compute capabilities, as CUDA writes them. Later GPUs translate the last one's PTX at their first use. */
export const TARGETS = [75, 80, 86, 89, 90, 100, 120];

/** @param {string | undefined} list of `--arch`, such as "90" or "80,90" @returns {number[]} */
export function readTargets(list) {
  if (list === undefined) return TARGETS;
  const targets = list.split(",").map(Number);
  const wrong = targets.find((target) => !TARGETS.includes(target));
  if (wrong !== undefined) throw new Error(`--arch: expected some of ${TARGETS.join(", ")}, separated by commas`);
  return targets;
}

export function codeFlags(targets) {
  const flags = targets.map((target) => ["-gencode", `arch=compute_${target},code=sm_${target}`]);
  const last = TARGETS.at(-1);
  if (targets.includes(last)) flags.push(["-gencode", `arch=compute_${last},code=compute_${last}`]);
  return flags.flat();
}

/**
 * Of .cu files. Paths are relative to the root, where the compiler runs, and the names that nvcc makes up are made of them: neither
 * at random nor of where the checkout lies.
 */
export const kernelFlags = (source) => [
  "-std=c++17",
  "-O3",
  // A third of the bytes. The drivers that can run code of CUDA 13 can all unpack it.
  "--compress-mode=size",
  "-Inative",
  `-frandom-seed=${source}`,
  `-Xcudafe=--orig_src_path_name=${source}`,
  "-Xcompiler=-fPIC,-fvisibility=hidden,-fvisibility-inlines-hidden,-Wall,-Wextra",
];

const filesIn = (folder, ending) =>
  fs
    .readdirSync(path.join(root, folder))
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => `${folder}/${name}`);

/** Paths relative to the root: what holds kernels, and the plugin's own files. */
export function readCudaSources() {
  const { variables } = JSON.parse(fs.readFileSync(path.join(root, "native/sources.gypi"), "utf8"));
  const listed = (key) => variables[key]?.map((file) => `native/${file}`);
  return {
    kernels: listed("cuda_kernel_files") ?? filesIn("native/cuda/kernels", ".cu"),
    plugin: listed("cuda_plugin_files"),
  };
}
