/** Whether the files that a picture was made with are there, and are what they were. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";

import { IpAdapterError } from "../errors";
import { parseHubName } from "../hub/name";
import { contentHash } from "./content-hash";
import { type FileRecord, rootOf } from "./record";

/** @throws IpAdapterError ERR_IPA_NOT_FOUND or ERR_IPA_CHANGED, which name the option and the file */
export async function verifyFiles(files: readonly FileRecord[]): Promise<void> {
  for (const { option, path, sha256 } of files) {
    if (path === undefined)
      throw new IpAdapterError(
        "ERR_IPA_NOT_FOUND",
        `${option}: it was given in memory, and the picture has only its hash (sha256 ${sha256 ?? "unknown"}): pass it again`,
      );
    // What is fetched by its name lies in the hub's cache, which checks it.
    if (!existsSync(resolve(path)) && parseHubName(path) !== undefined) continue;
    const found = await contentHash(resolve(path));
    if (found === undefined)
      throw new IpAdapterError(
        "ERR_IPA_NOT_FOUND",
        `${option}: ${resolve(path)}, which the picture was made with, is missing: put it there, or pass ${rootOf(option)}`,
      );
    if (found !== sha256)
      throw new IpAdapterError(
        "ERR_IPA_CHANGED",
        `${option}: ${resolve(path)} is not what the picture was made with (sha256 ${found}, then ${sha256 ?? "unknown"}): bring the old one back, or pass ${rootOf(option)}`,
      );
  }
}
