// Each bundler packs a program and this package into one file; the recipes are those of docs/bundlers.md. The bundle then runs
// in its project, or alone in another folder with the variable that the page names.
import fs from "node:fs";
import path from "node:path";
import { assert, binOf, makeProject, node, npmInstall, run, writeJson } from "./harness.mjs";
import { checkResult, commonJsProgram, esModuleProgram } from "./programs.mjs";

const PACKAGE = "node_modules/node-ip-adapter";
const BANNER =
  'import { createRequire as requireFor } from "node:module"; const require = requireFor(import.meta.url);';

/** A project with the package, these tools and both programs. */
async function projectWith(context, name, tools) {
  const folder = makeProject(context.temporary, name);
  await npmInstall(folder, [context.tarball, ...tools]);
  fs.writeFileSync(path.join(folder, "program.cjs"), commonJsProgram());
  fs.writeFileSync(path.join(folder, "program.mjs"), esModuleProgram());
  return folder;
}

/** A folder that holds these files of the project and nothing else. */
function moved(folder, name, files) {
  const elsewhere = path.join(path.dirname(folder), `${path.basename(folder)}-${name}-alone`);
  for (const file of files)
    fs.cpSync(path.join(folder, file), path.join(elsewhere, path.basename(file)), { recursive: true });
  return elsewhere;
}

/** The bundle alone says what to set, at once; with that set it paints. */
async function checkAlone(bundle, root) {
  const cwd = path.dirname(bundle);
  const refused = await node([bundle], { cwd, fails: true });
  for (const part of ["ERR_IPA_FILES_MISSING", "NODE_IP_ADAPTER_ROOT", "external"])
    assert(refused.includes(part), `the first error lacks ${part}:\n${refused}`);
  await checkResult(await node([bundle], { cwd, env: { NODE_IP_ADAPTER_ROOT: root } }));
}

let esbuildProject;
const withEsbuild = (context) => (esbuildProject ??= projectWith(context, "esbuild", ["esbuild@0.28"]));

async function esbuild(folder, entry, output, flags) {
  const esbuildFlags = ["--bundle", "--platform=node", "--log-level=warning", `--outfile=${output}`, ...flags];
  await run([path.join(folder, "node_modules/.bin/esbuild"), entry, ...esbuildFlags], { cwd: folder });
  return path.join(folder, output);
}

async function esbuildCommonJs(context) {
  const folder = await withEsbuild(context);
  const bundle = await esbuild(folder, "program.cjs", "out/bundle.cjs", ["--external:sharp"]);
  await checkResult(await node([bundle], { cwd: folder }));
  const alone = moved(folder, "cjs", ["out/bundle.cjs"]);
  await checkAlone(path.join(alone, "bundle.cjs"), path.join(folder, PACKAGE));
}

async function esbuildModules(context) {
  const folder = await withEsbuild(context);
  const bundle = await esbuild(folder, "program.mjs", "out/bundle.mjs", [
    "--format=esm",
    "--external:sharp",
    `--banner:js=${BANNER}`,
  ]);
  await checkResult(await node([bundle], { cwd: folder }));
  const alone = moved(folder, "esm", ["out/bundle.mjs"]);
  await checkAlone(path.join(alone, "bundle.mjs"), path.join(folder, PACKAGE));
}

async function esbuildExternal(context) {
  const folder = await withEsbuild(context);
  for (const [entry, output, format] of [
    ["program.cjs", "out/external.cjs", "cjs"],
    ["program.mjs", "out/external.mjs", "esm"],
  ]) {
    const bundle = await esbuild(folder, entry, output, [`--format=${format}`, "--external:node-ip-adapter"]);
    await checkResult(await node([bundle], { cwd: folder }));
  }
}

async function addonByPath(context) {
  const folder = await withEsbuild(context);
  const bundle = await esbuild(folder, "program.cjs", "out/addon.cjs", ["--external:sharp"]);
  const alone = moved(folder, "addon", ["out/addon.cjs", `${PACKAGE}/models`, "node_modules"]);
  fs.rmSync(path.join(alone, PACKAGE), { recursive: true });
  const prebuilds = path.join(folder, PACKAGE, "prebuilds", `${process.platform}-${process.arch}`);
  fs.copyFileSync(path.join(prebuilds, fs.readdirSync(prebuilds)[0]), path.join(alone, "engine.node"));
  const env = { NODE_IP_ADAPTER_ROOT: alone, NODE_IP_ADAPTER_ADDON: path.join(alone, "engine.node") };
  await checkResult(await node([path.basename(bundle)], { cwd: alone, env }));
}

async function webpack(context) {
  const folder = await projectWith(context, "webpack", ["webpack@5"]);
  const config = {
    mode: "production",
    target: "node20",
    entry: "./program.cjs",
    externals: { sharp: "commonjs sharp" },
    output: { path: path.join(folder, "out"), filename: "bundle.cjs" },
  };
  const build = `require("webpack")(${JSON.stringify(config)}, (error, stats) => { if (error || stats.hasErrors()) throw error ?? new Error(stats.toString()); });`;
  await node(["-e", build], { cwd: folder });
  await checkResult(await node(["out/bundle.cjs"], { cwd: folder }));
  const alone = moved(folder, "bundle", ["out/bundle.cjs"]);
  await checkAlone(path.join(alone, "bundle.cjs"), path.join(folder, PACKAGE));
}

