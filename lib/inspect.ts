import { stat } from "node:fs/promises";

import { fileError } from "./errors";
import { CallSite, startNative, throwIfAborted } from "./native/call";
import type { NativeAddon, NativeInspection } from "./native/contract";
import { loadAddon } from "./native/load";
import { readPath } from "./options/path";
import { InspectSchema } from "./options/schema";
import { readOptions } from "./options/validate";
import type { InspectOptions } from "./types";

/** What a model file or folder is. */
export type Inspection = NativeInspection;

/**
 * Tells what a weight file or model folder holds, from its tensors and not its name, without loading it.
 * @throws IpAdapterError ERR_IPA_NOT_FOUND, or what is wrong with the file
 */
export async function inspect(path: string | URL, options: InspectOptions = {}): Promise<Inspection> {
  return inspectWith(loadAddon(), path, options, new CallSite());
}

/** @internal */
export async function inspectWith(addon: NativeAddon, path: string | URL, options: InspectOptions, site: CallSite): Promise<Inspection> {
  const { signal } = readOptions(InspectSchema, options);
  const file = readPath(path, "path");
  throwIfAborted(signal);
  await stat(file).catch((error: unknown) => {
    throw site.attach(fileError("file or folder", file, error));
  });
  throwIfAborted(signal);
  return startNative<NativeInspection>(site, signal, (done) => addon.inspect(file, done)).result;
}
