// Whether prebuilds/ is what would be released: every system's addon, made of the sources that lie beside it, and whole.
// `node tools/release/prebuilds.mjs`; npm runs it before it publishes.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "../build/paths.mjs";
import { prebuildsDir, readManifest, sha256 } from "../build/prebuilt.mjs";
import { hashSources } from "../build/source-hash.cjs";
import { PREBUILT } from "../build/targets.mjs";

/** @returns {string[]} what is wrong; empty when nothing is */
export function prebuildProblems() {
  const manifest = readManifest();
  if (manifest === undefined) return ["there is no prebuilds/manifest.json"];
  const problems = [];
  if (manifest.sources !== hashSources(root))
    problems.push("prebuilds/ is stale: native/ has changed since it was made");
  for (const target of PREBUILT) {
    const entry = manifest.files.find(({ file }) => file === target.file);
    const file = path.join(prebuildsDir, target.file);
    if (entry === undefined) problems.push(`${target.name}: the manifest has no addon for it`);
    else if (!fs.existsSync(file)) problems.push(`${target.name}: ${target.file} is missing`);
    else if (sha256(file) !== entry.sha256)
      problems.push(`${target.name}: ${target.file} is not what the manifest says`);
  }
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
