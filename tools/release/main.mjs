// `npm run release:check -- [--quick] [--out FILE]`: all that is looked at before a release, as one table. --quick builds nothing twice, leaves
// out the C++ tests of other systems and the CUDA package, and installs one way of each kind. Needs a clean checkout with what `npm run build` and
// `npm run prebuild:all` make, zig, what docs/building.md names for test:platforms, and nvcc. The whole takes hours on two cores. Ends with 1 where anything failed.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { root } from "../build/paths.mjs";
import { prebuildsDir } from "../build/prebuilt.mjs";
import { PREBUILT } from "../build/targets.mjs";
import { library } from "../cuda/test/parts/plugin.mjs";
import { checkPlatforms, SYSTEMS } from "../platforms/checks.mjs";
import { table } from "../report/markdown.mjs";
import { firstPictures } from "./first-picture.mjs";
import { checkInstall } from "./install.mjs";
import { prebuildProblems } from "./prebuilds.mjs";
import { rebuild } from "./rebuild.mjs";
import { packedSizes } from "./sizes.mjs";

const MOST_SECONDS = 60;
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;

const { values } = parseArgs({ options: { quick: { type: "boolean", default: false }, out: { type: "string" } } });
const { quick } = values;
const failures = [];
const rows = [];

/** A part that breaks off is a failure, and no reason to leave out the others. */
async function part(name, run) {
  console.error(`${name} ...`);
  try {
    await run();
  } catch (error) {
    failures.push(`${name}: ${error.message}`);
  }
}

async function systems(temporary) {
  failures.push(...prebuildProblems());
  const again = quick ? new Map() : rebuild(temporary, SYSTEMS);
  const checked = await checkPlatforms(SYSTEMS, { prebuilds: prebuildsDir, quick });
  for (const target of PREBUILT) {
    const file = path.join(prebuildsDir, target.file);
    const size = fs.existsSync(file) ? megabytes(fs.statSync(file).size) : "missing";
    const same = again.get(target.file) ?? "not tried";
    if (same === "another") failures.push(`${target.name}: built in another folder it has other bytes`);
    const { rows: ran, failures: failed } = checked.get(target.name);
    failures.push(...failed);
    rows.push([target.name, `${size}; built again: ${same}`]);
    rows.push(...ran.map(({ what, where, result }) => ["", `${what} (${where}): ${result}`]));
  }
}

async function sizes() {
  for (const { name, packed, unpacked, files, failures: failed } of packedSizes()) {
    rows.push([name, `${megabytes(packed)} packed, ${megabytes(unpacked)} in ${files} files`]);
    failures.push(...failed);
  }
}

async function cuda() {
  const { text, failures: failed } = library({ jobs: os.availableParallelism() });
  failures.push(...failed);
  const said = text.split("\n").slice(2);
  rows.push(
    ...said.map((line) => [
      "CUDA package",
      line
        .split(" | ")
        .join(": ")
        .replace(/^\| | \|$/g, ""),
    ]),
  );
}

async function installs() {
  const { topics, failures: failed } = checkInstall({ quick });
  failures.push(...failed);
  for (const [topic, { passed, of }] of topics) rows.push([`check:install ${topic}`, `${passed} of ${of}`]);
}

async function waits(temporary) {
  for (const { what, seconds } of await firstPictures(temporary)) {
    rows.push([what, `${seconds.toFixed(0)} s, without a compiler`]);
    if (seconds > MOST_SECONDS) failures.push(`${what}: ${seconds.toFixed(0)} s, of at most ${MOST_SECONDS}`);
  }
}

async function audit() {
  const { stdout } = spawnSync("npm", ["audit", "--omit=dev", "--json"], { cwd: root, encoding: "utf8" });
  const { metadata, message } = JSON.parse(stdout);
  const found = metadata?.vulnerabilities?.total;
  rows.push(["npm audit", found === undefined ? `no answer: ${message ?? "unknown"}` : `${found} known faults`]);
  if (found > 0) failures.push(`npm audit: ${found} known faults`);
}

const temporary = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "release-check-")));
try {
  await part("systems", () => systems(temporary));
  if (!quick) await part("CUDA package", cuda);
  await part("sizes", sizes);
  await part("installs", installs);
  await part("first pictures", () => waits(temporary));
  await part("audit", audit);
} finally {
  fs.rmSync(temporary, { recursive: true, force: true });
}
const report = [
  "# Release check",
  `${os.cpus()[0].model}, ${new Date().toISOString().slice(0, 10)}${quick ? ", quick" : ""}.`,
  table(["what", "result"], rows),
  failures.length === 0 ? "All of it passed." : `## Failed\n\n${failures.join("\n\n")}`,
].join("\n\n");
console.log(report);
if (values.out !== undefined) fs.writeFileSync(values.out, `${report}\n`);
process.exitCode = failures.length > 0 ? 1 : 0;
