/** Finds and loads the native addon: a local build first, then the prebuilt binary of this platform. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

import { InstallError, messageOf, systemCode } from "../errors";
import { exhaustion } from "../load-failure";
import { BUNDLE_HINT, packageRoot, prebuildsFolder, statedPath } from "../package-root";
import type { NativeAddon } from "./contract";

export type Libc = "glibc" | "musl" | "";

export interface Platform {
  platform: string;
  arch: string;
  libc: Libc;
}

/** This process's platform. The C library is told from Node's own report: /etc files lie in containers. */
export function currentPlatform(): Platform {
  return { platform: process.platform, arch: process.arch, libc: process.platform === "linux" ? linuxLibc() : "" };
}

function linuxLibc(): Libc {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime !== undefined ? "glibc" : "musl";
}

/**
 * The file of a prebuilds folder that fits, or undefined. Names are prebuildify's: `<package>.<tag>….node` or
 * `node.<tag>….node`; a tag that is absent fits everything, so the name with most matching tags wins.
 */
export function choosePrebuild(files: readonly string[], target: Platform): string | undefined {
  let best: { file: string; tags: number } | undefined;
  for (const file of files) {
    const parts = file.split(".");
    if (parts.pop() !== "node") continue;
    const name = parts.shift();
    if (name !== "node-ip-adapter" && name !== "node") continue;
    const fits = parts.every((tag) => {
      if (tag === "glibc" || tag === "musl") return tag === target.libc;
      if (tag === "armv8") return target.arch === "arm64";
      return tag === "napi" || tag === "node";
    });
    if (fits && (best === undefined || parts.length > best.tags)) best = { file, tags: parts.length };
  }
  return best?.file;
}

/** Where addons are looked for. */
export interface AddonPlaces {
  /** folder of the package, with build/Release/ when the addon was built there */
  root: string;
  /** folder of the prebuilt ones */
  prebuilds: string;
}

/** Every file the loader would try, best first, as absolute paths. */
export function addonCandidates({ root, prebuilds }: AddonPlaces, target: Platform, prebuildsOnly: boolean): string[] {
  const candidates: string[] = [];
  const local = join(root, "build", "Release", "node_ip_adapter.node");
  if (!prebuildsOnly && existsSync(local)) candidates.push(local);
  const folder = join(prebuilds, `${target.platform}-${target.arch}`);
  const file = existsSync(folder) ? choosePrebuild(readdirSync(folder), target) : undefined;
  if (file !== undefined) candidates.push(join(folder, file));
  return candidates;
}

const ADDON = "node-ip-adapter's native addon";

export interface LoadedAddon {
  addon: NativeAddon;
  file: string;
}

/** Loads the first candidate that works; otherwise says what was tried, why it failed and what to do. */
export function loadAddonFrom(
  places: AddonPlaces,
  target: Platform,
  prebuildsOnly: boolean,
  load: (file: string) => NativeAddon,
): LoadedAddon {
  const failures: { file: string; error: unknown }[] = [];
  for (const file of addonCandidates(places, target, prebuildsOnly)) {
    try {
      return { addon: load(file), file };
    } catch (error) {
      failures.push({ file, error });
    }
  }
  const exhausted = failures.map(({ error }) => exhaustion(ADDON, error)).find((error) => error !== undefined);
  throw (
    exhausted ??
    new InstallError("ERR_IPA_ADDON_MISSING", explain(places, target, prebuildsOnly, failures), {
      cause: failures[0]?.error,
    })
  );
}

/** Loads the file that NODE_IP_ADAPTER_ADDON names, and no other. */
export function loadStatedAddon(file: string, load: (file: string) => NativeAddon): LoadedAddon {
  const refuse = (problem: string, fix = "correct it, or unset it", cause?: unknown): never => {
    throw new InstallError(
      "ERR_IPA_ADDON_MISSING",
      `NODE_IP_ADAPTER_ADDON names ${file}, which does not load: ${problem}: ${fix}`,
      cause === undefined ? undefined : { cause },
    );
  };
  try {
    // Node would wait for whoever writes to a named pipe.
    if (!statSync(file).isFile()) return refuse("it is no regular file");
    const addon = load(file);
    return isAddon(addon) ? { addon, file } : refuse("it is not node-ip-adapter's addon, it lacks its functions");
  } catch (error) {
    if (error instanceof InstallError) throw error;
    const exhausted = exhaustion(ADDON, error);
    if (exhausted !== undefined) throw exhausted;
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return refuse("there is no such file", undefined, error);
    const flag = PERMISSION_FLAGS[code];
    if (flag !== undefined)
      return refuse("Node's permission model does not allow it", `start node with ${flag}`, error);
    return refuse(messageOf(error), undefined, error);
  }
}

