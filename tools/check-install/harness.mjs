// What every check shares: programs with a limit of time, projects in a temporary folder, a PATH that has no compiler.
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

const LIMIT_MS = 600_000;

/** Where npm's own program lies: the one that started this, else the one beside node. */
export function npmCli() {
  const started = process.env.npm_execpath;
  if (started !== undefined && /npm-cli\.js$/.test(started)) return started;
  const folders = [path.dirname(process.execPath), ...(process.env.PATH ?? "").split(path.delimiter)];
  for (const folder of folders) {
    for (const candidate of ["npm", "../lib/node_modules/npm/bin/npm-cli.js", "node_modules/npm/bin/npm-cli.js"]) {
      const file = path.join(folder, candidate);
      if (fs.existsSync(file) && fs.realpathSync(file).endsWith("npm-cli.js")) return fs.realpathSync(file);
    }
  }
  throw new Error("npm was not found: start this with npm run check:install");
}

/**
 * Runs a program to its end.
 * @param {string[]} command the program and its arguments
 * @param {{ cwd: string, env?: Record<string, string | undefined>, fails?: boolean }} options `env` adds to this process's; `fails`: it has to fail
 * @returns {Promise<string>} stdout and stderr as they came
 */
export function run(command, { cwd, env = {}, fails = false }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0], command.slice(1), {
      cwd,
      env: { ...cleanEnvironment(), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      if ((code === 0) !== fails) resolve(output);
      else
        reject(
          new Error(
            `${command.map((part) => path.basename(part)).join(" ")} ${fails ? "succeeded" : `ended with ${signal ?? code}`}\n${output.slice(-6000)}`,
          ),
        );
    });
  });
}

/** Without what npm tells its scripts, and without settings that would hide a fault. */
function cleanEnvironment() {
  const mine = /^(npm_(?!config_(registry|cache|userconfig))|NODE_IP_ADAPTER_|IPA_|NODE_OPTIONS$|INIT_CWD$|CXX$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !mine.test(name)));
}

export const node = (args, options) => run([process.execPath, ...args], options);

/** A folder with links to node and a shell and nothing else: no compiler, no make, no Python. */
export function bareBin(temporary) {
  const bin = path.join(temporary, "bin");
  if (!fs.existsSync(bin)) {
    fs.mkdirSync(bin);
    const link = (name, target) => fs.symlinkSync(target, path.join(bin, name));
    link("node", process.execPath);
    for (const name of ["sh", "env"])
      link(
        name,
        ["/bin", "/usr/bin"].map((folder) => path.join(folder, name)).find((file) => fs.existsSync(file)),
      );
  }
  return bin;
}

/** An empty project, with a package.json. */
export function makeProject(temporary, name, manifest = {}) {
  const folder = path.join(temporary, name);
  fs.mkdirSync(folder, { recursive: true });
  writeJson(path.join(folder, "package.json"), { name: `check-${name}`, version: "1.0.0", private: true, ...manifest });
  return folder;
}

export const writeJson = (file, value) => fs.writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);

/** Installs with npm, from its cache where that has the files. */
export function npmInstall(folder, packages, { env = {}, flags = [] } = {}) {
  return node(
    [npmCli(), "install", "--prefer-offline", "--no-audit", "--no-fund", "--no-update-notifier", ...flags, ...packages],
    { cwd: folder, env },
  );
}

let installed;

/** A project with this package and nothing else, which the cases share: they add programs. */
export function installedProject(context) {
  installed ??= (async () => {
    const folder = makeProject(context.temporary, "installed");
    await npmInstall(folder, [context.tarball]);
    return folder;
  })();
  return installed;
}

/** The same in a folder of its own. */
export async function installedCopy(context, name) {
  const folder = path.join(context.temporary, name);
  fs.cpSync(await installedProject(context), folder, { recursive: true, verbatimSymlinks: true });
  return folder;
}

/** Node of a major version: this one, or what the package "node" fetches by a script. */
export async function nodeOf(version, context) {
  if (version === Number(process.versions.node.split(".")[0])) return process.execPath;
  const folder = makeProject(context.temporary, `tool-node-${version}`);
  const name = `node-${process.platform}-${process.arch}`;
  await npmInstall(folder, [`${name}@${version}`]);
  return path.join(folder, "node_modules", name, "bin/node");
}

/** The file behind a command of an installed package, for `node FILE`. */
export function binOf(folder, name, command = name) {
  const home = path.join(folder, "node_modules", name);
  const { bin } = JSON.parse(fs.readFileSync(path.join(home, "package.json"), "utf8"));
  return path.join(home, typeof bin === "string" ? bin : bin[command]);
}

export function assert(condition, message) {
  if (!condition) throw new Error(message);
}
