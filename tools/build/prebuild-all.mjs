// Builds the addon for every system of targets.mjs on this machine, with zig, into prebuilds/: `npm run prebuild:all -- [--only
// linux-x64,..] [--out FOLDER] [--jobs N]`. zig is a tool of developers, from PyPI: IPA_ZIG names the command (default: "python3 -m ziglang"). The same
// sources and the same zig give the same bytes, wherever the checkout lies. manifest.json says of what each file was made.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { CrossBuild, NAPI_VERSION } from "./cross.mjs";
import { root } from "./paths.mjs";
import { prebuildsDir, readManifest, sha256 } from "./prebuilt.mjs";
import { hashSources } from "./source-hash.cjs";
import { readSources } from "./sources.mjs";
import { PREBUILT } from "./targets.mjs";
import { findZig } from "./zig.mjs";

/** As NODE_IP_ADAPTER_ISA names them: each has a file of kernels. */
const instructionSets = (arch) =>
  readSources(arch)
    .core.map((file) => /^kernels_(\w+)\.cc$/.exec(path.basename(file))?.[1])
    .filter((name) => name !== undefined);

/** What a file was made of, for those who ask whether it is the one of these sources. */
function entryOf(target, file) {
  return {
    file: target.file,
    target: target.triple,
    instructionSets: instructionSets(target.arch),
    bytes: fs.statSync(file).size,
    sha256: sha256(file),
  };
}

/** Of the addons that were made before, of the same sources. */
function keptEntries(folder, { sources, compiler }, made) {
  const before = readManifest(folder);
  if (before?.sources !== sources || before.compiler !== compiler) return [];
  const files = PREBUILT.filter(({ name }) => made.includes(name)).map(({ file }) => file);
  return before.files.filter(({ file }) => !files.includes(file));
}

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    out: { type: "string", default: prebuildsDir },
    jobs: { type: "string", default: String(os.availableParallelism()) },
  },
});

try {
  const names = values.only?.split(",") ?? PREBUILT.map(({ name }) => name);
  const unknown = names.find((name) => !PREBUILT.some((target) => target.name === name));
  if (unknown !== undefined)
    throw new Error(`--only: expected some of ${PREBUILT.map(({ name }) => name).join(", ")} but received ${unknown}`);
  const zig = findZig();
  const entries = [];
  for (const target of PREBUILT.filter(({ name }) => names.includes(name))) {
    const built = await new CrossBuild(target, zig, Number(values.jobs)).addon();
    const file = path.join(values.out, target.file);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.copyFileSync(built, file);
    entries.push(entryOf(target, file));
    console.log(`${target.file}: ${(entries.at(-1).bytes / 1e6).toFixed(2)} MB, ${entries.at(-1).sha256.slice(0, 12)}`);
  }
  const head = { sources: hashSources(root), compiler: `zig ${zig.version}`, napi: NAPI_VERSION };
  const manifest = { ...head, files: [...keptEntries(values.out, head, names), ...entries] };
  fs.writeFileSync(path.join(values.out, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
} catch (error) {
  console.error(`\nprebuild:all failed: ${error.message}`);
  process.exitCode = 1;
}
