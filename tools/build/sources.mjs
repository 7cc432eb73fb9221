// Reads native/sources.gypi, the one list of C++ files (also read by binding.gyp and CMakeLists.txt).
import fs from "node:fs";
import path from "node:path";
import { root } from "./paths.mjs";

const native = path.join(root, "native");

/**
 * @param {string} arch a value of process.arch
 * @returns absolute paths of what the core, the addon, the tests and the benchmarks are made of, and their compiler settings
 */
export function readSources(arch) {
  const { variables } = JSON.parse(fs.readFileSync(path.join(native, "sources.gypi"), "utf8"));
  const files = (key) =>
    variables[key].map((entry) => {
      const file = path.join(native, entry);
      if (!fs.existsSync(file))
        throw new Error(`native/sources.gypi lists ${entry} under ${key}, which does not exist`);
      return file;
    });
  const archFiles = arch === "x64" || arch === "arm64" ? files(`${arch}_files`) : [];
  const hasTests = fs.existsSync(path.join(root, "test/native"));
  const hasBench = fs.existsSync(path.join(root, "bench/native"));
  return {
    includeDirs: files("core_include_dirs"),
    core: [...files("core_files"), ...archFiles],
    addon: files("addon_files"),
    // For addons that zig makes for Windows.
    windowsAddon: files("windows_addon_files"),
    // The published package leaves tests and benchmarks out.
    tests: hasTests ? files("test_files") : [],
    // For the emulator of test/cuda-emulator: the CUDA kernels, the emulator, and the tests that need it.
    cudaKernels: hasTests ? files("cuda_kernel_files") : [],
    cudaEmulator: hasTests ? files("cuda_emulator_files") : [],
    cudaEmulatedPlugin: hasTests ? files("cuda_emulated_plugin_files") : [],
    cudaTests: hasTests ? files("cuda_test_files") : [],
    // What the programs of bench/native share, and what each has besides.
    bench: hasBench ? files("bench_files") : [],
    kernelBench: hasBench ? files("kernel_bench_files") : [],
    tensorsBench: hasBench ? files("tensors_bench_files") : [],
    sensitivityBench: hasBench ? files("sensitivity_bench_files") : [],
    launchBench: hasBench ? files("launch_bench_files") : [],
    addonDefines: variables.addon_defines,
    cflags: variables.unix_cflags,
  };
}
