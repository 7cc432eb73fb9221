// Parts of test:cuda that run the native tests on emulated GPUs.
import { checkedTestsFile, testsFile } from "../../../build/paths.mjs";
import { error, seconds, table } from "../../../report/markdown.mjs";
import { failuresOf, inTurn, runTests } from "../../../report/native-tests.mjs";

/** Other orders of threads, and copies that land as late as they may: races show in some of them alone. */
const ORDERS = [
  ["--order", "descending"],
  ["--order", "random", "--seed", "1", "--late-copies"],
  ["--order", "random", "--seed", "2", "--late-copies"],
];
const OPS = ["^ops_", "^graph_"];
/** In seconds. The networks take most of an hour on a machine that has other work. */
const LIMIT = 4 * 3600;

/**
 * Runs those, and gives what a part returns.
 * @param {{ name: string, program?: string, args: string[] }[]} runs
 */
async function runAll(runs, { jobs, kernels }) {
  const results = await inTurn(
    runs.map(({ name, program = testsFile, args }) => async () => {
      const run = await runTests(program, args, LIMIT);
      console.error(`  ${name}: ${run.passed.length} passed, ${run.failed.length} failed, ${seconds(run.wall)}`);
      return run;
    }),
    jobs,
  );
  for (const [i, run] of results.entries())
    for (const [place, count] of run.kernels) kernels.count(runs[i].program ?? testsFile, place, count);
  const rows = results.map((run, i) => [runs[i].name, run.passed.length, run.leftOut.length, run.failed.length]);
  return {
    results,
    table: table(["run", "passed", "of the CPU alone", "failed"], rows),
    failures: [
      ...results.flatMap((run, i) => failuresOf(run, runs[i].name)),
      ...results.flatMap((run, i) => (run.passed.length === 0 ? [`${runs[i].name}: no test ran`] : [])),
    ],
  };
}

/** The largest errors by op, a column a run. */
function errorsByOp(results, names) {
  const ops = [...new Set(results.flatMap(({ errors }) => errors.map(({ op }) => op)))].sort();
  const rows = ops.map((op) => {
    const of = results.map(({ errors }) => errors.filter((entry) => entry.op === op));
    const values = Math.max(...of.map((list) => list.reduce((sum, { values }) => sum + values, 0)));
    const largest = of.map((list) => (list.length > 0 ? error(Math.max(...list.map(({ largest }) => largest))) : ""));
    return [op, values, ...largest];
  });
  return table(["op", "tensors compared", ...names], rows);
}

/** Every op of the CPU's tests against references in f64. */
export async function ops(options) {
  const types = options.quick ? ["f16"] : ["f32", "f16", "bf16"];
  const plain = types.map((type) => ({ name: `${type}, sm_80`, args: ["--device", `cuda-${type}`, ...OPS] }));
  const turing = { name: "f16, sm_75", args: ["--device", "cuda-f16", "--capability", "75", ...OPS] };
  const orders = ORDERS.map((order) => ({
    name: `f16, ${order.join(" ").replaceAll("--", "")}`,
    args: ["--device", "cuda-f16", ...order, ...OPS],
  }));
  const runs = options.quick ? plain : [...plain, turing, ...orders];
  const ran = await runAll(runs, options);
  const shown = options.quick ? 1 : plain.length + 1;
  const names = runs.slice(0, shown).map(({ name }) => `largest error, ${name}`);
  return {
    text: `${ran.table}\n\n${errorsByOp(ran.results.slice(0, shown), names)}`,
    failures: ran.failures,
  };
}

/** The same with kernels whose every access to memory is checked: bounds, races, alignment, bytes that nobody wrote. */
export async function checked(options) {
  const runs = [
    { name: "ops in f16, checked", args: ["--device", "cuda-f16", ...OPS] },
    { name: "ops in f32, checked", args: ["--device", "cuda-f32", ...OPS] },
    { name: "each kernel by itself, checked", args: ["^cuda_"] },
  ].map((run) => ({ ...run, program: checkedTestsFile }));
  const ran = await runAll(runs, options);
  return { text: ran.table, failures: ran.failures };
}

/** Each kernel by itself, and what goes wrong around them. */
export async function kernels(options) {
  const ran = await runAll([{ name: "each kernel by itself", args: ["^cuda_"] }], options);
  return { text: ran.table, failures: ran.failures };
}

export async function faults(options) {
  const ran = await runAll([{ name: "faults", args: ["^cuda_faults_", "^cuda_memory_", "^cuda_loader_"] }], options);
  const names = ran.results[0].passed.map((name) => `- ${name.replace(/^cuda_/, "").replaceAll("_", " ")}`);
  return { text: `${ran.table}\n\n${names.join("\n")}`, failures: ran.failures };
}

/**
 * The small models of test/golden, network by network and call by call, against diffusers. What does not turn on numbers (refusals, memory,
 * cancelling) runs in one type: all of it in each would take hours.
 */
export async function networks(options) {
  const types = options.quick ? ["f16"] : ["f32", "f16", "bf16"];
  const runs = types.map((type) => {
    const tests = type === "f16" ? ["^models_", "^pipeline_"] : ["diffusers"];
    return { name: type, args: ["--device", `cuda-${type}`, ...tests] };
  });
  const ran = await runAll(runs, options);
  const notes = ran.results.map(
    (run, i) => `${runs[i].name}:\n\n${run.notes.map((note) => `    ${note.trim()}`).join("\n")}`,
  );
  return { text: [ran.table, ...notes].join("\n\n"), failures: ran.failures };
}
