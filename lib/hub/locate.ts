/** The places in the cache of what names on the hub stand for. */
import { HubError, IpAdapterError } from "../errors";
import type { CallSite } from "../native/call";
import type { Parts, Want } from "./files";
import type { HubName } from "./name";
import { resolveHubName } from "./resolve";
import { type HubOptions, HubSession } from "./session";

export interface NamedPlace {
  name: HubName;
  want: Want;
  option: string;
  path: string;
  /** parts of a model that come from elsewhere */
  skip?: Parts;
}

/**
 * Fetches what the cache does not hold; the places are in the order of the names.
 * @throws HubError; IpAdapterError ERR_IPA_IO; the signal's reason
 */
export async function locateNames(
  places: readonly NamedPlace[],
  options: HubOptions,
  site: CallSite,
): Promise<string[]> {
  const session = new HubSession(options);
  try {
    const paths: string[] = [];
    for (const place of places) paths.push(await locate(session, place));
    return paths;
  } catch (error) {
    throw error instanceof IpAdapterError ? site.attach(error) : error;
  } finally {
    session.end();
  }
}

/** The place in the cache of a name, without the network; undefined: the cache does not hold all of it. */
export async function heldPlace(name: HubName, want: Want, skip: Parts): Promise<string | undefined> {
  const session = new HubSession({ offline: true });
  try {
    return await resolveHubName(session, name, want, skip);
  } catch (error) {
    if (error instanceof HubError) return undefined;
    throw error;
  } finally {
    session.end();
  }
}

async function locate(session: HubSession, { name, want, option, path, skip }: NamedPlace): Promise<string> {
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
