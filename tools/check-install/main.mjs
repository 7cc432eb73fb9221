// Installs the package as strangers do, and uses it in their programs: `npm run check:install`. `-- --quick` runs one case of
// each topic, as .ci/run does; `-- esbuild yarn` runs the cases with such a word in their name. Needs what `npm run build`
// makes (with `-- --prebuilds`, what lies in prebuilds/) and a package registry, or npm's cache. All of it happens in a temporary folder, which is removed at the end.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { prebuildsDir, targetHere } from "../build/prebuilt.mjs";
import { expectOf } from "./programs.mjs";
import { makeTarball } from "./tarball.mjs";

const TOPICS = [
  "package-managers",
  "processes",
  "odd-paths",
  "read-only",
  "permission",
  "electron",
  "bundlers",
  "typescript",
  "test-runners",
  "old-node",
  "openai",
  "frameworks",
];

const { values, positionals } = parseArgs({
  options: { quick: { type: "boolean" }, keep: { type: "boolean" }, prebuilds: { type: "boolean" } },
  allowPositionals: true,
});

async function chosenCases() {
  const chosen = [];
  for (const topic of TOPICS) {
    const { cases } = await import(`./${topic}.mjs`);
    for (const one of cases) {
      const name = `${topic}: ${one.name}`;
      if (positionals.length > 0 ? positionals.some((word) => name.includes(word)) : !values.quick || one.quick)
        chosen.push({ ...one, name });
    }
  }
  return chosen;
}

// realpath: on some systems the temporary folder is a link, and tools compare paths.
const temporary = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "check-install-")));
const clean = () => fs.rmSync(temporary, { recursive: true, force: true, maxRetries: 3 });
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    clean();
    process.exit(130);
  });
}

const failed = [];
try {
  const cases = await chosenCases();
  if (cases.length === 0) throw new Error(`no case has ${positionals.join(" or ")} in its name`);
  const context = { temporary, tarball: await makeTarball(temporary, values.prebuilds) };
  if (values.prebuilds) expectOf(path.join(prebuildsDir, targetHere().file));
  for (const { name, run } of cases) {
    const from = performance.now();
    const seconds = () => `${((performance.now() - from) / 1000).toFixed(1)} s`;
    try {
      await run(context);
      console.log(`ok   ${name}, ${seconds()}`);
    } catch (error) {
      failed.push(name);
      console.log(`FAIL ${name}, ${seconds()}\n${error.message.slice(-3000).replace(/^/gm, "       ")}`);
    }
  }
  console.log(`${cases.length - failed.length} of ${cases.length} cases passed`);
} finally {
  if (values.keep) console.log(`kept: ${temporary}`);
  else clean();
}
if (failed.length > 0) process.exitCode = 1;
