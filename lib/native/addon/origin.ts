/** Where the addon that was loaded is from, for reports. */
import { relative, resolve } from "node:path";

import { packageRoot, prebuildsFolder, statedPath } from "../../package-root";
import { localBuild, readManifest } from "./candidates";

export interface AddonOrigin {
  kind: "built here" | "prebuilt" | "named by NODE_IP_ADAPTER_ADDON" | "of elsewhere";
  /** of a prebuilt one: the hash of the native sources that it was made of */
  sources?: string;
}

export function originOf(file: string): AddonOrigin {
  const places = { root: packageRoot(), prebuilds: prebuildsFolder() };
  const path = resolve(file);
  if (localBuild(places) === path) return { kind: "built here" };
  if (!relative(places.prebuilds, path).startsWith("..")) {
    const sources = readManifest(places.prebuilds)?.sources;
    return { kind: "prebuilt", ...(sources !== undefined && { sources }) };
  }
  return { kind: statedPath("NODE_IP_ADAPTER_ADDON") === path ? "named by NODE_IP_ADAPTER_ADDON" : "of elsewhere" };
}
