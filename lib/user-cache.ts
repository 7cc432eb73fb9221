/** Small files that later processes of the same user read again, and that may be lost at any time. */
import { randomUUID } from "node:crypto";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/** Path of a file of this package in the cache folder of the user. */
export function userCacheFile(name: string): string {
  return join(cacheFolder(), "node-ip-adapter", name);
}

function cacheFolder(): string {
  const stated = process.env["XDG_CACHE_HOME"];
  if (stated !== undefined && stated !== "") return stated;
  switch (process.platform) {
    case "win32":
      return process.env["LOCALAPPDATA"] ?? join(homedir(), "AppData", "Local");
    case "darwin":
      return join(homedir(), "Library", "Caches");
    default:
      return join(homedir(), ".cache");
  }
}

/** Writes all of a file, or leaves it as it was. */
export async function writeUserCache(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomUUID()}.tmp`;
  await mkdir(dirname(file), { recursive: true });
  try {
    await writeFile(temporary, text);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}
