/** What `generate` reads and writes beside pictures: embeddings, faces, latents. */
import { resolve } from "node:path";

import { throwIfAborted } from "../abort-signal";
import { loadEmbedsWith } from "../embeds/file";
import { ImageEmbeds, picturesOf, shapeText } from "../embeds/image-embeds";
import { OptionError } from "../errors";
import type { ImagePrompt } from "../image-prompt";
import { CallSite, startNative } from "../native/call";
import type { NativeAddon } from "../native/contract";
import type { GenerateResult } from "../types";
import type { OrderedFlags } from "./flags";

export async function readPrompts(
  order: OrderedFlags,
  addon: NativeAddon,
  signal: AbortSignal,
): Promise<ImagePrompt[]> {
  const prompts: ImagePrompt[] = [];
  const faces: ImagePrompt[] = [];
  for (const flag of order.prompts) {
    const { path, kind, adapter, scale, settings } = flag;
    const own = { adapter, scale, ...settings };
    if (kind === "image") prompts.push({ image: path, ...own });
    else if (kind === "embeds")
      for (const embeds of await readEmbeds(addon, path, adapter, signal)) prompts.push({ embeds, ...own });
    else
      for (const faceEmbeds of await readRows(addon, path, "face_embeds", signal)) faces.push({ faceEmbeds, ...own });
  }
  return joinFaces(prompts, faces);
}

/** Adapters that were given both get each face with its picture. */
function joinFaces(pictures: readonly ImagePrompt[], faces: readonly ImagePrompt[]): ImagePrompt[] {
  const result = [...pictures];
  for (const index of new Set(faces.map(({ adapter }) => adapter))) {
    const own = faces.filter(({ adapter }) => adapter === index);
    const beside = result.filter(({ adapter }) => adapter === index);
    if (beside.length > 0 && beside.length !== own.length) {
      throw new OptionError(
        "--face-embeds",
        `expected as many faces as pictures of the adapter, ${beside.length}, but received ${own.length}`,
      );
    }
    if (beside.length === 0) result.push(...own);
    else beside.forEach((prompt, i) => (prompt.faceEmbeds = own[i]?.faceEmbeds));
  }
  return result;
}

/** Each picture's, so that each may get a face. */
async function readEmbeds(
  addon: NativeAddon,
  path: string,
  adapter: number,
  signal: AbortSignal,
): Promise<ImageEmbeds[]> {
  const embeds = await loadEmbedsWith(addon, { path, adapter, option: "--image-embeds", signal }, new CallSite());
  const shape = [1, ...embeds.shape.slice(1)];
  return picturesOf({ data: embeds, shape: embeds.shape }).map((one) => new ImageEmbeds(one, shape));
}

/** The rows of a file's tensor: of (n, ...) there are n. */
export async function readRows(
  addon: NativeAddon,
  path: string,
  name: "face_embeds" | "latents",
  signal: AbortSignal,
): Promise<Float32Array[]> {
  throwIfAborted(signal);
  const file = resolve(path);
  const { shape, data } = await startNative<{ shape: number[]; data: ArrayBuffer }>(new CallSite(), signal, (done) =>
    addon.readTensor(file, name, done),
  ).result;
  const count = shape[0] ?? 0;
  const [least, most, form] = name === "latents" ? [4, 4, "(n, channels, h, w)"] : [2, 2, "(n, d)"];
  if (shape.length < least || shape.length > most || count < 1) {
    throw new OptionError(
      `--${name.replace("_", "-")}`,
      `expected a tensor ${name} of shape ${form} but ${file} has ${shapeText(shape)}`,
    );
  }
  return picturesOf({ data: new Float32Array(data), shape });
}

export async function saveLatents(
  addon: NativeAddon,
  file: string,
  { latents, latentShape }: GenerateResult,
): Promise<void> {
  const size = latentShape.reduce((product, side) => product * side, 1);
  const data = new Float32Array(latents.length * size);
  latents.forEach((entry, i) => data.set(entry, i * size));
  const tensor = { name: "latents", shape: [latents.length, ...latentShape], data };
  await startNative<undefined>(new CallSite(), undefined, (done) =>
    addon.writeTensors(file, [tensor], done as (error: unknown) => void),
  ).result;
}
