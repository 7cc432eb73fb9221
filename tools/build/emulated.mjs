// How the CUDA kernels are compiled for the emulator of test/cuda-emulator: as C++, by the compiler of everything else.
import path from "node:path";
import { root } from "./paths.mjs";

export const emulatorDir = path.join(root, "test/cuda-emulator");

/** @returns {string | undefined} why there is no emulator on this machine */
export function emulatorProblem() {
  return process.platform === "linux" ? undefined : `the emulator runs on Linux alone, and this is ${process.platform}`;
}

/** What the emulator and the tests that need it are compiled with. */
const common = ["-O2", `-I${path.relative(root, emulatorDir)}`];

/** How a plugin is linked whose GPU is the emulator. */
export const emulatedPluginFlags = [
  "-shared",
  "-pthread",
  "-Wl,-z,nodelete,-z,defs,--version-script=native/cuda/plugin/exports.map",
];

/** Kernels read memory as what suits them, and speak to nvcc in pragmas. */
const kernel = [...common, "-x", "c++", "-fno-strict-aliasing", "-Wno-unknown-pragmas"];

/**
 * @param {string} file a source
 * @param {{ checked: boolean, compiler: { version: string } }} options `checked`: of kernels, each access calls the emulator
 * @returns {string[]} its flags
 */
export function emulatorFlags(file, { checked, compiler }) {
  if (!file.endsWith(".cu")) return common;
  if (!checked) return kernel;
  // gcc would take vectors apart, and their alignment would not be seen.
  const whole = /clang/i.test(compiler.version) ? [] : ["-fno-tree-sra"];
  return [...kernel, "-fsanitize=thread", ...whole];
}
