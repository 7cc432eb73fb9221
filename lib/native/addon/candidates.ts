/** Which files may be the addon: a local build first, then the prebuilt one of this platform. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

import type { Platform } from "./platform";

/** Where addons are looked for. */
export interface AddonPlaces {
  /** folder of the package, with build/Release/ when the addon was built there */
  root: string;
  /** folder of the prebuilt ones */
  prebuilds: string;
}

/** What `prebuilds/manifest.json` says, which is written with the addons. */
export interface Manifest {
  /** hash of the native sources that they were made of */
  sources?: string;
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

export function localBuild({ root }: AddonPlaces): string | undefined {
  const file = join(root, "build", "Release", "node_ip_adapter.node");
  return existsSync(file) ? file : undefined;
}

/** The prebuilt addon of this platform, whatever it was made of. */
export function prebuiltFor({ prebuilds }: AddonPlaces, target: Platform): string | undefined {
  const folder = join(prebuilds, `${target.platform}-${target.arch}`);
  const file = existsSync(folder) ? choosePrebuild(readdirSync(folder), target) : undefined;
  return file === undefined ? undefined : join(folder, file);
}

/** Every file the loader would try, best first, as absolute paths. Lazily: whether prebuilt ones are stale takes a look at all sources. */
export function* addonCandidates(places: AddonPlaces, target: Platform, prebuildsOnly: boolean): Generator<string> {
  const local = prebuildsOnly ? undefined : localBuild(places);
  if (local !== undefined) yield local;
  const prebuilt = prebuiltFor(places, target);
  if (prebuilt !== undefined && !isStale(places)) yield prebuilt;
}

export function readManifest(prebuilds: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(prebuilds, "manifest.json"), "utf8")) as Manifest;
  } catch {
    return undefined;
  }
}

/**
 * Whether the prebuilt addons are of other sources than those beside them. Only a checkout can be in that state; a published
 * package was packed as a whole.
 */
export function isStale({ root, prebuilds }: AddonPlaces): boolean {
  // npm never packs its lock file.
  if (!existsSync(join(root, "package-lock.json"))) return false;
  const tool = join(root, "tools", "build", "source-hash.cjs");
  try {
    const { hashSources } = createRequire(tool)(tool) as { hashSources: (root: string) => string };
    return readManifest(prebuilds)?.sources !== hashSources(root);
  } catch {
    return true;
  }
}
