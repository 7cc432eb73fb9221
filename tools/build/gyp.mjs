// Builds with binding.gyp through node-gyp: `npm run build:gyp`. Works in build/gyp; --in-place in the repository itself.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { parseArgs } from "node:util";
import { packageDir, root } from "./paths.mjs";
import { gypEnvironment, makeStage } from "./stage.mjs";

const { values } = parseArgs({ options: { "in-place": { type: "boolean" } } });
const nodeGyp = path.join(packageDir("node-gyp"), "bin/node-gyp.js");
const result = spawnSync(process.execPath, [nodeGyp, "rebuild", "-j", "max", "--", "-Dwith_tests=1"], {
  cwd: values["in-place"] ? root : makeStage("gyp"),
  env: gypEnvironment(),
  stdio: "inherit",
});
process.exitCode = result.status ?? 1;
