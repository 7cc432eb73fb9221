/** What is to be loaded, as the engine is asked for it: options to absolute paths, which are found, fetched and checked. */
import type { Stats } from "node:fs";
import { stat } from "node:fs/promises";

import { IpAdapterError, OptionError, fileError } from "./errors";
import { formatHubName, parseHubName } from "./hub/name";
import type { NamedRequest } from "./hub/place-names";
import { lazily } from "./load-failure";
import { throwIfAborted } from "./abort-signal";
import { type CallSite } from "./native/call";
import type {
  NativeAdapterRequest,
  NativeControlRequest,
  NativeLoadRequest,
  NativeLoraRequest,
} from "./native/contract";
import { readPath } from "./options/path";
import { plainLoadOptions } from "./options/plain-load-options";
import { shippedModel } from "./package-root";
import { checkReadable } from "./permission";
import type { ReadLoadOptions } from "./read-options";
import type { AdapterOptions, ControlOptions, LoraOptions } from "./types";

const places = lazily(() => require("./hub/place-names") as typeof import("./hub/place-names"));

export function adapterRequests(adapters: readonly AdapterOptions[]): NativeAdapterRequest[] {
  return adapters.map(({ file, imageEncoder, shortcut, loraWeight = 1 }, i) => {
    const request: NativeAdapterRequest = { file: readPath(file, `adapters[${i}].file`), loraWeight };
    if (shortcut !== undefined) request.shortcut = shortcut;
    if (imageEncoder !== undefined) request.imageEncoder = readPath(imageEncoder, `adapters[${i}].imageEncoder`);
    return request;
  });
}

export function loraRequests(loras: readonly LoraOptions[]): NativeLoraRequest[] {
  return loras.map(({ file, weight = 1 }, i) => ({ file: readPath(file, `loras[${i}].file`), weight }));
}

export function controlRequests(controls: readonly ControlOptions[]): NativeControlRequest[] {
  return controls.map(({ file }, i) => ({ file: readPath(file, `controls[${i}].file`) }));
}

export function loadRequest(read: ReadLoadOptions): NativeLoadRequest {
  const shipped = read.model === undefined ? shippedModel() : undefined;
  const adapters = read.adapters ?? (shipped === undefined ? [] : [{ file: shipped.adapter }]);
  const request: NativeLoadRequest = {
    model: shipped?.model ?? readPath(read.model, "model"),
    adapters: adapterRequests(adapters),
    loras: loraRequests(read.loras ?? []),
    controls: controlRequests(read.controls ?? []),
    embeddings: (read.embeddings ?? []).map(({ file }, i) => ({ file: readPath(file, `embeddings[${i}].file`) })),
    ...plainLoadOptions(read),
  };
  if (read.inpaint !== undefined) {
    const { head, patch, weight = 1 } = read.inpaint;
    request.inpaint = { head: readPath(head, "inpaint.head"), patch: readPath(patch, "inpaint.patch"), weight };
  }
  if (read.unet !== undefined) request.unet = readPath(read.unet, "unet");
  if (read.vae !== undefined) request.vae = readPath(read.vae, "vae");
  if (read.imageEncoder !== undefined) request.imageEncoder = readPath(read.imageEncoder, "imageEncoder");
  if (read.device !== undefined) request.device = read.device;
  const devices = Object.entries(read.devices ?? {}).filter(([, device]) => device !== undefined);
  if (devices.length > 0) request.devices = Object.fromEntries(devices);
  return request;
}

/**
 * Early, so that a wrong path is named by its option before gigabytes are read or fetched. What has the form of a name on the hub
 * is fetched, and its place in the cache put into the request.
 * @param read the options that `request` was made of
 */
export async function placeFiles(request: NamedRequest, read: ReadLoadOptions, site: CallSite): Promise<void> {
  const named = await places().findNames(request, read);
  await checkPaths(request, read, site, new Set(named.map(({ option }) => option)));
  if (named.length === 0) return;
  throwIfAborted(read.signal);
  await places().placeNames(named, read, site);
  await checkPaths(request, read, site);
}

/** @param unplaced options whose files are yet to come from the hub */
async function checkPaths(
  request: NamedRequest,
  read: ReadLoadOptions,
  site: CallSite,
  unplaced: ReadonlySet<string> = new Set(),
): Promise<void> {
  const find = async (
    path: string | undefined,
    option: string,
    what: string,
    given?: string | URL,
  ): Promise<Stats | undefined> => {
    if (path === undefined || unplaced.has(option)) return undefined;
    site.run(() => checkReadable(path, option));
    return stat(path).catch((error: unknown) => {
      throw site.attach(withHubHint(fileError(`${option}: ${what}`, path, error), given));
    });
  };
  const check = async (path: string | undefined, option: string, given: string | URL | undefined): Promise<void> => {
    const status = await find(path, option, "file", given);
    if (status?.isDirectory() !== true) return;
    throw site.attach(new OptionError(option, `expected a file but ${path ?? ""} is a folder`));
  };
  await find(request.model, "model", "folder or file");
  await find(request.unet, "unet", "folder or file");
  await find(request.vae, "vae", "folder or file");
  await find(request.imageEncoder, "imageEncoder", "folder or file");
  for (const [i, { file, imageEncoder }] of (request.adapters ?? []).entries()) {
    await check(file, `adapters[${i}].file`, read.adapters?.[i]?.file);
    await find(imageEncoder, `adapters[${i}].imageEncoder`, "folder or file");
  }
  for (const [i, { file }] of (request.loras ?? []).entries())
    await check(file, `loras[${i}].file`, read.loras?.[i]?.file);
  for (const [i, { file }] of (request.controls ?? []).entries())
    await find(file, `controls[${i}].file`, "folder or file");
  await check(request.inpaint?.head, "inpaint.head", read.inpaint?.head);
  await check(request.inpaint?.patch, "inpaint.patch", read.inpaint?.patch);
  for (const [i, { file }] of (request.embeddings ?? []).entries())
    await check(file, `embeddings[${i}].file`, read.embeddings?.[i]?.file);
}

/** A repository's name where a file is wanted: on the hub, too, one file of it has to be named. */
function withHubHint(error: IpAdapterError, given: string | URL | undefined): IpAdapterError {
  const name = typeof given === "string" && error.code === "ERR_IPA_NOT_FOUND" ? parseHubName(given) : undefined;
  if (name?.path !== "") return error;
  return new IpAdapterError(
    error.code,
    `${error.message}: for one on the Hugging Face hub, name the file in the repository, ${formatHubName(name)}/FILE.safetensors`,
    { cause: error.cause },
  );
}
