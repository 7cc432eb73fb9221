// A mutation test of the CUDA kernels on the emulator: plants one bug after the other (tools/cuda/mutants) and looks whether the tests
// see it. `node tools/cuda/mutate.mjs [--only NAME] [--jobs N] [--list]`; --only takes those whose name contains NAME and may come
// several times. Ends with 1 where a bug survives, where its text is not found once, or where the tests fail without any.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { parseArgs } from "node:util";
import { emulatorProblem } from "../build/emulated.mjs";
import { checkedTestsFile, root, testsFile } from "../build/paths.mjs";
import { mutants } from "./mutants/index.mjs";
import { seconds, table } from "../report/markdown.mjs";
import { failuresOf, inTurn, runTests } from "../report/native-tests.mjs";
import { Planted, plantedSource } from "./test/planted.mjs";

/** What a bug has to survive, in this order. Checked: with kernels whose every access to memory is looked at. */
const RUNS = [
  { name: "plain", checked: false, args: [] },
  ...[1, 2, 3].map((seed) => ({
    name: `random order ${seed}, late copies`,
    checked: false,
    args: ["--order", "random", "--seed", String(seed), "--late-copies"],
  })),
  { name: "checked", checked: true, args: [] },
];

/** In seconds: what tests may take with a bug that take `usual` without. */
const limitOf = (usual) => 30 + 10 * usual;

const argumentsOf = (run, device, tests) => [...(device ? ["--device", device] : []), ...run.args, ...tests];

function choose(only) {
  const names = mutants.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`two bugs are called ${twice}`);
  const chosen = only ? mutants.filter(({ name }) => only.some((part) => name.includes(part))) : mutants;
  if (chosen.length === 0) throw new Error(`no bug is called ${only.join(" or ")}`);
  for (const mutant of chosen) plantedSource(mutant);
  return chosen;
}

function buildAsItIs(jobs) {
  const problem = emulatorProblem();
  if (problem) throw new Error(`no bug can be planted: ${problem}`);
  const args = [path.join(root, "tools/build/native.mjs"), "--checked", "--jobs", String(jobs)];
  if (spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" }).status !== 0)
    throw new Error("the build without a bug failed");
}

/** One run of all tests on a device without a bug. Throws where one fails or there is none. @returns their seconds */
async function runAsItIs(run, device, tests) {
  const result = await runTests(run.checked ? checkedTestsFile : testsFile, argumentsOf(run, device, tests));
  const missing = tests.filter((test) => !result.passed.some((name) => name.includes(test)));
  const what = `without a bug (${run.name}${device ? `, ${device}` : ""})`;
  const problems = failuresOf(result, what);
  if (problems.length === 0 && missing.length > 0)
    problems.push(`${what}: no test passes called ${missing.join(", ")}`);
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return result.seconds;
}

/** Runs all tests of the chosen bugs without a bug. @returns {Promise<(mutant, run) => number>} the seconds that its tests took */
async function tryAsItIs(chosen) {
  const took = new Map();
  const key = (run, device) => `${run.name} on ${device}`;
  for (const device of new Set(chosen.map((mutant) => mutant.device))) {
    const tests = chosen.filter((mutant) => mutant.device === device).flatMap((mutant) => mutant.tests);
    for (const run of RUNS) took.set(key(run, device), await runAsItIs(run, device, [...new Set(tests)]));
  }
  return ({ device, tests }, run) =>
    [...took.get(key(run, device))].reduce(
      (sum, [name, time]) => (tests.some((test) => name.includes(test)) ? sum + time : sum),
      0,
    );
}

/** The test's name, or how the program ended that did not say one. */
const nameOf = ({ name, reasons }) => (name === "native_tests" ? reasons.split("\n").at(-1) : `\`${name}\``);

/** @returns {Promise<{ run: string, test: string } | undefined>} what saw the bug first */
async function findBug(mutant, planted, usual) {
  const programs = new Map();
  for (const run of RUNS) {
    if (!programs.has(run.checked)) programs.set(run.checked, await planted.build(run.checked));
    const args = argumentsOf(run, mutant.device, mutant.tests);
    const { failed } = await runTests(programs.get(run.checked), args, limitOf(usual(mutant, run)));
    if (failed.length > 0) return { run: run.name, test: nameOf(failed[0]) };
  }
  return undefined;
}

async function attack(mutant, usual) {
  const start = Date.now();
  const planted = new Planted(mutant);
  try {
    const caught = await findBug(mutant, planted, usual);
    const verdict = caught ? `caught by ${caught.test} (${caught.run})` : "SURVIVED";
    console.log(`${mutant.name}: ${verdict}, ${seconds((Date.now() - start) / 1000)}`);
    return { mutant, caught };
  } finally {
    planted.forget();
  }
}

function report(results) {
  const rows = results.map(({ mutant, caught }) => [
    mutant.bug,
    `\`${path.basename(mutant.file)}\``,
    caught ? caught.run : "**none**",
    caught ? caught.test : "",
  ]);
  console.log(`\n${table(["bug", "file", "caught by run", "test"], rows)}\n`);
  const found = results.filter(({ caught }) => caught);
  for (const { name } of RUNS) console.log(`${name}: ${found.filter(({ caught }) => caught.run === name).length}`);
  console.log(`${found.length} of ${results.length} caught`);
  if (found.length < results.length) process.exitCode = 1;
}

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    jobs: { type: "string", default: "1" },
    list: { type: "boolean" },
  },
});

try {
  const chosen = choose(values.only);
  if (values.list) {
    for (const { name, file, bug } of chosen) console.log(`${name} (${path.basename(file)}): ${bug}`);
  } else {
    buildAsItIs(Number(values.jobs));
    const usual = await tryAsItIs(chosen);
    const attacks = chosen.map((mutant) => () => attack(mutant, usual));
    report(await inTurn(attacks, Number(values.jobs)));
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
