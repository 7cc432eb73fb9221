/** Paths of the API that may also be names on the hub. What knows the hub itself is loaded when there is such a name. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";

import { lazily } from "../load-failure";
import type { CallSite } from "../native/call";
import type { NativeLoadRequest } from "../native/contract";
import type { ReadLoadOptions } from "../read-options";
import type { Want } from "./files";
import type { NamedPlace } from "./locate";
import { type HubName, parseHubName } from "./name";
import type { HubOptions } from "./session";

type Named = NamedPlace & { put: (path: string) => void };

/** What of a request can be a name. */
export type NamedRequest = Partial<
  Pick<
    NativeLoadRequest,
    "model" | "adapters" | "loras" | "controls" | "inpaint" | "embeddings" | "unet" | "vae" | "imageEncoder"
  >
>;

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

const hub = lazily(() => require("./locate") as typeof import("./locate"));

/** The places in the cache of names; see locate.ts. */
export function locateNames(places: readonly NamedPlace[], options: HubOptions, site: CallSite): Promise<string[]> {
  return hub().locateNames(places, options, site);
}

/** @param request holds what the options mean as paths */
export async function findNames(request: NamedRequest, read: ReadLoadOptions): Promise<Named[]> {
  const named: Named[] = [];
  const look = async (
    value: string | URL | undefined,
    path: string | undefined,
    option: string,
    want: Want,
    put: (path: string) => void,
  ): Promise<void> => {
    const name = path === undefined ? undefined : await hubNameOf(value, path, want);
    if (name !== undefined && path !== undefined) named.push({ name, want, option, path, put });
  };
  // The smallest first, so that mistakes come to light before gigabytes are fetched.
  for (const [i, lora] of (request.loras ?? []).entries())
    await look(read.loras?.[i]?.file, lora.file, `loras[${i}].file`, "file", (path) => (lora.file = path));
  for (const [i, embedding] of (request.embeddings ?? []).entries())
    await look(
      read.embeddings?.[i]?.file,
      embedding.file,
      `embeddings[${i}].file`,
      "file",
      (path) => (embedding.file = path),
    );
  for (const [i, control] of (request.controls ?? []).entries())
    await look(
      read.controls?.[i]?.file,
      control.file,
      `controls[${i}].file`,
      "component",
      (path) => (control.file = path),
    );
  const { inpaint } = request;
  if (inpaint !== undefined)
    for (const part of ["head", "patch"] as const)
      await look(read.inpaint?.[part], inpaint[part], `inpaint.${part}`, "file", (path) => (inpaint[part] = path));
  for (const [i, adapter] of (request.adapters ?? []).entries()) {
    const given = read.adapters?.[i];
    await look(given?.file, adapter.file, `adapters[${i}].file`, "file", (path) => (adapter.file = path));
    await look(
      given?.imageEncoder,
      adapter.imageEncoder,
      `adapters[${i}].imageEncoder`,
      "component",
      (path) => (adapter.imageEncoder = path),
    );
  }
  await look(read.vae, request.vae, "vae", "component", (path) => (request.vae = path));
  await look(
    read.imageEncoder,
    request.imageEncoder,
    "imageEncoder",
    "component",
    (path) => (request.imageEncoder = path),
  );
  await look(read.unet, request.unet, "unet", "component", (path) => (request.unet = path));
  await look(read.model, request.model, "model", "model", (path) => (request.model = path));
  return named;
}

/**
 * Fetches what the cache does not hold, and puts the places in the cache into the request.
 * @throws OptionError; HubError; IpAdapterError ERR_IPA_IO; signal.reason
 */
export async function placeNames(named: readonly Named[], read: ReadLoadOptions, site: CallSite): Promise<void> {
  const elsewhere = { unet: read.unet, vae: read.vae, image_encoder: read.imageEncoder };
  const skip = new Set(Object.entries(elsewhere).flatMap(([part, value]) => (value === undefined ? [] : [part])));
  const places = named.map((place) => (place.option === "model" ? { ...place, skip } : place));
  const paths = await locateNames(places, read, site);
  for (const [i, { put }] of named.entries()) put(paths[i] ?? "");
}
