// What npm installs together with this package: direct dependencies and those behind them, as package-lock.json has them.
import fs from "node:fs";
import path from "node:path";
import { root } from "../build/paths.mjs";

const { packages } = JSON.parse(fs.readFileSync(path.join(root, "package-lock.json"), "utf8"));

/** Where Node finds a package that another one asks for, as a key of the lock file. */
function resolve(from, name) {
  for (let place = from; ; place = place.slice(0, Math.max(0, place.lastIndexOf("/node_modules/")))) {
    const key = `${place === "" ? "" : `${place}/`}node_modules/${name}`;
    if (key in packages) return key;
    if (place === "") return undefined;
    if (!place.includes("/node_modules/")) place = "";
  }
}

/** What starts a program at the install: npm runs node-gyp for a binding.gyp, too. */
function hasInstallScript(key, entry) {
  if (entry.hasInstallScript === true) return true;
  const folder = path.join(root, key);
  if (!fs.existsSync(path.join(folder, "package.json"))) return false;
  const { scripts = {} } = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
  const hooks = ["preinstall", "install", "postinstall"];
  return hooks.some((hook) => hook in scripts) || fs.existsSync(path.join(folder, "binding.gyp"));
}

function describe(key, by) {
  const entry = packages[key];
  return {
    name: key.slice(key.lastIndexOf("node_modules/") + "node_modules/".length),
    folder: path.join(root, key),
    version: entry.version,
    licence: entry.license,
    by,
    /** for some systems alone */
    platform: entry.os !== undefined || entry.cpu !== undefined,
    installScript: hasInstallScript(key, entry),
  };
}

/**
 * @param {Record<string, string>} wanted names and ranges, as in package.json
 * @returns all packages that come with these, by name; `by` is the range, or the package that asks for it first
 */
export function closureOf(wanted) {
  const found = new Map();
  const queue = Object.entries(wanted).map(([name, range]) => ({ key: resolve("", name), by: range, name }));
  for (const { key, by, name } of queue) {
    if (key === undefined) throw new Error(`package-lock.json has no ${name}: npm install`);
    if (found.has(key)) continue;
    const one = describe(key, by);
    found.set(key, one);
    const { dependencies = {}, optionalDependencies = {} } = packages[key];
    for (const next of Object.keys({ ...dependencies, ...optionalDependencies }))
      queue.push({ key: resolve(key, next), by: one.name, name: next });
  }
  const order = (text) => text.replace(/^@/, "");
  return [...found.values()].sort((a, b) => (order(a.name) < order(b.name) ? -1 : 1));
}

const manifest = packages[""];

/** Installed with this package. */
export const installed = () => closureOf(manifest.dependencies);

/** Installed by those who use the server. */
export const forServer = () => closureOf({ fastify: manifest.peerDependencies.fastify });
