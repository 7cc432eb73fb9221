// Folders of this repository that the build tools read and write.
import path from "node:path";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const buildDir = path.join(root, "build");
export const releaseDir = path.join(buildDir, "Release");
export const addonFile = path.join(releaseDir, "node_ip_adapter.node");
/** Of the link that made it; absent where it is a prebuilt one. */
export const addonRecord = path.join(buildDir, "objects", "node_ip_adapter.node.json");
export const benchFile = path.join(releaseDir, "native_bench");
export const sensitivityFile = path.join(releaseDir, "native_sensitivity");
export const tensorsFile = path.join(releaseDir, "native_tensors");
export const launchesFile = path.join(releaseDir, "native_launches");
export const testsFile = path.join(releaseDir, process.platform === "win32" ? "native_tests.exe" : "native_tests");
// The same tests, with CUDA kernels whose every access to memory is checked (test/cuda-emulator/checks.h).
export const checkedTestsFile = path.join(releaseDir, "native_tests_checked");
// A plugin for GPUs whose GPU is the emulator.
export const emulatedPluginFile = path.join(releaseDir, "libemulated_cuda.so");

const require = createRequire(import.meta.url);

/** Folder of an installed package, with a plain message when it is missing. */
export function packageDir(name) {
  try {
    return path.dirname(require.resolve(`${name}/package.json`));
  } catch {
    throw new Error(`the package ${name} is not installed: run "npm ci" first`);
  }
}
