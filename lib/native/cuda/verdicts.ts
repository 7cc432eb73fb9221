/** What came of trying a CUDA plugin, kept for later processes until the plugin or the driver is another. */
import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { contentHash } from "../../metadata/content-hash";
import { userCacheFile, writeUserCache } from "../../user-cache";
import type { NativeCudaProbe } from "../contract";
import { isPassing, toVerdict } from "./probe";

/** Milliseconds for which a failure is believed: a machine may get well without a new driver. */
const FAILURE_LASTS = 24 * 3600 * 1000;
const MOST_KEPT = 16;
/** What is over when other programs have ended. */
const PASSING = ["ERR_IPA_NO_MEMORY", "ERR_IPA_DEVICE_LOST"];
/** Longer than any that was written here. */
const MOST_BYTES = 1 << 20;

interface Kept {
  /** milliseconds since 1970 */
  at: number;
  verdict: NativeCudaProbe;
}

/**
 * Of a plugin's content with this machine's driver, and what else the answer depends on.
 * @param version of the addon, which takes no plugin of another
 * @returns undefined where the plugin cannot be read: nothing is kept of it
 */
export async function verdictKey(plugin: string, version: string): Promise<string | undefined> {
  const [hash, status] = await Promise.all([contentHash(plugin), stat(plugin).catch(() => undefined)]);
  if (hash === undefined || status === undefined) return undefined;
  const visible = ["CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"].map((name) => process.env[name] ?? "");
  const parts = [status.size, status.mtimeMs, hash, version, ...visible, await driverMark(), await deviceFiles()];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/** Something that changes with the driver; "" where none is seen. */
async function driverMark(): Promise<string> {
  if (process.platform === "win32")
    return fileMark(join(process.env["SystemRoot"] ?? "C:\\Windows", "System32", "nvcuda.dll"));
  const text = await readFile("/proc/driver/nvidia/version", "utf8").catch(() => "");
  // Linux inside Windows has the driver of Windows.
  return text === "" ? fileMark("/usr/lib/wsl/lib/libcuda.so.1") : text;
}

/** Containers see the driver of their host, and its GPUs only where they are let. */
async function deviceFiles(): Promise<string[]> {
  const names = await readdir("/dev").catch(() => []);
  return names.filter((name) => name.startsWith("nvidia")).sort();
}

async function fileMark(path: string): Promise<string> {
  const status = await stat(path).catch(() => undefined);
  return status === undefined ? "" : `${status.size} ${status.mtimeMs}`;
}

const place = (): string => userCacheFile("cuda.json");

/** @returns undefined where there is none that still counts */
export async function keptVerdict(key: string): Promise<NativeCudaProbe | undefined> {
  const kept = (await readKept())[key];
  if (kept === undefined) return undefined;
  const age = Date.now() - kept.at;
  return kept.verdict.ok || (age >= 0 && age < FAILURE_LASTS) ? kept.verdict : undefined;
}

/** What cannot be written is tried again. */
export async function keepVerdict(key: string, verdict: NativeCudaProbe): Promise<void> {
  if (isPassing(verdict) || PASSING.includes(verdict.code ?? "")) return;
  const file = place();
  const others = Object.entries(await readKept()).filter(([other]) => other !== key);
  const entries = [...others, [key, { at: Date.now(), verdict }] as const].slice(-MOST_KEPT);
  await writeUserCache(file, JSON.stringify(Object.fromEntries(entries))).catch(() => undefined);
}

async function readKept(): Promise<Record<string, Kept | undefined>> {
  try {
    const status = await stat(place());
    // Reading a named pipe would wait for whoever writes to it.
    if (!status.isFile() || status.size > MOST_BYTES) return {};
    const read: unknown = JSON.parse(await readFile(place(), "utf8"));
    if (typeof read !== "object" || read === null) return {};
    return Object.fromEntries(
      Object.entries(read as Record<string, unknown>).flatMap(([key, value]) => {
        const { at, verdict: told } = (value ?? {}) as Partial<Record<keyof Kept, unknown>>;
        const verdict = toVerdict(told);
        return typeof at === "number" && verdict !== undefined ? [[key, { at, verdict }]] : [];
      }),
    );
  } catch {
    return {};
  }
}
