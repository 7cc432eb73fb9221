/** `generate --from PICTURE`: the settings that a picture carries, under the flags given beside it. */

import { IpAdapterError, OptionError } from "../errors";
import { readMetadata } from "../read-metadata";
import { type FileRecord, rootOf } from "../metadata/record";
import { verifyFiles } from "../metadata/verify";
import type { GenerateOptions, LoadOptions } from "../types";

/** Options of which one takes the place of the others: what is given last counts. */
const EXCLUSIVE = ["sigmas", "timesteps", "steps"];

export interface Settings {
  load: LoadOptions;
  options: GenerateOptions;
}

export interface PictureSettings extends Settings {
  /** what is to be checked when the model is loaded, which fetches it from the hub */
  toFetch: FileRecord[];
  /** why the settings do not make the same picture, where that is known */
  warning?: string;
}

/**
 * The picture's settings with the given ones over them. The files of what is left of them are checked.
 * @throws as readMetadata() with `verify`
 */
export async function settingsFrom(picture: string, given: Settings): Promise<PictureSettings> {
  const { settings } = await readMetadata(picture).catch((error: unknown) => {
    throw error instanceof IpAdapterError
      ? new IpAdapterError(error.code, `--from: ${error.message}`, { cause: error })
      : error;
  });
  if (settings === undefined)
    throw new OptionError("--from", `${picture} has no settings of node-ip-adapter in it: use a picture that it made`);
  const replaced = EXCLUSIVE.some((name) => name in given.options) ? EXCLUSIVE : [];
  const kept = Object.entries(settings.generate).filter(([name]) => !replaced.includes(name));
  const options: GenerateOptions = { ...Object.fromEntries(kept), ...given.options };
  const load = { ...settings.load, ...given.load };
  const overridden = new Set([...Object.keys(given.load), ...Object.keys(given.options)]);
  const toFetch = await verifyFiles(settings.files.filter(({ option }) => !overridden.has(rootOf(option))));
  const warning = `${picture} was made with latents that onStep changed: its settings alone do not make the same picture`;
  return { load, options, toFetch, ...(settings.latentsChanged === true ? { warning } : {}) };
}
