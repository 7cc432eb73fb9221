// Prepares a folder and an environment in which node-gyp builds binding.gyp. node-gyp owns (and empties) the folder
// `build` beside its binding.gyp, so it works on links to the sources in build/<name>.
import fs from "node:fs";
import path from "node:path";
import { makeNodedir } from "./nodedir.mjs";
import { buildDir, root } from "./paths.mjs";

/** A folder with binding.gyp and links to what it names. @returns {string} its path */
export function makeStage(name) {
  const stage = path.join(buildDir, name);
  fs.mkdirSync(path.join(stage, "test"), { recursive: true });
  for (const file of ["binding.gyp", "package.json"]) fs.copyFileSync(path.join(root, file), path.join(stage, file));
  for (const dir of ["native", "test/native", "node_modules"]) {
    const link = path.join(stage, dir);
    if (!fs.existsSync(link)) fs.symlinkSync(path.join(root, dir), link, "junction");
  }
  return stage;
}

/** Environment in which node-gyp needs no download. Windows keeps node-gyp's own way, for node.lib. */
export function gypEnvironment() {
  return process.platform === "win32" ? process.env : { ...process.env, npm_config_nodedir: makeNodedir() };
}
