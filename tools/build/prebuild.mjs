// Fills prebuilds/<platform>-<arch>/ through prebuildify, then loads the file and prints what it asks of a system:
// `npm run prebuild`. Works offline: node-gyp gets its headers from the package node-api-headers.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { newestGlibc } from "./elf.mjs";
import { packageDir, root } from "./paths.mjs";
import { gypEnvironment, makeStage } from "./stage.mjs";

const folder = path.join(root, "prebuilds", `${process.platform}-${process.arch}`);

function run(command, args, options) {
  const result = spawnSync(command, args, { encoding: "utf8", ...options });
  if (result.status !== 0)
    throw new Error(
      `${path.basename(args[0] ?? command)} failed: ${result.error?.message ?? result.stderr ?? result.status}`,
    );
  return result.stdout;
}

fs.rmSync(folder, { recursive: true, force: true });
const stage = makeStage("prebuild");
run(
  process.execPath,
  [path.join(packageDir("prebuildify"), "bin.js"), "--napi", "--strip", "--tag-libc", "--out", root],
  {
    cwd: stage,
    env: { ...gypEnvironment(), GYP_DEFINES: "static_runtime=1" },
    stdio: "inherit",
  },
);
for (const name of fs.readdirSync(folder).filter((name) => name.endsWith(".node"))) {
  const file = path.join(folder, name);
  const system = run(process.execPath, ["-p", `JSON.stringify(require(${JSON.stringify(file)}).system())`]).trim();
  console.log(`${path.relative(root, file)}: ${(fs.statSync(file).size / 1024).toFixed(0)} KiB, loads: ${system}`);
  if (process.platform === "linux") console.log(`newest glibc symbol needed: ${newestGlibc(file)}`);
}
