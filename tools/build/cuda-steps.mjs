// The steps that compile the plugin for NVIDIA GPUs. What ptxas says of each kernel, and the PTX, are kept beside the objects
// (tools/cuda/ptxas.mjs reads them).
import fs from "node:fs";
import path from "node:path";
import { codeFlags, kernelFlags, readCudaSources, TARGETS } from "./cuda-flags.mjs";
import { compileStep } from "./incremental.mjs";
import { buildDir, root } from "./paths.mjs";
import { readSources } from "./sources.mjs";

/** Lines of ptxas -v. */
const PTXAS = /^ptxas info|^\s+\d+ bytes stack frame/;

/** Where all of a build lies, for these GPUs. */
export const pluginFolder = (targets) =>
  path.join(buildDir, "cuda", targets === TARGETS ? "all" : `sm_${targets.join("_")}`);

const objectOf = (folder, source) => path.join(folder, "objects", `${source}.o`);

/** Of a source of kernels: what ptxas says, and the folder with its PTX. */
export const reportOf = (folder, source) => `${objectOf(folder, source)}.ptxas`;
export const keptOf = (folder, source) => `${objectOf(folder, source)}.kept`;

function kernelStep(toolkit, targets, folder, source) {
  const output = objectOf(folder, source);
  const kept = keptOf(folder, source);
  // nvcc does not make it.
  fs.mkdirSync(kept, { recursive: true });
  const keep = ["-Xptxas=-v", "--keep", "--keep-dir", path.relative(root, kept)];
  const command = [toolkit.nvcc, ...kernelFlags(source), ...codeFlags(targets), ...keep];
  const report = { file: reportOf(folder, source), lines: PTXAS };
  return { ...compileStep(command, source, output, { depends: "-MD" }), report };
}

function hostStep(toolkit, compiler, folder, source) {
  const output = objectOf(folder, source);
  const flags = ["-std=c++17", "-O2", "-fPIC", ...readSources(process.arch).cflags, "-Inative"];
  const command = [...compiler.command, ...flags, "-isystem", toolkit.include];
  return compileStep(command, source, output, { depends: "-MD" });
}

/** Of all kernels, for these GPUs. */
export const kernelSteps = (toolkit, targets, sources = readCudaSources().kernels) =>
  sources.map((source) => kernelStep(toolkit, targets, pluginFolder(targets), source));

/** Of the plugin's own files. */
export const pluginSteps = (toolkit, compiler, targets) =>
  readCudaSources().plugin.map((source) =>
    source.endsWith(".cu")
      ? kernelStep(toolkit, targets, pluginFolder(targets), source)
      : hostStep(toolkit, compiler, pluginFolder(targets), source),
  );
