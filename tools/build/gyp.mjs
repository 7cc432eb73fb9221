// Builds through node-gyp: `npm run build:gyp`. It works in build/gyp. With --in-place, and always in an installed package, it
// builds native/binding.gyp where it lies and puts what comes out into build/Release, where the loader looks. With --tests it
// builds the C++ tests as well, where they are at hand.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { packageDir, releaseDir, root } from "./paths.mjs";
import { gypEnvironment, makeStage } from "./stage.mjs";

/** The repository's node-gyp; in an installed package, the one that npm brings. */
function findNodeGyp() {
  try {
    return path.join(packageDir("node-gyp"), "bin/node-gyp.js");
  } catch (error) {
    const brought = process.env.npm_config_node_gyp;
    if (brought !== undefined && fs.existsSync(brought)) return brought;
    throw new Error('node-gyp was not found: start this with "npm run build:gyp", or install node-gyp', {
      cause: error,
    });
  }
}

/** Moves a product into build/Release in one step, so that nobody loads half a file. */
function handOver(name) {
  const from = path.join(root, "native/build/Release", name);
  if (!fs.existsSync(from)) return;
  fs.mkdirSync(releaseDir, { recursive: true });
  fs.renameSync(from, path.join(releaseDir, name));
}

const { values } = parseArgs({ options: { "in-place": { type: "boolean" }, tests: { type: "boolean" } } });
const inPlace = values["in-place"] === true || !fs.existsSync(path.join(root, "binding.gyp"));
const withTests = values.tests && fs.existsSync(path.join(root, "test/native")) ? 1 : 0;
const where = inPlace ? ["--directory", path.join(root, "native")] : [];
const result = spawnSync(
  process.execPath,
  [findNodeGyp(), "rebuild", ...where, "-j", "max", "--", `-Dwith_tests=${withTests}`],
  {
    cwd: inPlace ? root : makeStage("gyp"),
    env: gypEnvironment(),
    stdio: "inherit",
  },
);
process.exitCode = result.status ?? 1;
if (inPlace && result.status === 0)
  for (const name of ["node_ip_adapter.node", "native_tests", "native_tests.exe"]) handOver(name);
