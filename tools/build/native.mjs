// Builds the addon with the compiler alone: no Python, no CMake, no Node headers, no download. The Node-API headers come from
// the packages node-api-headers and node-addon-api. `node tools/build/native.mjs [--no-addon] [--tests] [--checked] [--bench] [--alone]
// [--clean] [--jobs N]`; --no-addon leaves the addon as it is, --tests builds the C++ tests of test/native/ as well, --checked those with CUDA kernels that are checked, too,
// --bench the benchmarks of bench/native/; --alone compiles each file alone (units.mjs), which shows an include that is missing
// and makes one changed file quick to compile again.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { addonLinkFlags, checkCompiler, compileFlags, findCompiler, systemLibraries } from "./compiler.mjs";
import { emulatedPluginFlags, emulatorFlags, emulatorProblem } from "./emulated.mjs";
import { compileStep, update } from "./incremental.mjs";
import {
  addonFile,
  benchFile,
  buildDir,
  checkedTestsFile,
  emulatedPluginFile,
  launchesFile,
  packageDir,
  releaseDir,
  root,
  sensitivityFile,
  tensorsFile,
  testsFile,
} from "./paths.mjs";
import { readSources } from "./sources.mjs";
import { joinSources } from "./units.mjs";

const objectsDir = path.join(buildDir, "objects");
const unitsDir = path.join(buildDir, "units");

/** A guess of the time a unit takes, so that the longest start first: the kernels, then by size. */
const costOf = ({ file, bytes }) => (path.basename(file).startsWith("kernels_") ? Infinity : bytes);

/**
 * Of the CUDA kernels and the emulator, where there is one: what both executables of tests share, the kernels of each, and what a plugin
 * is made of whose GPU is the emulator.
 */
function emulated({ sources, compiler, compileOne, withTests, withChecked }) {
  const problem = withTests ? emulatorProblem() : undefined;
  if (problem) console.log(`without the tests of the CUDA kernels: ${problem}`);
  if (problem || !withTests) return { shared: [], kernels: [], checkedKernels: [], plugin: [] };
  const isKernel = (file) => file.endsWith(".cu");
  const compile = (files, checked) =>
    files.map((file) =>
      compileOne(
        { file, bytes: fs.statSync(file).size },
        emulatorFlags(file, { checked, compiler }),
        checked ? ".checked" : "",
      ),
    );
  const kernelFiles = [...sources.cudaKernels, ...sources.cudaEmulator].filter(isKernel);
  const emulator = compile(
    sources.cudaEmulator.filter((file) => !isKernel(file)),
    false,
  );
  const kernels = compile(kernelFiles, false);
  return {
    shared: [...emulator, ...compile(sources.cudaTests, false)],
    kernels,
    checkedKernels: withChecked ? compile(kernelFiles, true) : [],
    plugin: [...emulator, ...kernels, ...compile(sources.cudaEmulatedPlugin, false)],
  };
}

