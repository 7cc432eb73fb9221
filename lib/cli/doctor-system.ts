/** What a bug report needs to know of a machine and an installation. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { release, type as systemType } from "node:os";

import { messageOf } from "../errors";
import { cacheFolder } from "../hub/settings";
import { loadSharp } from "../image/sharp";
import { originOf } from "../native/addon/origin";
import { currentPlatform, glibcVersion } from "../native/addon/platform";
import { findPlugin } from "../native/cuda/plugin";
import { probePlugin } from "../native/cuda/probe";
import { packageRoot, packageVersion, shippedModel } from "../package-root";
import { userCacheFile } from "../user-cache";
import type { Environment } from "./environment";
import { errorCode, formatBytes } from "./report";

export interface Check {
  name: string;
  ok: boolean;
  value: string;
}

export interface SystemChecks {
  checks: Check[];
  hasAddon: boolean;
}

export async function checkSystem(environment: Environment): Promise<SystemChecks> {
  const cuda = await checkCuda(environment);
  const addon = checkAddon(environment);
  const checks = [
    { name: "package", ok: true, value: `${packageVersion()}, ${packageRoot()}` },
    { name: "platform", ok: true, value: platformText() },
    ...addon,
    cuda,
    await checkSharp(),
    checkModel(),
    { name: "variables", ok: true, value: variablesText() },
    { name: "caches", ok: true, value: `${cacheText(userCacheFile(""))}; ${cacheText(cacheFolder())}` },
  ];
  return { checks, hasAddon: addon.length > 1 };
}

function platformText(): string {
  const { platform, arch, libc } = currentPlatform();
  const version = glibcVersion();
  return [
    `${platform}-${arch}${libc === "" ? "" : ` ${libc}`}${version === undefined ? "" : ` ${version}`}`,
    `Node ${process.version}`,
    `${systemType()} ${release()}${distribution()}`,
  ].join(", ");
}

/** Linux alone has so many of them. */
function distribution(): string {
  if (process.platform !== "linux") return "";
  try {
    const name = /^PRETTY_NAME="?([^"\n]{1,100})/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1];
    return name === undefined ? "" : ` (${name})`;
  } catch {
    return "";
  }
}

/** One, where the addon does not load. */
function checkAddon({ addon, addonFile }: Environment): Check[] {
  try {
    const { version, isa, isas, cpu, features, cores, threads, memoryTotal, memoryAvailable } = addon().system();
    return [
      addonLine(version, addonFile()),
      { name: "backend", ok: true, value: "cpu" },
      { name: "cpu", ok: true, value: `${cpu}, ${cores} cores` },
      { name: "instruction set", ok: true, value: `${isa} (of ${isas.join(", ")}; found ${features.join(" ")})` },
      { name: "threads", ok: true, value: `${threads}` },
      { name: "memory", ok: true, value: `${formatBytes(memoryAvailable)} available of ${formatBytes(memoryTotal)}` },
    ];
  } catch (error) {
    return [{ name: "addon", ok: false, value: `${errorCode(error)}: ${messageOf(error)}` }];
  }
}

function addonLine(version: string, file: string): Check {
  const { kind, sources } = originOf(file);
  const origin = sources === undefined ? kind : `${kind} of the sources ${sources.slice(0, 12)}`;
  const ok = version === packageVersion();
  const wrong = ok ? "" : `, which is not the package's version: install or build it anew`;
  return { name: "addon", ok, value: `${version}${wrong}, ${origin}, ${file}` };
}

/** Tried anew, whatever came of it before. Not to be installed is no fault. */
async function checkCuda({ addonFile }: Environment): Promise<Check> {
  const found = findPlugin();
  if ("absent" in found) return { name: "cuda", ok: true, value: `not used: ${found.absent}` };
  if ("broken" in found) return { name: "cuda", ok: false, value: messageOf(found.broken) };
  let addon: string;
  try {
    addon = addonFile();
  } catch (error) {
    return { name: "cuda", ok: false, value: messageOf(error) };
  }
  const verdict = await probePlugin(addon, found.file);
  if ("notTried" in verdict) return { name: "cuda", ok: false, value: verdict.notTried };
  if (!verdict.ok) return { name: "cuda", ok: false, value: `${verdict.code ?? ""}: ${verdict.message ?? ""}` };
  const gpus = verdict.devices.map(
    ({ name, major, minor, memoryBytes, problem }, i) =>
      `cuda:${i} ${name} (${major}.${minor}, ${formatBytes(memoryBytes)}${problem === undefined ? "" : `, cannot be used: ${problem}`})`,
  );
  return { name: "cuda", ok: true, value: `${gpus.join("; ")}, CUDA ${verdict.driver ?? ""}, ${found.file}` };
}

async function checkSharp(): Promise<Check> {
  try {
    const { versions } = await loadSharp();
    return { name: "image files", ok: true, value: `sharp ${versions.sharp}, libvips ${versions.vips}` };
  } catch (error) {
    return { name: "image files", ok: false, value: messageOf(error) };
  }
}

function checkModel(): Check {
  try {
    const { model, adapter } = shippedModel();
    const ok = existsSync(adapter);
    return { name: "shipped model", ok, value: ok ? model : `missing ${adapter}` };
  } catch (error) {
    return { name: "shipped model", ok: false, value: messageOf(error) };
  }
}

/** Those of this package: others may be secrets. */
function variablesText(): string {
  const own = Object.entries(process.env).filter(([name]) => name.startsWith("NODE_IP_ADAPTER_"));
  if (own.length === 0) return "none of NODE_IP_ADAPTER_* set";
  return own
    .map(([name, value = ""]) => `${name}=${JSON.stringify(value)}`)
    .sort()
    .join(" ");
}

function cacheText(folder: string): string {
  try {
    const entries = readdirSync(folder).length;
    return `${folder} (${entries} ${entries === 1 ? "entry" : "entries"})`;
  } catch {
    return `${folder} (not there)`;
  }
}
