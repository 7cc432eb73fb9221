// The addon of this checkout: `npm run build:addon` takes the prebuilt one where it was made of these very sources and loads here, and
// builds it where not. --tests builds the C++ tests as well, where there is a compiler. IPA_FROM_SOURCE=1 builds in any case.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { parseArgs } from "node:util";
import { findCompiler } from "./compiler.mjs";
import { addonRecord, root } from "./paths.mjs";
import { prebuiltHere, takePrebuilt } from "./prebuilt.mjs";

const { values } = parseArgs({ options: { tests: { type: "boolean" } } });

function native(...args) {
  const tests = values.tests ? ["--tests"] : [];
  const command = ["tools/build/native.mjs", ...tests, ...args];
  process.exitCode = spawnSync(process.execPath, command, { cwd: root, stdio: "inherit" }).status ?? 1;
}

function hasCompiler() {
  try {
    findCompiler();
    return true;
  } catch {
    return false;
  }
}

// Whoever has built it here goes on doing so.
const found = fs.existsSync(addonRecord) ? { reason: "one was built here before" } : prebuiltHere();
if (found.file === undefined) {
  console.log(`the addon is built from source: ${found.reason}`);
  native();
} else {
  takePrebuilt(found.file);
  console.log("the addon is the prebuilt one, which was made of these sources");
  if (values.tests && hasCompiler()) native("--no-addon");
  else if (values.tests) console.log("the C++ tests are not built: there is no compiler here");
}
