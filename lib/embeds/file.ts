/** Embeddings in files: our own safetensors files, and the files that ComfyUI_IPAdapter_plus and diffusers save. */
import { IpAdapterError, OptionError } from "../errors";
import { type AbortSignalLike, throwIfAborted } from "../abort-signal";
import { CallSite, startNative } from "../native/call";
import type { NativeAddon } from "../native/contract";
import { loadAddon } from "../native/load";
import { describe } from "../options/describe";
import { readPath } from "../options/path";
import { LoadEmbedsSchema } from "../options/file-schema";
import { readOptions } from "../options/validate";
import { checkReadable, checkWritable } from "../permission";
import type { LoadEmbedsOptions } from "../types";
import { combineEmbeds } from "./combine";
import { ImageEmbeds, shapeText } from "./image-embeds";

const TENSOR = "image_embeds";
/** What the engine calls a tensor that torch.save wrote by itself. */
const NAMELESS = "tensor";

interface NamedShape {
  name: string;
  shape: number[];
}

/**
 * Writes embeddings as a safetensors file with one tensor `image_embeds`. Several are put together, as pictures of one prompt.
 * The file is written whole or not at all.
 * @param path ends in .safetensors
 * @throws OptionError; ERR_IPA_IO, ERR_IPA_NOT_FOUND
 */
export async function saveEmbeds(path: string | URL, embeds: ImageEmbeds | readonly ImageEmbeds[]): Promise<void> {
  return saveEmbedsWith(loadAddon(), path, embeds, "path", new CallSite());
}

/**
 * Reads embeddings from a safetensors file with a tensor `image_embeds`, from an .ipadpt file of ComfyUI_IPAdapter_plus, or from a file of
 * diffusers' precomputed embeddings, of which it takes the positive half. The content tells which it is.
 * @throws OptionError; ERR_IPA_MISSING_TENSOR or ERR_IPA_SHAPE when there are none in the file; ERR_IPA_NOT_FOUND; what is wrong with the file
 */
export async function loadEmbeds(path: string | URL, options: LoadEmbedsOptions = {}): Promise<ImageEmbeds> {
  const site = new CallSite();
  const { adapter = 0, signal } = readOptions(LoadEmbedsSchema, options);
  return loadEmbedsWith(loadAddon(), { path, adapter, option: "path", signal }, site);
}

/** @internal @param option names the path in messages */
export async function saveEmbedsWith(
  addon: NativeAddon,
  path: string | URL,
  embeds: ImageEmbeds | readonly ImageEmbeds[],
  option: string,
  site: CallSite,
): Promise<void> {
  const file = checkSavePath(path, option);
  site.run(() => checkWritable(file, option));
  const all = combineEmbeds(embeds, "concat");
  const tensor = { name: TENSOR, shape: [...all.shape], data: all };
  await startNative<undefined>(site, undefined, (done) =>
    addon.writeTensors(file, [tensor], done as (error: unknown) => void),
  ).result;
}

/** @internal */
export function checkSavePath(path: string | URL, option: string): string {
  const file = readPath(path, option);
  if (/\.safetensors$/i.test(file)) return file;
  throw new OptionError(
    option,
    `expected a name that ends in .safetensors, which is the format written, but received ${describe(file)}`,
  );
}

/** @internal */
export async function loadEmbedsWith(
  addon: NativeAddon,
  {
    path,
    adapter,
    option,
    signal,
  }: { path: string | URL; adapter: number; option: string; signal: AbortSignalLike | undefined },
  site: CallSite,
): Promise<ImageEmbeds> {
  const file = readPath(path, option);
  throwIfAborted(signal);
  site.run(() => checkReadable(file, option));
  const tensors = await startNative<NamedShape[]>(site, signal, (done) => addon.listTensors(file, done)).result;
  try {
    const { name, halves } = findEmbeds(tensors, adapter, file, option);
    const { shape, data } = await startNative<{ shape: number[]; data: ArrayBuffer }>(site, signal, (done) =>
      addon.readTensor(file, name, done),
    ).result;
    const floats = new Float32Array(data);
    if (!halves) return new ImageEmbeds(floats, shape);
    // The negative half comes first. Each half is there once for each picture that was asked for, so the last one is positive in any case.
    const [count = 1, ...rest] = shape;
    return new ImageEmbeds(floats.subarray((floats.length / count) * (count - 1)), rest);
  } catch (error) {
    throw error instanceof IpAdapterError ? site.attach(error) : error;
  }
}

/** The tensor that holds the embeddings, and whether it is diffusers' and has a negative half in front. */
function findEmbeds(
  tensors: readonly NamedShape[],
  adapter: number,
  file: string,
  option: string,
): { name: string; halves: boolean } {
  const only = tensors.length === 1 ? tensors[0] : undefined;
  const named = tensors.find(({ name }) => name === TENSOR) ?? (only?.name === NAMELESS ? only : undefined);
  if (named !== undefined) {
    checkShape(named, 2, "(n, d) or (n, t, d)", file, option);
    return { name: named.name, halves: false };
  }
  const isList = tensors.length > 0 && tensors.every(({ name }, i) => name === String(i));
  if (!isList) {
    const some = tensors.slice(0, 3).map(({ name }) => describe(name));
    const found =
      some.length === 0 ? "none" : `${some.join(", ")}${tensors.length > 3 ? ` and ${tensors.length - 3} more` : ""}`;
    const problem = `${file} has no embeddings: expected a tensor ${TENSOR}, or a tensor or list of tensors that torch.save wrote, but its tensors are: ${found}`;
    throw new IpAdapterError("ERR_IPA_MISSING_TENSOR", `${option}: ${problem}`);
  }
  const chosen = only ?? tensors[adapter];
  if (chosen === undefined) {
    throw new OptionError(
      "adapter",
      `expected an integer between 0 and ${tensors.length - 1} but received ${adapter}: ${file} has embeddings for ${tensors.length} adapters`,
    );
  }
  checkShape(chosen, 3, "(2, n, d) or (2, n, t, d), as diffusers saves them,", file, option);
  return { name: chosen.name, halves: true };
}

function checkShape({ name, shape }: NamedShape, rank: number, expected: string, file: string, option: string): void {
  if ((shape.length === rank || shape.length === rank + 1) && shape.every((size) => size > 0)) return;
  throw new IpAdapterError(
    "ERR_IPA_SHAPE",
    `${option}: expected a tensor ${name} of shape ${expected} but ${file} has ${shapeText(shape)}`,
  );
}
