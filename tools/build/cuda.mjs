// Builds the plugin for NVIDIA GPUs: `npm run build:cuda -- [--arch 90] [--out FILE] [--jobs N] [--clean]`. It needs nvcc of CUDA 13
// (cuda-toolkit.mjs says where it is looked for) and g++. Without --arch the plugin has code for all GPUs and becomes the file of
// packages/cuda-linux-x64; with it, it is for trying on one machine, and goes to build/cuda/.
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { findCompiler } from "./compiler.mjs";
import { readTargets, TARGETS } from "./cuda-flags.mjs";
import { kernelSteps, pluginFolder, pluginSteps } from "./cuda-steps.mjs";
import { findToolkit } from "./cuda-toolkit.mjs";
import { exportsOf, hasSearchPath, librariesOf, newestGlibc } from "./elf.mjs";
import { update } from "./incremental.mjs";
import { root } from "./paths.mjs";

const NAME = "libnode_ip_adapter_cuda.so";
/** npm packages hold it, and each load maps it. */
const MOST_BYTES = 30e6;

const relative = (file) => path.relative(root, file);

function linkStep(toolkit, compiler, objects, output) {
  const map = "native/cuda/plugin/exports.map";
  const inputs = objects.map((step) => relative(step.output));
  const command = (out) => [
    ...compiler.command,
    "-shared",
    // Not libgcc: Node has the system's loaded, and that of a new compiler asks for a new glibc.
    "-static-libstdc++",
    "-s",
    // Threads of the engine may still be in it while the process ends.
    "-Wl,-z,nodelete,-z,defs,-z,relro,-z,now,--gc-sections",
    `-Wl,-soname,${NAME},--version-script=${map}`,
    ...inputs,
    toolkit.staticRuntime,
    ...["-lrt", "-lpthread", "-ldl"],
    "-o",
    out,
  ];
  const record = path.join(path.dirname(objects[0].record), `${path.basename(output)}.json`);
  return { label: relative(output), output, record, inputs: [...inputs, map, toolkit.staticRuntime], command };
}

/** Prints what was made. @throws Error for what may not be handed out */
function inspect(file) {
  const bytes = fs.statSync(file).size;
  const exported = exportsOf(file);
  const libraries = librariesOf(file);
  console.log(`${relative(file)}: ${(bytes / 1e6).toFixed(2)} MB`);
  console.log(`exports: ${exported.join(", ")}`);
  console.log(`newest glibc symbol needed: ${newestGlibc(file)}`);
  console.log(`needs:\n${libraries.map((line) => `  ${line}`).join("\n")}`);
  if (bytes > MOST_BYTES) throw new Error(`it is larger than ${MOST_BYTES / 1e6} MB`);
  if (exported.join() !== "ipa_gpu_api") throw new Error("it may export ipa_gpu_api alone");
  if (hasSearchPath(file)) throw new Error("it has an RPATH, which leads to places of this machine");
  const shared = libraries.find((line) => /libstdc\+\+|libcuda|not found/.test(line));
  if (shared !== undefined) throw new Error(`it may not need ${shared}`);
}

const { values } = parseArgs({
  options: {
    arch: { type: "string" },
    out: { type: "string" },
    jobs: { type: "string" },
    clean: { type: "boolean" },
  },
});

try {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Error("the plugin is built on Linux (x64) alone");
  const targets = readTargets(values.arch);
  const folder = pluginFolder(targets);
  const output = path.resolve(
    values.out ?? path.join(targets === TARGETS ? path.join(root, "packages/cuda-linux-x64") : folder, NAME),
  );
  if (values.clean) fs.rmSync(folder, { recursive: true, force: true });
  const toolkit = findToolkit();
  const compiler = findCompiler();
  console.log(
    `nvcc ${toolkit.version}, ${compiler.version}, for ${targets.map((target) => `sm_${target}`).join(", ")}`,
  );
  const objects = [...kernelSteps(toolkit, targets), ...pluginSteps(toolkit, compiler, targets)];
  await update(objects, Number(values.jobs ?? 1));
  await update([linkStep(toolkit, compiler, objects, output)], 1);
  inspect(output);
} catch (error) {
  console.error(`\nbuild of the CUDA plugin failed: ${error.message}`);
  process.exitCode = 1;
}
