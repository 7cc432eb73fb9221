import { stat } from "node:fs/promises";

import { fileError } from "./errors";
import { lazily } from "./load-failure";
import { throwIfAborted } from "./abort-signal";
import { CallSite, startNative } from "./native/call";
import type { Inspection } from "./metadata/inspect-picture";
import type { NativeAddon } from "./native/contract";
import { loadAddon } from "./native/load";
import { readPath } from "./options/path";
import { InspectSchema } from "./options/file-schema";
import { readOptions } from "./options/validate";
import { checkReadable } from "./permission";
import type { InspectOptions } from "./types";

const pictures = lazily(() => require("./metadata/inspect-picture") as typeof import("./metadata/inspect-picture"));
const places = lazily(() => require("./hub/place-names") as typeof import("./hub/place-names"));

/**
 * Tells what a weight file or model folder holds, without loading it. The tensors decide, not the name. The files of a name on the
 * Hugging Face hub are fetched into its cache first, all those that load() would fetch.
 * @throws IpAdapterError ERR_IPA_NOT_FOUND, HubError, or what is wrong with the file
 */
export async function inspect(path: string | URL, options: InspectOptions = {}): Promise<Inspection> {
  return inspectWith(loadAddon(), path, options, new CallSite());
}

/** @internal */
export async function inspectWith(
  addon: NativeAddon,
  path: string | URL,
  options: InspectOptions,
  site: CallSite,
): Promise<Inspection> {
  const read = readOptions(InspectSchema, options);
  const { signal } = read;
  const named = readPath(path, "path");
  throwIfAborted(signal);
  const file = await onDisk(path, named, read, site);
  site.run(() => checkReadable(file, "path"));
  const status = await stat(file).catch((error: unknown) => {
    throw site.attach(fileError("file or folder", file, error));
  });
  throwIfAborted(signal);
  const picture = status.isFile() ? await pictures().inspectPicture(file, status.size, site) : undefined;
  if (picture !== undefined) return picture;
  return startNative<Inspection>(site, signal, (done) => addon.inspect(file, done)).result;
}

async function onDisk(value: string | URL, path: string, read: InspectOptions, site: CallSite): Promise<string> {
  const name = await places().hubNameOf(value, path, "any");
  if (name === undefined) return path;
  const [file = path] = await places().locateNames([{ name, want: "any", option: "path", path }], read, site);
  return file;
}
