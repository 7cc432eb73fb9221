/** Paths of the API that may also be names on the hub. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";

import { HubError } from "../errors";
import type { Parts, Want } from "./files";
import { type HubName, parseHubName } from "./name";
import { resolveHubName } from "./resolve";
import type { HubSession } from "./session";

export interface Place {
  /** as the caller gave it */
  value: string | URL;
  /** what it means as a path */
  path: string;
  option: string;
  want: Want;
  /** parts of a model that come from elsewhere */
  skip?: Parts;
}

/**
 * The path itself, unless only the hub can be meant: what exists on disk always wins.
 * @throws HubError; IpAdapterError ERR_IPA_IO; session.signal's reason
 */
export async function locate(session: HubSession, { value, path, option, want, skip }: Place): Promise<string> {
  const name = typeof value === "string" ? parseHubName(value) : undefined;
  if (name === undefined || (want === "file" && name.path === "") || (await isOnDisk(path, name))) return path;
  try {
    return await resolveHubName(session, name, want, skip ?? new Set());
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    const { code, message, repo, status, cause } = error;
    // Perhaps a path was meant, and mistyped.
    const note = code === "ERR_IPA_CHECKSUM" ? "" : ` (nor is there a file or folder ${path})`;
    throw new HubError(code, `${option}: ${message}${note}`, cause === undefined ? { repo, status } : { repo, status, cause });
  }
}

/** The path, or a folder of the repository's name, in which a file was mistyped. */
async function isOnDisk(path: string, { repo }: HubName): Promise<boolean> {
  const there = await Promise.all([path, resolve(repo)].map((place) => stat(place).then(() => true, () => false)));
  return there.includes(true);
}
