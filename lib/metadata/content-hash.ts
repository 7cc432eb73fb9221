/** SHA-256 of files and model folders, computed once: kept by path, size and time of change, large files' also on disk. */
import { readFile, readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { lazily } from "../load-failure";
import { withRegularFile } from "../read-file";
import { userCacheFile, writeUserCache } from "../user-cache";

const crypto = lazily(() => require("node:crypto") as typeof import("node:crypto"));

const layout = lazily(() => require("../hub/files") as typeof import("../hub/files"));

/** From this size on, the hash is kept for later processes. */
const LARGE = 32 * 1024 * 1024;
/** Small pieces, so that the event loop turns between them. */
const PIECE = 256 * 1024;
const MOST_KEPT = 4096;
const MOST_FILES = 1000;
/** What of a model's folder decides its pictures. */
const MODEL_FILE = /\.(?:json|txt|model|safetensors|bin|gguf|pt|ckpt)$/i;
const PICKLED = /\.(?:bin|pt|ckpt)$/i;
const UNUSED_FOLDERS = ["safety_checker"];
/** How the cache of the Hugging Face hub names large files: by this very hash. */
const BLOB = /^[0-9a-f]{64}$/;

/** Hashes by path, size and time of change; promises, so that two callers read a file once. */
const known = new Map<string, Promise<string>>();

/** @returns the hash in hexadecimal, or undefined where the file or folder cannot be read */
export async function contentHash(path: string): Promise<string | undefined> {
  // A call that fails leaves its hashes to end alone, perhaps after a test of the user's: jest fails a run that loads code then.
  crypto();
  layout();
  try {
    return (await stat(path)).isDirectory() ? await folderHash(path) : await fileHash(path);
  } catch {
    return undefined;
  }
}

/** Of bytes in memory, which are copied at once; on another thread. */
export async function bytesHash(bytes: Uint8Array): Promise<string> {
  const hash = await crypto().webcrypto.subtle.digest("SHA-256", bytes);
  return Buffer.from(hash).toString("hex");
}

async function fileHash(path: string): Promise<string> {
  const file = await realpath(path);
  const name = basename(file);
  if (BLOB.test(name) && basename(dirname(file)) === "blobs") return name;
  const { size, mtimeMs } = await stat(file);
  const key = `${file}\n${size}\n${mtimeMs}`;
  const hash = known.get(key) ?? (size < LARGE ? readHash(file) : keptHash(key, file));
  if (known.size >= MOST_KEPT) known.clear();
  known.set(key, hash);
  hash.catch(() => known.delete(key));
  return hash;
}

async function readHash(file: string): Promise<string> {
  return withRegularFile(file, async (opened) => {
    const hash = crypto().createHash("sha256");
    for await (const piece of opened.createReadStream({ highWaterMark: PIECE, autoClose: false }))
      hash.update(piece as Buffer);
    return hash.digest("hex");
  });
}

async function keptHash(key: string, file: string): Promise<string> {
  const place = userCacheFile("hashes.json");
  const kept = await readKept(place);
  const found = kept[key];
  if (found !== undefined && BLOB.test(found)) return found;
  const hash = await readHash(file);
  await writeKept(place, key, hash).catch(() => undefined);
  return hash;
}

async function readKept(place: string): Promise<Record<string, string | undefined>> {
  try {
    const kept: unknown = JSON.parse(await readFile(place, "utf8"));
    return typeof kept === "object" && kept !== null
      ? Object.fromEntries(Object.entries(kept).filter(([, hash]) => typeof hash === "string"))
      : {};
  } catch {
    return {};
  }
}

/** Another process may write at the same time: then one of both is computed again. */
async function writeKept(place: string, key: string, hash: string): Promise<void> {
  const entries = Object.entries({ ...(await readKept(place)), [key]: hash }).slice(-MOST_KEPT);
  await writeUserCache(place, JSON.stringify(Object.fromEntries(entries)));
}

/** Of the names and hashes of what is read of a model's folder: others may come to it, as when more of a repository is fetched. */
async function folderHash(folder: string): Promise<string> {
  const all = await modelFiles(folder, "");
  const { files: read, missing } = layout().chooseFiles(all, "", "any");
  const files = (missing.length === 0 && read.length > 0 ? read : all).sort();
  const hash = crypto().createHash("sha256");
  for (const file of files) hash.update(`${file}\n${await fileHash(join(folder, file))}\n`);
  return hash.digest("hex");
}

async function modelFiles(root: string, under: string): Promise<string[]> {
  const entries = await readdir(join(root, under), { withFileTypes: true });
  const names = entries.map(({ name }) => name).filter((name) => !name.startsWith("."));
  // Beside a model's index lie the folders of its networks, and perhaps whole models in one file, which are not read.
  const isModel = under === "" && names.includes("model_index.json");
  const hasSafe = names.some((name) => name.endsWith(".safetensors"));
  const files: string[] = [];
  for (const name of names) {
    const path = under === "" ? name : `${under}/${name}`;
    const status = await stat(join(root, path));
    if (status.isDirectory()) {
      if (under.split("/").length < 3 && !UNUSED_FOLDERS.includes(name)) files.push(...(await modelFiles(root, path)));
    } else if (MODEL_FILE.test(name) && (!isModel || name.endsWith(".json")) && !(hasSafe && PICKLED.test(name)))
      files.push(path);
    if (files.length > MOST_FILES) throw new Error("too many files for a model's folder");
  }
  return files;
}