/** ncc copies the models and the addon beside its bundle; sharp is installed there. */
async function ncc(context) {
  const folder = await projectWith(context, "ncc", ["@vercel/ncc"]);
  await node(
    [
      binOf(folder, "@vercel/ncc", "ncc"),
      "build",
      "program.cjs",
      "--out",
      "out",
      "--external",
      "sharp",
      "--no-cache",
      "--quiet",
    ],
    { cwd: folder },
  );
  const alone = moved(folder, "bundle", ["out"]);
  writeJson(path.join(alone, "package.json"), { private: true });
  await npmInstall(alone, [
    `sharp@${JSON.parse(fs.readFileSync(path.join(folder, "node_modules/sharp/package.json"), "utf8")).version}`,
  ]);
  await checkResult(await node(["out/index.cjs"], { cwd: alone }));
}

async function rollup(context) {
  const plugins = ["@rollup/plugin-commonjs", "@rollup/plugin-json", "@rollup/plugin-node-resolve"];
  const folder = await projectWith(context, "rollup", ["rollup@4", ...plugins]);
  fs.writeFileSync(
    path.join(folder, "rollup.config.mjs"),
    `import commonjs from "@rollup/plugin-commonjs";
import json from "@rollup/plugin-json";
import resolve from "@rollup/plugin-node-resolve";
export default {
  input: "program.mjs",
  external: ["sharp"],
  output: { file: "out/bundle.mjs", format: "es" },
  plugins: [resolve({ preferBuiltins: true, exportConditions: ["node"] }), commonjs({ ignoreDynamicRequires: true }), json()],
};\n`,
  );
  await node([binOf(folder, "rollup"), "-c", "--silent"], { cwd: folder });
  await checkResult(await node(["out/bundle.mjs"], { cwd: folder }));
}

async function vite(context) {
  const folder = await projectWith(context, "vite", ["vite@8"]);
  fs.writeFileSync(
    path.join(folder, "vite.config.mjs"),
    `export default { build: { ssr: "program.mjs", outDir: "out" }, ssr: { noExternal: true, external: ["sharp"] }, logLevel: "warn" };\n`,
  );
  await node([binOf(folder, "vite"), "build"], { cwd: folder });
  await checkResult(await node(["out/program.mjs"], { cwd: folder }));
}

/** What Vercel and the standalone output of Next.js copy. */
async function nft(context) {
  const folder = await projectWith(context, "nft", ["@vercel/nft@1"]);
  const trace = `import { nodeFileTrace } from "@vercel/nft"; const { fileList } = await nodeFileTrace(["program.mjs"]); console.log(JSON.stringify([...fileList]));`;
  const files = JSON.parse(
    (await node(["--input-type=module", "-e", trace], { cwd: folder })).trim().split("\n").at(-1),
  );
  const alone = path.join(context.temporary, "nft-alone");
  for (const file of files) {
    fs.mkdirSync(path.dirname(path.join(alone, file)), { recursive: true });
    fs.copyFileSync(path.join(folder, file), path.join(alone, file));
  }
  await checkResult(await node(["program.mjs"], { cwd: alone }));
}

/** A single executable beside a folder with the package. */
async function singleExecutable(context) {
  const folder = await projectWith(context, "sea", ["esbuild@0.28", "postject@1.0.0-alpha.6"]);
  const program = `process.env.NODE_IP_ADAPTER_ROOT ??= require("node:path").join(require("node:path").dirname(process.execPath), "node_modules/node-ip-adapter");\n`;
  fs.writeFileSync(path.join(folder, "single.cjs"), program + commonJsProgram());
  await esbuild(folder, "single.cjs", "bundle.cjs", ["--external:sharp"]);
  writeJson(path.join(folder, "sea.json"), {
    main: "bundle.cjs",
    output: "program.blob",
    disableExperimentalSEAWarning: true,
  });
  await node(["--experimental-sea-config", "sea.json"], { cwd: folder });
  const executable = path.join(folder, process.platform === "win32" ? "program.exe" : "program");
  fs.copyFileSync(process.execPath, executable);
  const fuse = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";
  await node([binOf(folder, "postject"), executable, "NODE_SEA_BLOB", "program.blob", "--sentinel-fuse", fuse], {
    cwd: folder,
  });
  const alone = moved(folder, "executable", [path.basename(executable)]);
  const installed = path.join(alone, "node_modules");
  fs.mkdirSync(installed);
  writeJson(path.join(alone, "package.json"), { private: true });
  await npmInstall(alone, [context.tarball]);
  await checkResult(await run([path.join(alone, path.basename(executable))], { cwd: context.temporary }));
}

export const cases = [
  { name: "esbuild, CommonJS", quick: true, run: esbuildCommonJs },
  { name: "esbuild, ES modules", run: esbuildModules },
  { name: "esbuild, external", run: esbuildExternal },
  { name: "esbuild, models and addon moved (NODE_IP_ADAPTER_ADDON)", run: addonByPath },
  { name: "webpack", run: webpack },
  { name: "ncc, alone with sharp", run: ncc },
  { name: "rollup", run: rollup },
  { name: "vite, ssr", run: vite },
  { name: "nft (Vercel, Next.js standalone)", run: nft },
  { name: "single executable", run: singleExecutable },
];
