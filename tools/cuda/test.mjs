// `npm run test:cuda -- [--only ops,checked,...] [--quick] [--arch 75,90] [--jobs N] [--out FILE]`: what can be shown of the CUDA
// backend without a GPU, as a report in Markdown. --quick: the ops and networks in f16 alone. --only: some parts. `registers` and
// `library` need nvcc (docs/cuda.md); the others the native tests with the checked kernels and the benchmarks, which are built first.
// Ends with 1 where a part fails, or where all kernels should have run and one did not.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import { parseArgs } from "node:util";
import { root } from "../build/paths.mjs";
import { LaunchedKernels } from "./test/launched.mjs";
import { seconds } from "../report/markdown.mjs";
import { launches } from "./test/parts/launches.mjs";
import { mini } from "./test/parts/mini.mjs";
import { checked, faults, kernels, networks, ops } from "./test/parts/native.mjs";
import { library, registers } from "./test/parts/plugin.mjs";

const PARTS = {
  ops: ["Ops against references in f64", ops],
  kernels: ["Kernels by themselves", kernels],
  networks: ["Networks and calls against diffusers", networks],
  mini: ["The shipped model against diffusers in f32", mini],
  faults: ["What goes wrong", faults],
  checked: ["With every access to memory checked", checked],
  launches: ["Launches, and a roofline on paper", launches],
  registers: ["Registers", registers],
  library: ["The plugin", library],
};
/** Those that together launch every kernel. */
const LAUNCHING = ["ops", "kernels"];

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    quick: { type: "boolean", default: false },
    arch: { type: "string" },
    jobs: { type: "string", default: String(Math.min(2, os.availableParallelism())) },
    out: { type: "string" },
  },
});
const wanted = values.only?.split(",") ?? Object.keys(PARTS);
const unknown = wanted.find((name) => !(name in PARTS));
if (unknown !== undefined) {
  console.error(`--only: expected some of ${Object.keys(PARTS).join(", ")} but received "${unknown}"`);
  process.exit(2);
}

function build() {
  const flags = ["--tests", "--bench", ...(wanted.includes("checked") ? ["--checked"] : [])];
  const { status } = spawnSync(process.execPath, ["tools/build/native.mjs", ...flags], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  if (status !== 0) throw new Error("the native tests do not build");
}

const report = [];
const say = (text) => {
  report.push(text);
  console.log(`${text}\n`);
};

/** @returns {Promise<string[]>} what failed */
async function runParts() {
  const options = { quick: values.quick, arch: values.arch, jobs: Number(values.jobs), kernels: new LaunchedKernels() };
  const failures = [];
  for (const name of wanted) {
    const [title, part] = PARTS[name];
    const start = Date.now();
    console.error(`${title} ...`);
    const { text, failures: failed } = await part(options);
    failures.push(...failed);
    say(`## ${title}\n\n${text}\n\n${seconds((Date.now() - start) / 1000)}.`);
  }
  if (!values.quick && LAUNCHING.every((name) => wanted.includes(name))) {
    const { text, never } = options.kernels.report();
    say(`## Kernels that ran\n\n${text}`);
    failures.push(...never.map((name) => `no test launches ${name}`));
  }
  return failures;
}

try {
  build();
  say(`# CUDA without a GPU\n\n${os.cpus()[0].model}, ${new Date().toISOString().slice(0, 10)}.`);
  const failures = await runParts();
  say(failures.length > 0 ? `## Failed\n\n${failures.join("\n\n")}` : "All of it passed.");
  if (values.out !== undefined) fs.writeFileSync(values.out, `${report.join("\n\n")}\n`);
  process.exitCode = failures.length > 0 ? 1 : 0;
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
