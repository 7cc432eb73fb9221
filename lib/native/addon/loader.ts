/** Loads the native addon from where it may lie, or says why it does not load. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";

import { InstallError, messageOf, systemCode } from "../../errors";
import { exhaustion } from "../../load-failure";
import { BUNDLE_HINT, packageRoot, prebuildsFolder, statedPath } from "../../package-root";
import { addonCandidates, type AddonPlaces, isStale, prebuiltFor } from "./candidates";
import { diagnose, FROM_SOURCE } from "./diagnosis";
import { currentPlatform, type Platform, platformName } from "./platform";
import { checkWhole } from "./whole-file";
import type { NativeAddon } from "../contract";

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
    const known = diagnose(error);
    return known === undefined
      ? refuse(messageOf(error), undefined, error)
      : refuse(`${known.cause} (${messageOf(error)})`, known.fix, error);
  }
}

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
  places: AddonPlaces,
  target: Platform,
  prebuildsOnly: boolean,
  failures: { file: string; error: unknown }[],
): string {
  const lines = [`node-ip-adapter has no native addon that loads on ${platformName(target)}, Node ${process.version}.`];
  const fixes = new Set<string>();
  let allKnown = failures.length > 0;
  for (const { file, error } of failures) {
    const known = diagnose(error);
    allKnown &&= known !== undefined;
    lines.push(`${file}: ${known === undefined ? "" : `${known.cause}: `}${messageOf(error)}`);
    if (known !== undefined) fixes.add(known.fix);
  }
  if (failures.length === 0) lines.push(...nothingThere(places, target, prebuildsOnly));
  if (!allKnown || [...fixes].some((fix) => fix.startsWith(FROM_SOURCE)))
    fixes.add(`build it here: cd "${places.root}" && npm run build:native (needs a C++17 compiler, nothing else)`);
  if (!allKnown)
    for (const fix of [
      "or install on the platform that runs it: delete node_modules and run npm install there",
      `${BUNDLE_HINT}; NODE_IP_ADAPTER_ADDON names the .node file itself`,
      "with Electron, unpack the package from asar",
    ])
      fixes.add(fix);
  return [...lines, "To fix it:", ...[...fixes].map((fix) => `- ${fix}`)].join("\n");
}

function nothingThere(places: AddonPlaces, target: Platform, prebuildsOnly: boolean): string[] {
  if (prebuiltFor(places, target) !== undefined && isStale(places))
    return [
      `The addon in ${places.prebuilds} was made of other sources than those of this checkout, so it is not used, and there is no local build.`,
    ];
  return [
    prebuildsOnly
      ? `Nothing fits in ${places.prebuilds}, and NODE_IP_ADAPTER_PREBUILDS_ONLY is set, so a local build is not considered.`
      : `There is neither a local build (build/Release/node_ip_adapter.node) nor a prebuilt binary for it in ${places.prebuilds}.`,
    `Available prebuilt: ${availablePrebuilds(places.prebuilds)}.`,
  ];
}

function availablePrebuilds(folder: string): string {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => /^[a-z0-9]+-[a-z0-9]+$/.test(name)) : [];
  return names.length === 0 ? "none" : names.join(", ");
}

/** As the variables of the environment say: a local build first, then the prebuilt addon of this platform. */
export function findAddon(): LoadedAddon {
  // Not by the require of this file: bundlers replace that by one that finds nothing.
  const load = (file: string): NativeAddon => {
    if (process.platform === "linux") checkWhole(file);
    return createRequire(file)(file) as NativeAddon;
  };
  const stated = statedPath("NODE_IP_ADAPTER_ADDON");
  if (stated !== undefined) return loadStatedAddon(stated, load);
  const only = process.env["NODE_IP_ADAPTER_PREBUILDS_ONLY"];
  const prebuildsOnly = only !== undefined && only !== "" && only !== "0";
  return loadAddonFrom({ root: packageRoot(), prebuilds: prebuildsFolder() }, currentPlatform(), prebuildsOnly, load);
}
