/** Paths of the API that may also be names on the hub. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";

import { HubError } from "../errors";
import type { Parts, Want } from "./files";
import { type HubName, parseHubName } from "./name";
import { resolveHubName } from "./resolve";
import type { HubSession } from "./session";

/**
 * What a value names on the hub; undefined when it is a path, because it exists, or has no other meaning.
 * @param path what the value means as a path
 */
export async function hubNameOf(
  value: string | URL | undefined,
  path: string,
  want: Want,
): Promise<HubName | undefined> {
  const name = typeof value === "string" ? parseHubName(value) : undefined;
  if (name === undefined || (want === "file" && name.path === "")) return undefined;
  // A folder of the repository's name: then a file in it was mistyped.
  const there = await Promise.all(
    [path, resolve(name.repo)].map((place) =>
      stat(place).then(
        () => true,
        () => false,
      ),
    ),
  );
  return there.includes(true) ? undefined : name;
}

export interface NamedPlace {
  name: HubName;
  want: Want;
  option: string;
  path: string;
  /** parts of a model that come from elsewhere */
  skip?: Parts;
}

/**
 * The place in the cache of what a name stands for.
 * @throws HubError; IpAdapterError ERR_IPA_IO; session.signal's reason
 */
export async function locate(session: HubSession, { name, want, option, path, skip }: NamedPlace): Promise<string> {
  try {
    return await resolveHubName(session, name, want, skip ?? new Set());
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    const { code, message, repo, status, cause } = error;
    // Perhaps a path was meant, and mistyped.
    const note = code === "ERR_IPA_CHECKSUM" ? "" : ` (nor is there a file or folder ${path})`;
    throw new HubError(
      code,
      `${option}: ${message}${note}`,
      cause === undefined ? { repo, status } : { repo, status, cause },
    );
  }
}
