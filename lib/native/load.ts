/** Finds and loads the native addon: a local build first, then the prebuilt binary of this platform. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { InstallError, messageOf } from "../errors";
import { packageRoot } from "../package-root";
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

/** Every file the loader would try, best first, as absolute paths. */
export function addonCandidates(root: string, target: Platform, prebuildsOnly: boolean): string[] {
  const candidates: string[] = [];
  const local = join(root, "build", "Release", "node_ip_adapter.node");
  if (!prebuildsOnly && existsSync(local)) candidates.push(local);
  const folder = join(root, "prebuilds", `${target.platform}-${target.arch}`);
  const file = existsSync(folder) ? choosePrebuild(readdirSync(folder), target) : undefined;
  if (file !== undefined) candidates.push(join(folder, file));
  return candidates;
}

export interface LoadedAddon {
  addon: NativeAddon;
  file: string;
}

/** Loads the first candidate that works; otherwise says what was tried, why it failed and what to do. */
export function loadAddonFrom(root: string, target: Platform, prebuildsOnly: boolean, load: (file: string) => NativeAddon): LoadedAddon {
  const failures: { file: string; error: unknown }[] = [];
  for (const file of addonCandidates(root, target, prebuildsOnly)) {
    try {
      return { addon: load(file), file };
    } catch (error) {
      failures.push({ file, error });
    }
  }
  throw new InstallError("ERR_IPA_ADDON_MISSING", explain(root, target, prebuildsOnly, failures), {
    cause: failures[0]?.error,
  });
}

function explain(root: string, target: Platform, prebuildsOnly: boolean, failures: { file: string; error: unknown }[]): string {
  const name = [target.platform, target.arch].join("-") + (target.libc === "" ? "" : ` (${target.libc})`);
  const lines = [`node-ip-adapter has no native addon that loads on ${name}, Node ${process.version}.`];
  if (failures.length === 0) {
    lines.push(
      prebuildsOnly
        ? `Nothing fits in ${join(root, "prebuilds")}, and NODE_IP_ADAPTER_PREBUILDS_ONLY is set, so a local build is not considered.`
        : `There is neither a local build (build/Release/node_ip_adapter.node) nor a prebuilt binary for it in ${join(root, "prebuilds")}.`,
    );
    lines.push(`Available prebuilt: ${availablePrebuilds(root)}.`);
  }
  for (const { file, error } of failures) {
    const message = messageOf(error);
    lines.push(`${file}: ${message}`);
    if (/GLIBC(XX)?_\d/.test(message)) lines.push("The binary needs a newer C library than this system has: build it here from source.");
    else if (/wrong ELF class|invalid ELF|not a valid Win32|mach-o/i.test(message)) {
      lines.push("The binary is for another platform: node_modules was copied between systems, or installed for another one.");
    }
  }
  lines.push(
    "To fix it:",
    `- build it here: cd "${root}" && npm run build:native (needs a C++17 compiler, nothing else)`,
    "- or install on the platform that runs it: delete node_modules and run npm install there",
    '- with a bundler, mark "node-ip-adapter" as external; with Electron, unpack it from asar',
  );
  return lines.join("\n");
}

function availablePrebuilds(root: string): string {
  const folder = join(root, "prebuilds");
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
    const only = process.env["NODE_IP_ADAPTER_PREBUILDS_ONLY"];
    const prebuildsOnly = only !== undefined && only !== "" && only !== "0";
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- a binary cannot be imported
    loaded = loadAddonFrom(packageRoot(), currentPlatform(), prebuildsOnly, (file) => require(file) as NativeAddon);
  }
  return loaded;
}
