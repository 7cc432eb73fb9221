// `npm run test:platforms -- [--only linux-arm64,...] [--quick] [--prebuilds FOLDER] [--out FILE]`: runs what can be run here of the
// addons that `npm run prebuild:all` made, and looks at the rest. Needs zig for the C++ tests of other systems (docs/building.md), which --quick leaves
// out, and what a part names when it is missing. Ends with 1 where anything failed.
import fs from "node:fs";
import os from "node:os";
import { parseArgs } from "node:util";
import { prebuildsDir } from "../build/prebuilt.mjs";
import { table } from "../report/markdown.mjs";
import { checkPlatforms, SYSTEMS } from "./checks.mjs";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    quick: { type: "boolean", default: false },
    prebuilds: { type: "string", default: prebuildsDir },
    out: { type: "string" },
  },
});
const wanted = values.only?.split(",") ?? SYSTEMS;
const unknown = wanted.find((name) => !SYSTEMS.includes(name));
if (unknown !== undefined) {
  console.error(`--only: expected some of ${SYSTEMS.join(", ")} but received "${unknown}"`);
  process.exit(2);
}

const checked = [...(await checkPlatforms(wanted, values))];
const rows = checked.flatMap(([name, { rows }]) => rows.map(({ what, where, result }) => [name, what, where, result]));
const failures = checked.flatMap(([, { failures }]) => failures);
const report = [
  `# The addons on their systems`,
  `${os.cpus()[0].model}, ${new Date().toISOString().slice(0, 10)}.`,
  table(["system", "what", "where", "result"], rows),
  failures.length === 0 ? "All of it passed." : `## Failed\n\n${failures.join("\n\n")}`,
].join("\n\n");
console.log(report);
if (values.out !== undefined) fs.writeFileSync(values.out, `${report}\n`);
process.exitCode = failures.length > 0 ? 1 : 0;
