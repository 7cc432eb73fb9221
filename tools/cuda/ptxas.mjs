// What each kernel takes of a GPU, as a Markdown table: `node tools/cuda/ptxas.mjs [--arch 75,90] [--jobs N] [FILE.cu ...]`, without files for
// all of native/cuda/kernels. It compiles what `npm run build:cuda` has not. Needs nvcc (tools/build/cuda-toolkit.mjs). Ends with 1 where
// registers are spilled to memory.
import path from "node:path";
import { parseArgs } from "node:util";
import { readCudaSources, readTargets } from "../build/cuda-flags.mjs";
import { root } from "../build/paths.mjs";
import { measureKernels } from "./ptxas-table.mjs";

const { values, positionals } = parseArgs({
  options: { arch: { type: "string" }, jobs: { type: "string" } },
  allowPositionals: true,
});

try {
  const sources =
    positionals.length > 0
      ? positionals.map((file) => path.relative(root, path.resolve(file)))
      : readCudaSources().kernels;
  const { text, spilling } = await measureKernels(readTargets(values.arch), sources, Number(values.jobs ?? 1));
  console.log(text);
  if (spilling > 0) {
    console.error(`\n${spilling} times a kernel spills registers`);
    process.exitCode = 1;
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
