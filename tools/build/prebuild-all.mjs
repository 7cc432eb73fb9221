// Builds the addon for every system of targets.mjs on this machine, with zig, into prebuilds/: `npm run prebuilds -- [--only linux-x64,..]
// [--out FOLDER] [--jobs N]`. zig is a tool of developers, from PyPI: IPA_ZIG names the command (default: "python3 -m ziglang"). The same
// sources and the same zig give the same bytes, wherever the checkout lies. manifest.json says of what each file was made.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { compileStep, update } from "./incremental.mjs";
import { buildDir, packageDir, root } from "./paths.mjs";
import { hashSources } from "./source-hash.cjs";
import { readSources } from "./sources.mjs";
import { compileFlagsOf, importLibraryCommand, linkFlagsOf, PREBUILT } from "./targets.mjs";
import { joinSources } from "./units.mjs";

const relative = (file) => path.relative(root, file).split(path.sep).join("/");

function findZig() {
  const command = (process.env.IPA_ZIG?.trim() || "python3 -m ziglang").split(/\s+/);
  const { status, stdout, stderr, error } = spawnSync(command[0], [...command.slice(1), "version"], {
    encoding: "utf8",
  });
  if (status !== 0)
    throw new Error(
      `${command.join(" ")}: ${error?.message ?? stderr.trim()}\nzig comes from PyPI: python3 -m venv build/zig && ` +
        "build/zig/bin/pip install ziglang==0.17.1, then IPA_ZIG='build/zig/bin/python -m ziglang' npm run prebuilds",
    );
  return { command, version: stdout.trim() };
}

/** The steps that compile a target's addon, and the one that links it. */
function stepsOf(target, zig) {
  const folder = path.join(buildDir, "prebuilt", target.name);
  const sources = readSources(target.arch);
  const include = [...sources.includeDirs, path.join(packageDir("node-api-headers"), "include")];
  const flags = [
    ...compileFlagsOf(target),
    ...sources.cflags,
    "-I.",
    ...include.map((dir) => `-I${relative(dir)}`),
    `-I${relative(packageDir("node-addon-api"))}`,
    ...sources.addonDefines.map((define) => `-D${define}`),
  ];
  const compiler = [...zig.command, "c++", "-target", target.triple];
  const compile = ({ file, optimisation }) => {
    const output = path.join(folder, "objects", `${relative(file)}.o`);
    const label = `${target.name} ${relative(file)}`;
    return compileStep([...compiler, ...flags, optimisation], relative(file), output, { label });
  };
  const units = joinSources([...sources.core, ...sources.addon], path.join(buildDir, "prebuilt", "units", target.arch));
  const objects = units.map(compile);
  // The name is in the file: it is linked as what it will be called.
  const output = path.join(folder, "node_ip_adapter.node");
  const inputs = objects.map((step) => relative(step.output));
  const library = path.join(folder, "node.lib");
  const link = {
    label: relative(output),
    output,
    record: `${output}.json`,
    inputs,
    command: (out) => [...compiler, ...inputs, ...linkFlagsOf(target, relative(library)), "-o", out],
  };
  return { objects, link, library, output };
}

async function build(target, zig, jobs) {
  const { objects, link, library, output } = stepsOf(target, zig);
  await update(objects, jobs);
  if (target.platform === "win32") {
    const [program, ...args] = importLibraryCommand(zig.command, target, library);
    const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`the import library of node.exe: ${stderr}`);
  }
  await update([link], 1);
  return output;
}

/** What a file was made of, for those who ask whether it is the one of these sources. */
function entryOf(target, file) {
  const bytes = fs.readFileSync(file);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { file: target.file, target: target.triple, bytes: bytes.length, sha256 };
}

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    out: { type: "string", default: path.join(root, "prebuilds") },
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
    const built = await build(target, zig, Number(values.jobs));
    const file = path.join(values.out, target.file);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.copyFileSync(built, file);
    entries.push(entryOf(target, file));
    console.log(`${target.file}: ${(entries.at(-1).bytes / 1e6).toFixed(2)} MB, ${entries.at(-1).sha256.slice(0, 12)}`);
  }
  const manifest = { sources: hashSources(root), compiler: `zig ${zig.version}`, napi: 9, files: entries };
  fs.writeFileSync(path.join(values.out, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
} catch (error) {
  console.error(`\nprebuilds failed: ${error.message}`);
  process.exitCode = 1;
}
