// Whether prebuilds/ is what would be released: every system's addon, made of the sources that lie beside it, and whole.
// `node tools/release/prebuilds.mjs`; npm runs it before it publishes.
import { pathToFileURL } from "node:url";
import { root } from "../build/paths.mjs";
import { fileProblem, readManifest } from "../build/prebuilt.mjs";
import { hashSources } from "../build/source-hash.cjs";
import { PREBUILT } from "../build/targets.mjs";

/** @returns {string[]} what is wrong; empty when nothing is */
export function prebuildProblems() {
  const manifest = readManifest();
  if (manifest === undefined) return ["there is no prebuilds/manifest.json"];
  const problems = PREBUILT.map((target) => fileProblem(target, manifest)).filter((problem) => problem !== undefined);
  if (manifest.sources !== hashSources(root))
    problems.unshift("prebuilds/ is stale: native/ has changed since it was made");
  return problems;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const problems = prebuildProblems();
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) {
    console.error("npm run prebuild:all makes them anew");
    process.exitCode = 1;
  } else console.log("prebuilds/ is complete and of these sources");
}
