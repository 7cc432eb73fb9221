// The package as it would be published, with the addon of this platform in it: made in a staging copy, so that nothing in the
// repository moves.
import fs from "node:fs";
import path from "node:path";
import { addonFile, root } from "../build/paths.mjs";
import { assert, node, npmCli } from "./harness.mjs";

const LEFT_OUT = new Set([".git", "bench", "build", "coverage", "node_modules", "prebuilds", "test"]);

/**
 * @param {boolean} prebuilt with what lies in prebuilds/, instead of the local build
 * @returns {Promise<string>} path of the tarball
 */
export async function makeTarball(temporary, prebuilt) {
  const stage = path.join(temporary, "package");
  fs.mkdirSync(stage);
  for (const name of fs.readdirSync(root)) {
    if (!LEFT_OUT.has(name) && !name.endsWith(".tgz"))
      fs.cpSync(path.join(root, name), path.join(stage, name), { recursive: true });
  }
  assert(fs.existsSync(path.join(stage, "dist/index.mjs")), "dist/ is missing: npm run build:ts");
  const prebuilds = path.join(stage, "prebuilds");
  if (prebuilt) fs.cpSync(path.join(root, "prebuilds"), prebuilds, { recursive: true });
  else copyAddon(prebuilds);
  const answer = await node([npmCli(), "pack", "--ignore-scripts", "--json", "--pack-destination", temporary], {
    cwd: stage,
  });
  return path.join(temporary, readPacked(answer).filename);
}

/** What `npm pack --json` says of the one package: npm answers with a list, or from version 12 on with a table by name. */
export function readPacked(answer) {
  return Object.values(JSON.parse(answer.slice(answer.search(/^[[{]/m))))[0];
}

/** The local build, in the place of a prebuilt one: it is never older than the code. */
function copyAddon(prebuilds) {
  assert(fs.existsSync(addonFile), "there is no addon to pack: npm run build:native");
  const folder = path.join(prebuilds, `${process.platform}-${process.arch}`);
  fs.mkdirSync(folder, { recursive: true });
  fs.copyFileSync(addonFile, path.join(folder, "node-ip-adapter.node"));
}
