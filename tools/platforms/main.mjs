// `npm run test:platforms -- [--only linux-arm64,...] [--quick] [--prebuilds FOLDER] [--out FILE]`: runs what can be run here of the
// addons that `npm run prebuild:all` made, and looks at the rest. Needs zig for the C++ tests of other systems (docs/building.md), which --quick leaves
// out, and what a part names when it is missing. Ends with 1 where anything failed.
import fs from "node:fs";
import os from "node:os";
import { parseArgs } from "node:util";
import { prebuildsDir } from "../build/prebuilt.mjs";
import { PREBUILT } from "../build/targets.mjs";
import { table } from "../report/markdown.mjs";
import { checkDarwin } from "./systems/darwin.mjs";
import { checkLinux } from "./systems/linux.mjs";
import { checkMusl } from "./systems/musl.mjs";
import { checkWindows } from "./systems/windows.mjs";

/**
 * @typedef {{ rows: { what: string, where: string, result: string }[], failures: string[] }} Checked
 * @typedef {{ prebuilds: string, quick: boolean }} Options
 */

/** @type {Record<string, (target: import("../build/targets.mjs").Target, options: Options) => Promise<Checked>>} */
const CHECKS = {
  "linux-x64": checkLinux,
  "linux-arm64": checkLinux,
  "linux-x64-musl": checkMusl,
  "linux-arm64-musl": checkMusl,
  "win32-x64": checkWindows,
  "win32-arm64": checkWindows,
  "darwin-arm64": checkDarwin,
  "darwin-x64": checkDarwin,
};

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    quick: { type: "boolean", default: false },
    prebuilds: { type: "string", default: prebuildsDir },
    out: { type: "string" },
  },
});
const wanted = values.only?.split(",") ?? Object.keys(CHECKS);
const unknown = wanted.find((name) => !(name in CHECKS));
if (unknown !== undefined) {
  console.error(`--only: expected some of ${Object.keys(CHECKS).join(", ")} but received "${unknown}"`);
  process.exit(2);
}

const rows = [];
const failures = [];
for (const target of PREBUILT.filter(({ name }) => wanted.includes(name))) {
  console.error(`${target.name} ...`);
  const checked = await CHECKS[target.name](target, values).catch((error) => ({
    rows: [],
    failures: [`${target.name}: ${error.message}`],
  }));
  rows.push(...checked.rows.map(({ what, where, result }) => [target.name, what, where, result]));
  failures.push(...checked.failures);
}
const report = [
  `# The addons on their systems`,
  `${os.cpus()[0].model}, ${new Date().toISOString().slice(0, 10)}.`,
  table(["system", "what", "where", "result"], rows),
  failures.length === 0 ? "All of it passed." : `## Failed\n\n${failures.join("\n\n")}`,
].join("\n\n");
console.log(report);
if (values.out !== undefined) fs.writeFileSync(values.out, `${report}\n`);
process.exitCode = failures.length > 0 ? 1 : 0;
