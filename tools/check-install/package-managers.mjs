// Each package manager installs the tarball where there is no compiler, with scripts allowed; then a picture is painted.
import fs from "node:fs";
import path from "node:path";
import { assert, bareBin, binOf, makeProject, node, npmCli, npmInstall, run } from "./harness.mjs";
import { checkResult, commonJsProgram } from "./programs.mjs";

/** A project that depends on the tarball, and on what a program of it needs. */
function projectFor(context, name, settings = {}) {
  const folder = makeProject(context.temporary, name, {
    dependencies: { "node-ip-adapter": `file:${context.tarball}` },
  });
  for (const [file, text] of Object.entries(settings)) fs.writeFileSync(path.join(folder, file), text);
  fs.writeFileSync(path.join(folder, "program.cjs"), commonJsProgram());
  return folder;
}

async function toolOf(context, spec, name, command = name) {
  const folder = makeProject(context.temporary, `tool-${spec.replace(/\W+/g, "-")}`);
  await npmInstall(folder, [spec], { flags: ["--ignore-scripts"] });
  return binOf(folder, name, command);
}

/** Nothing on the PATH can compile; caches stay in the temporary folder. */
function environmentOf(context) {
  return { PATH: bareBin(context.temporary), CI: "true" };
}

function refuseCompiling(output) {
  assert(!/node-gyp|gyp (ERR|info)/.test(output), `the package manager started node-gyp:\n${output.slice(-4000)}`);
}

async function withNpm(context) {
  const folder = projectFor(context, "npm");
  const env = environmentOf(context);
  refuseCompiling(await npmInstall(folder, [], { env }));
  await checkResult(await node(["program.cjs"], { cwd: folder, env }));
}

const yarn1 = async (context) => {
  const yarn = await toolOf(context, "yarn@1", "yarn");
  const folder = projectFor(context, "yarn-1");
  const env = { ...environmentOf(context), YARN_CACHE_FOLDER: path.join(context.temporary, "cache-yarn-1") };
  refuseCompiling(await node([yarn, "install", "--non-interactive"], { cwd: folder, env }));
  await checkResult(await node(["program.cjs"], { cwd: folder, env }));
};

const yarn4 = (linker) => async (context) => {
  const yarn = await toolOf(context, "@yarnpkg/cli-dist@4", "@yarnpkg/cli-dist", "yarn");
  const folder = projectFor(context, `yarn-4-${linker}`, { "yarn.lock": "" });
  const registry = (await node([npmCli(), "config", "get", "registry"], { cwd: folder })).trim().split("\n").at(-1);
  const env = {
    ...environmentOf(context),
    YARN_NPM_REGISTRY_SERVER: registry,
    YARN_NODE_LINKER: linker,
    YARN_ENABLE_SCRIPTS: "true",
    YARN_ENABLE_TELEMETRY: "false",
    YARN_ENABLE_IMMUTABLE_INSTALLS: "false",
    YARN_NPM_MINIMAL_AGE_GATE: "0",
    YARN_GLOBAL_FOLDER: path.join(context.temporary, "cache-yarn-4"),
  };
  refuseCompiling(await node([yarn, "install"], { cwd: folder, env }));
  await checkResult(await node([yarn, "node", "program.cjs"], { cwd: folder, env }));
};

const pnpm = (version) => async (context) => {
  const command = await toolOf(context, `pnpm@${version}`, "pnpm");
  // Version 10 runs a package's scripts only when it is told to.
  const folder = projectFor(context, `pnpm-${version}`, { ".npmrc": "dangerously-allow-all-builds=true\n" });
  const env = environmentOf(context);
  refuseCompiling(
    await node([command, "install", "--store-dir", path.join(context.temporary, "cache-pnpm")], { cwd: folder, env }),
  );
  await checkResult(await node(["program.cjs"], { cwd: folder, env }));
};

/** An installed package can be built where no prebuilt addon fits: by a compiler alone. */
async function builtFromSource(context) {
  const folder = projectFor(context, "from-source");
  await npmInstall(folder, []);
  const installed = path.join(folder, "node_modules/node-ip-adapter");
  fs.rmSync(path.join(installed, "prebuilds"), { recursive: true });
  await run([process.execPath, npmCli(), "run", "build:native"], { cwd: installed, env: { CXX: process.env.CXX } });
  await checkResult(await node(["program.cjs"], { cwd: folder }));
}

export const cases = [
  { name: "npm", quick: true, run: withNpm },
  { name: "yarn 1", run: yarn1 },
  { name: "yarn 4, Plug'n'Play", run: yarn4("pnp") },
  { name: "yarn 4, node_modules", run: yarn4("node-modules") },
  { name: "pnpm 9", run: pnpm(9) },
  { name: "pnpm 10", run: pnpm(10) },
  { name: "npm, built from source with a compiler alone", run: builtFromSource },
];
