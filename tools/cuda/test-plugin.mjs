// Tests the plugin's own part, without a GPU and without NVIDIA's runtime: `node tools/cuda/test-plugin.mjs`. Its files are linked
// with test/cuda-plugin, which stands for the runtime and the kernels. Needs nvcc and the toolkit's headers.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { findCompiler } from "../build/compiler.mjs";
import { codeFlags, kernelFlags, readCudaSources } from "../build/cuda-flags.mjs";
import { findToolkit } from "../build/cuda-toolkit.mjs";
import { compileStep, update } from "../build/incremental.mjs";
import { buildDir, root } from "../build/paths.mjs";
import { readSources } from "../build/sources.mjs";

const folder = path.join(buildDir, "cuda/plugin-tests");
const program = path.join(folder, "plugin_tests");

function stepOf(toolkit, compiler, source) {
  const { cflags } = readSources(process.arch);
  const output = path.join(folder, `${source}.o`);
  const compile = source.endsWith(".cu")
    ? [toolkit.nvcc, ...kernelFlags(source), ...codeFlags([75])]
    : [...compiler.command, "-std=c++17", "-O1", ...cflags, "-Inative", "-isystem", toolkit.include];
  return compileStep(compile, source, output, { depends: "-MD" });
}

try {
  const toolkit = findToolkit();
  const compiler = findCompiler();
  const tests = fs.readdirSync(path.join(root, "test/cuda-plugin")).filter((name) => name.endsWith(".cc"));
  const sources = [...readCudaSources().plugin, ...tests.map((name) => `test/cuda-plugin/${name}`)];
  const objects = sources.map((source) => stepOf(toolkit, compiler, source));
  const inputs = objects.map((step) => path.relative(root, step.output));
  const command = (out) => [...compiler.command, ...inputs, "-pthread", "-o", out];
  await update(objects, 1);
  await update(
    [{ label: path.relative(root, program), output: program, record: `${program}.json`, inputs, command }],
    1,
  );
  process.exitCode = spawnSync(program, { stdio: "inherit" }).status ?? 1;
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