/** What lacks, by the code of Node's error. */
const PERMISSION_FLAGS: Record<string, string> = {
  ERR_ACCESS_DENIED: "--allow-fs-read for that file",
  ERR_DLOPEN_DISABLED: "--allow-addons",
};

const FUNCTIONS = ["system", "setThreads", "load", "convert", "inspect", "fitPicture"] satisfies (keyof NativeAddon)[];

/** JSON and JavaScript load too, under any name. */
function isAddon(value: unknown): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    FUNCTIONS.every((name) => typeof (value as Partial<Record<string, unknown>>)[name] === "function")
  );
}

function explain(
  { root, prebuilds }: AddonPlaces,
  target: Platform,
  prebuildsOnly: boolean,
  failures: { file: string; error: unknown }[],
): string {
  const name = [target.platform, target.arch].join("-") + (target.libc === "" ? "" : ` (${target.libc})`);
  const lines = [`node-ip-adapter has no native addon that loads on ${name}, Node ${process.version}.`];
  if (failures.length === 0) {
    lines.push(
      prebuildsOnly
        ? `Nothing fits in ${prebuilds}, and NODE_IP_ADAPTER_PREBUILDS_ONLY is set, so a local build is not considered.`
        : `There is neither a local build (build/Release/node_ip_adapter.node) nor a prebuilt binary for it in ${prebuilds}.`,
    );
    lines.push(`Available prebuilt: ${availablePrebuilds(prebuilds)}.`);
  }
  if (failures.some(({ error }) => systemCode(error) === "ERR_DLOPEN_DISABLED")) {
    return `node-ip-adapter is a native addon, and so is sharp, which reads pictures; Node's permission model allows none: start node with --allow-addons`;
  }
  for (const { file, error } of failures) {
    const message = messageOf(error);
    lines.push(`${file}: ${message}`);
    if (/GLIBC(XX)?_\d/.test(message))
      lines.push("The binary needs a newer C library than this system has: build it here from source.");
    else if (/wrong ELF class|invalid ELF|not a valid Win32|mach-o/i.test(message)) {
      lines.push(
        "The binary is for another platform: node_modules was copied between systems, or installed for another one.",
      );
    }
  }
  lines.push(
    "To fix it:",
    `- build it here: cd "${root}" && npm run build:native (needs a C++17 compiler, nothing else)`,
    "- or install on the platform that runs it: delete node_modules and run npm install there",
    `- ${BUNDLE_HINT}; NODE_IP_ADAPTER_ADDON names the .node file itself`,
    "- with Electron, unpack the package from asar",
  );
  return lines.join("\n");
}

function availablePrebuilds(folder: string): string {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.length === 0 ? "none" : names.join(", ");
}

let loaded: LoadedAddon | undefined;

/** The addon of this process. */
export function loadAddon(): NativeAddon {
  return loadedAddon().addon;
}

export function loadedAddon(): LoadedAddon {
  if (loaded === undefined) {
    // Not by the require of this file: bundlers replace that by one that finds nothing.
    const load = (file: string): NativeAddon => createRequire(file)(file) as NativeAddon;
    const stated = statedPath("NODE_IP_ADAPTER_ADDON");
    if (stated !== undefined) return (loaded = loadStatedAddon(stated, load));
    const only = process.env["NODE_IP_ADAPTER_PREBUILDS_ONLY"];
    const prebuildsOnly = only !== undefined && only !== "" && only !== "0";
    loaded = loadAddonFrom(
      { root: packageRoot(), prebuilds: prebuildsFolder() },
      currentPlatform(),
      prebuildsOnly,
      load,
    );
  }
  return loaded;
}