async function build({ jobs, alone, withAddon, withTests, withChecked, withBench }) {
  const compiler = findCompiler();
  const sources = readSources(process.arch);
  // Paths are relative to the root, where the compiler runs, so that no path of this machine ends up in a binary.
  const relative = (file) => path.relative(root, file);
  const include = (dirs) => dirs.map((dir) => `-I${relative(dir)}`);
  const common = [...compileFlags, ...sources.cflags, "-I.", ...include(sources.includeDirs)];
  const napi = [
    ...sources.addonDefines.map((define) => `-D${define}`),
    ...include([path.join(packageDir("node-api-headers"), "include"), packageDir("node-addon-api")]),
  ];

  const compileOne = (unit, flags, variant = "") => {
    const label = relative(unit.file);
    const output = path.join(objectsDir, `${label}${variant}.o`);
    const step = compileStep([...compiler.command, ...common, ...flags], label, output, {
      label: `${label}${variant}`,
    });
    return { ...step, cost: costOf(unit) };
  };
  const compile = (files, flags) =>
    joinSources(files, unitsDir, { alone }).map((unit) => compileOne(unit, [unit.optimisation, ...flags]));
  // Each alone: a failed check names its file, and tests may call their helpers alike.
  const compileAlone = (files) => files.map((file) => compileOne({ file, bytes: fs.statSync(file).size }, ["-O2"]));
  const link = (output, flags, steps) => {
    const inputs = steps.map((step) => relative(step.output));
    const command = (out) => [...compiler.command, ...inputs, ...flags, ...systemLibraries, "-o", out];
    const record = path.join(objectsDir, `${path.basename(output)}.json`);
    return { label: relative(output), output, record, inputs, command };
  };

  const core = compile(sources.core, []);
  const addon = withAddon ? compile(sources.addon, napi) : [];
  const tests = withTests ? compileAlone(sources.tests) : [];
  const { shared, kernels, checkedKernels, plugin } = emulated({
    sources,
    compiler,
    compileOne,
    withTests,
    withChecked,
  });
  const [bench, ...benches] = [
    sources.bench,
    sources.kernelBench,
    sources.sensitivityBench,
    sources.launchBench,
    sources.tensorsBench,
  ].map((files) => (withBench ? compileAlone(files) : []));
  const products = withAddon ? [link(addonFile, addonLinkFlags(), [...core, ...addon])] : [];
  if (tests.length > 0) products.push(link(testsFile, ["-pthread"], [...core, ...tests, ...shared, ...kernels]));
  if (checkedKernels.length > 0)
    products.push(link(checkedTestsFile, ["-pthread"], [...core, ...tests, ...shared, ...checkedKernels]));
  if (plugin.length > 0) products.push(link(emulatedPluginFile, emulatedPluginFlags, plugin));
  for (const [index, file] of [benchFile, sensitivityFile, launchesFile, tensorsFile].entries())
    if (benches[index].length > 0) products.push(link(file, ["-pthread"], [...core, ...bench, ...benches[index]]));

  if (!fs.existsSync(addonFile)) {
    console.log(`building with ${compiler.version}, ${jobs} jobs`);
    checkCompiler(compiler);
  }
  const ofEmulator = [...new Set([...shared, ...kernels, ...checkedKernels, ...plugin])];
  const compiled = await update(
    [...core, ...addon, ...tests, ...ofEmulator, ...bench, ...benches.flat()].sort((a, b) =>
      a.cost === b.cost ? 0 : b.cost - a.cost,
    ),
    jobs,
  );
  const linked = await update(products, jobs);
  if (compiled + linked === 0) console.log("native build is up to date");
}

/** On Windows node-gyp finds Visual Studio and the import library of node.exe. */
function buildOnWindows({ withTests }) {
  const args = ["--in-place", ...(withTests ? ["--tests"] : [])];
  const result = spawnSync(process.execPath, [path.join(root, "tools/build/gyp.mjs"), ...args], { stdio: "inherit" });
  process.exitCode = result.status ?? 1;
}

const { values } = parseArgs({
  options: {
    clean: { type: "boolean" },
    jobs: { type: "string" },
    tests: { type: "boolean" },
    checked: { type: "boolean" },
    alone: { type: "boolean" },
    bench: { type: "boolean" },
    "no-addon": { type: "boolean" },
  },
});
const jobs = Number(values.jobs ?? os.availableParallelism());
if (values.clean) for (const dir of [objectsDir, releaseDir]) fs.rmSync(dir, { recursive: true, force: true });
if (process.platform === "win32") buildOnWindows({ withTests: values.tests });
else {
  const withChecked = values.checked;
  const withTests = values.tests || withChecked;
  const withAddon = !values["no-addon"];
  await build({ jobs, alone: values.alone, withAddon, withTests, withChecked, withBench: values.bench }).catch(
    (error) => {
      console.error(`\nnative build failed: ${error.message}`);
      process.exitCode = 1;
    },
  );
}
