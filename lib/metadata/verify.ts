/** Whether the files that a picture was made with are there, and are what they were. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";

import { IpAdapterError } from "../errors";
import type { Parts, Want } from "../hub/files";
import { type HubName, parseHubName } from "../hub/name";
import { lazily } from "../load-failure";
import { contentHash } from "./content-hash";
import { type FileRecord, rootOf } from "./record";

const hub = lazily(() => require("../hub/locate") as typeof import("../hub/locate"));

/**
 * Files that are named on the hub are those of its cache.
 * @returns those of the hub that the cache does not hold whole: loading fetches them
 * @throws IpAdapterError ERR_IPA_NOT_FOUND or ERR_IPA_CHANGED, which name the option and the file
 */
export async function verifyFiles(files: readonly FileRecord[]): Promise<FileRecord[]> {
  const toFetch: FileRecord[] = [];
  for (const file of files) {
    const { option, path, sha256 } = file;
    if (path === undefined)
      throw new IpAdapterError(
        "ERR_IPA_NOT_FOUND",
        `${option}: it was given in memory, and the picture has only its hash (sha256 ${sha256 ?? "unknown"}): pass it again`,
      );
    const name = existsSync(resolve(path)) ? undefined : parseHubName(path);
    const place =
      name === undefined ? resolve(path) : await hub().heldPlace(name, wantOf(option, name), partsIn(files));
    if (place === undefined) toFetch.push(file);
    else await verifyFile(file, place);
  }
  return toFetch;
}

async function verifyFile({ option, sha256 }: FileRecord, place: string): Promise<void> {
  const found = await contentHash(place);
  if (found === undefined)
    throw new IpAdapterError(
      "ERR_IPA_NOT_FOUND",
      `${option}: ${place}, which the picture was made with, is missing: put it there, or pass ${rootOf(option)}`,
    );
  if (found !== sha256)
    throw new IpAdapterError(
      "ERR_IPA_CHANGED",
      `${option}: ${place} is not what the picture was made with (sha256 ${found}, then ${sha256 ?? "unknown"}): bring the old one back, or pass ${rootOf(option)}`,
    );
}

/** What of a repository an option needs, as load() asks for it. */
function wantOf(option: string, { path }: HubName): Want {
  if (option === "model") return "model";
  return path !== "" && /^(?:loras|embeddings|inpaint)\b|^adapters\[\d+\]\.file$/.test(option) ? "file" : "component";
}

/** Parts of the model that come from elsewhere. */
function partsIn(files: readonly FileRecord[]): Parts {
  const parts: Record<string, string> = { unet: "unet", vae: "vae", imageEncoder: "image_encoder" };
  return new Set(files.flatMap(({ option }) => parts[option] ?? []));
}
