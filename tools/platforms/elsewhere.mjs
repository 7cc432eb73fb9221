// The addon in Nodes of another system, and the C++ tests beside it: what linux.mjs and windows.mjs share.
import os from "node:os";
import { CrossBuild } from "../build/cross.mjs";
import { findZig } from "../build/zig.mjs";
import { failuresOf, runTests } from "../report/native-tests.mjs";
import { compare, exercise } from "./exercising.mjs";
import { fetchNode } from "./programs.mjs";

const TESTS_LIMIT = 3 * 3600;

/**
 * @param {{ target: import("../build/targets.mjs").Target, options: { quick: boolean }, addon: string,
 *   host: import("./programs.mjs").Host, nodes: { name: string, version: number }[], withTests: boolean }} what
 * @returns {Promise<import("./checks.mjs").Checked>}
 */
export async function runsElsewhere({ target, options, addon, host, nodes, withTests }) {
  const rows = [];
  const failures = [];
  for (const { name, version } of nodes) {
    const node = fetchNode(name, version);
    const run = await exercise({
      name: `${target.name}-node-${version}`,
      command: [...host.command, node.file],
      env: host.env,
      addon,
      startsItself: host.startsItself ?? true,
    });
    failures.push(...run.failures);
    const painted = run.results.picture?.value;
    const difference = painted === undefined ? undefined : await compare(target.name, painted);
    failures.push(...(difference?.failures ?? []));
    rows.push({
      what: "a user's calls",
      where: `Node ${node.version}, ${host.name}, ${run.results.system?.value?.isa ?? "?"}`,
      result: `${resultOf(run)}${difference === undefined ? "" : `; latents within ${difference.latents.toExponential(0)}, pixels within ${difference.pixels}`}`,
    });
  }
  if (withTests && !options.quick) {
    const tests = await nativeTests(target, host);
    rows.push(...tests.rows);
    failures.push(...tests.failures);
  }
  return { rows, failures };
}

function resultOf({ results, failures }) {
  const parts = Object.entries(results);
  const leftOut = parts.filter(([, { value }]) => typeof value === "string" && value.startsWith("left out"));
  const passed = parts.filter(([, { ok }]) => ok).length - leftOut.length;
  const replacing = results.replacing?.value;
  return [
    `${passed} of ${parts.length - leftOut.length} parts${failures.length === 0 ? "" : ", FAILED"}`,
    ...leftOut.map(([name, { value }]) => `${name} ${value}`),
    ...(replacing === undefined || replacing === "replaced" ? [] : [`an open file is not replaced (${replacing})`]),
  ].join("; ");
}

/** All C++ tests of the CPU, built by zig. @returns {Promise<import("./checks.mjs").Checked>} */
export async function nativeTests(target, host) {
  const program = await new CrossBuild(target, findZig(), os.availableParallelism()).tests();
  const env = { ...process.env, ...host.env };
  const run = await runTests([...host.command, program], ["--golden", "test/golden"], TESTS_LIMIT, env);
  return {
    rows: [
      {
        what: "C++ tests",
        where: host.name,
        result: `${run.passed.length} passed, ${run.failed.length} failed, ${Math.round(run.wall)} s`,
      },
    ],
    failures: failuresOf(run, target.name),
  };
}
