/** Where the files lie that the package brings beside its code: models, prebuilt addons. A bundle has moved the code away from them. */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";

import { InstallError } from "./errors";
import { STATIC_FOLDERS } from "./static-folders";

const PACKAGE = "node-ip-adapter";

/** For every error that says that a file of the package was not found. */
export const BUNDLE_HINT =
  `with a bundler, mark "${PACKAGE}" and "sharp" as external, or set NODE_IP_ADAPTER_ROOT to the package's folder (the one that holds models/ and prebuilds/) ` +
  "before the first call: docs/bundlers.md in that folder has recipes";

/** The value of a variable of the environment, where it has one; an absolute path. */
export function statedPath(name: "NODE_IP_ADAPTER_ROOT" | "NODE_IP_ADAPTER_ADDON"): string | undefined {
  const value = process.env[name];
  return value === undefined || value === "" ? undefined : resolve(value);
}

let found: string | undefined;

/** Folder of this package: NODE_IP_ADAPTER_ROOT, else the one the code lies in, else, for a bundle, the one installed near it. */
export function packageRoot(): string {
  return (
    statedPath("NODE_IP_ADAPTER_ROOT") ??
    (found ??= outsideArchive(findRoot(typeof __dirname === "undefined" ? programFolder() : __dirname)))
  );
}

/**
 * The same folder where all of the process can read it. Within an asar archive only Electron's own functions do, not the engine; what is
 * unpacked lies in a folder beside the archive.
 */
export function outsideArchive(folder: string): string {
  const unpacked = folder.replace(/\.asar(?=[\\/])/, ".asar.unpacked");
  return existsSync(unpacked) ? unpacked : folder;
}

/** @param start the folder of the code that runs */
export function findRoot(start: string): string {
  let folder = start;
  while (!existsSync(join(folder, "package.json")) && dirname(folder) !== folder) folder = dirname(folder);
  if (isPackage(folder)) return folder;
  for (const place of [start, programFolder()]) {
    try {
      return dirname(createRequire(join(place, "bundle.js")).resolve(`${PACKAGE}/package.json`));
    } catch {
      // Not installed there.
    }
  }
  return start;
}

function isPackage(folder: string): boolean {
  if (existsSync(join(folder, "models", "mini", "model_index.json"))) return true;
  try {
    return (JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { name?: unknown }).name === PACKAGE;
  } catch {
    return false;
  }
}

/** Folder of the script that Node was started with, or of the executable. */
function programFolder(): string {
  return dirname(resolve(process.argv[1] ?? process.execPath));
}

/** Where prebuilt addons are looked for. */
export function prebuildsFolder(): string {
  return existing("prebuilds", join(packageRoot(), "prebuilds"));
}

function existing(name: keyof NonNullable<typeof STATIC_FOLDERS>, otherwise: string): string {
  const folder = statedPath("NODE_IP_ADAPTER_ROOT") === undefined ? STATIC_FOLDERS?.[name] : undefined;
  return folder !== undefined && existsSync(folder) ? outsideArchive(folder) : otherwise;
}

/**
 * A folder of `models/` that the package brings.
 * @throws InstallError ERR_IPA_FILES_MISSING
 */
export function shippedFolder(name: "mini" | "clip-vocabulary"): string {
  const folder = existing(name, join(packageRoot(), "models", name));
  if (existsSync(folder)) return folder;
  throw new InstallError(
    "ERR_IPA_FILES_MISSING",
    `${folder}, which comes with ${PACKAGE}, is missing: install the package anew; ${BUNDLE_HINT}`,
  );
}

/**
 * The small model that ships with the package, and its adapter.
 * @throws InstallError ERR_IPA_FILES_MISSING
 */
export function shippedModel(): { model: string; adapter: string } {
  const model = shippedFolder("mini");
  return { model, adapter: join(model, "ip-adapter.safetensors") };
}

export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string };
  return version;
}
