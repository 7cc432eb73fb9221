/** Image prompts: read when a call starts, decoded, then grouped in the branches the engine runs. */
import { types } from "node:util";

import { OptionError } from "./errors";
import { decodeImage } from "./image/decode";
import { type ImageInput, type ImageSnapshot, snapshotImage } from "./image/input";
import type { NativeAdapterInfo, NativeImage, NativeImageBranch, NativePipelineInfo } from "./native/contract";
import { describe } from "./options/describe";

/** A picture to take after: `image`, or `embeds` computed before by `encodeImage`. */
export interface ImagePrompt {
  /** a path, a file: URL object, the bytes of an image file, or raw pixels */
  image?: ImageInput | undefined;
  /** base adapters: n * embedSize floats, n pictures; plus and full: the encoder's hidden states of one picture */
  embeds?: Float32Array | readonly number[] | undefined;
  /** strength, -5 to 5; default 1, the reference's; about 0.6 lets a prompt be heard as much */
  scale?: number | undefined;
  /** index into the loaded adapters, default 0 */
  adapter?: number | undefined;
}

/** An image prompt as it was when the call started. */
export interface PromptSnapshot {
  adapter: number;
  scale: number;
  /** for messages, such as `imagePrompts[0]` */
  option: string;
  source: { image: ImageSnapshot } | { embeds: Float32Array[] };
}

/** The strength diffusers and the original implementation start from. */
export const DEFAULT_SCALE = 1;

/** Checks the image prompts against the loaded model and copies what the caller could still change. */
export function snapshotPrompts(prompts: readonly ImagePrompt[], info: NativePipelineInfo): PromptSnapshot[] {
  return prompts.map((entry, i) => {
    const option = `imagePrompts[${i}]`;
    const adapter = checkAdapter(entry.adapter ?? 0, `${option}.adapter`, info);
    return { adapter: entry.adapter ?? 0, scale: entry.scale ?? DEFAULT_SCALE, option, source: readSource(entry, option, adapter, info) };
  });
}

/** The adapter of that index; `option` names where the index came from. */
export function checkAdapter(index: number, option: string, info: NativePipelineInfo): NativeAdapterInfo {
  const adapter = info.adapters[index];
  if (adapter !== undefined) return adapter;
  const { length } = info.adapters;
  if (length === 0) throw new OptionError(option.replace(/\.adapter$/, ""), "no IP-Adapter is loaded: pass adapters: [{ file }] to Pipeline.load()");
  throw new OptionError(option, `expected ${length === 1 ? "0 (one adapter is loaded)" : `an integer between 0 and ${length - 1}`} but received ${index}`);
}

export function checkImageEncoder(option: string, info: NativePipelineInfo): void {
  if (!info.hasImageEncoder) {
    throw new OptionError(option, "no image encoder is loaded: pass imageEncoder (a CLIP vision model's folder) to Pipeline.load(), or embeds instead of image");
  }
}

function readSource(entry: ImagePrompt, option: string, adapter: NativeAdapterInfo, info: NativePipelineInfo): PromptSnapshot["source"] {
  if (entry.image !== undefined && entry.embeds !== undefined) {
    throw new OptionError(option, "expected image or embeds but received both: leave one out");
  }
  if (entry.embeds !== undefined) return { embeds: splitEmbeds(readFloats(entry.embeds, `${option}.embeds`), `${option}.embeds`, adapter) };
  if (entry.image === undefined) throw new OptionError(option, "expected image or embeds but received neither: add image");
  checkImageEncoder(`${option}.image`, info);
  return { image: snapshotImage(entry.image, `${option}.image`) };
}

/** A finite copy. */
function readFloats(value: unknown, option: string): Float32Array {
  if (!types.isFloat32Array(value) && !types.isFloat64Array(value) && !Array.isArray(value)) {
    throw new OptionError(option, `expected a Float32Array but received ${describe(value)}`);
  }
  const floats = new Float32Array(value.length);
  for (let i = 0; i < floats.length; i++) {
    const number: unknown = value[i];
    floats[i] = typeof number === "number" ? number : NaN;
    if (!Number.isFinite(floats[i])) throw new OptionError(`${option}[${i}]`, `expected a finite number but received ${describe(number)}`);
  }
  return floats;
}

function splitEmbeds(embeds: Float32Array, option: string, adapter: NativeAdapterInfo): Float32Array[] {
  const { embedSize, variant } = adapter;
  if (embeds.length === 0 || embeds.length % embedSize !== 0) {
    const unit = variant === "base" ? `${embedSize} floats a picture` : `a multiple of ${embedSize} floats (hidden states)`;
    throw new OptionError(option, `this ${variant} adapter takes ${unit} but received ${embeds.length}: use the output of encodeImage()`);
  }
  if (variant !== "base") return [embeds];
  return Array.from({ length: embeds.length / embedSize }, (_, i) => embeds.slice(i * embedSize, (i + 1) * embedSize));
}

/**
 * Decodes the pictures and groups them: prompts of one adapter with equal scale are one branch, their tokens in one
 * softmax as in diffusers; another scale is a branch of its own, added to the others.
 */
export async function toBranches(prompts: readonly PromptSnapshot[]): Promise<NativeImageBranch[]> {
  return group(prompts, await Promise.all(prompts.map(decodePrompt)));
}

/** The same without pixels, for what only asks for sizes. */
export function toBranchSizes(prompts: readonly PromptSnapshot[]): NativeImageBranch[] {
  return group(prompts, prompts.map(({ source }) => ("embeds" in source ? source.embeds.map((embeds) => ({ embeds })) : [{}])));
}

function group(prompts: readonly PromptSnapshot[], images: NativeImage[][]): NativeImageBranch[] {
  const branches: NativeImageBranch[] = [];
  prompts.forEach(({ adapter, scale }, i) => {
    let branch = branches.find((b) => b.adapter === adapter && b.scale === scale);
    if (branch === undefined) branches.push((branch = { adapter, scale, images: [] }));
    branch.images.push(...(images[i] ?? []));
  });
  return branches;
}

async function decodePrompt({ source, option }: PromptSnapshot): Promise<NativeImage[]> {
  if ("embeds" in source) return source.embeds.map((embeds) => ({ embeds }));
  return [await decodeImage(source.image, `${option}.image`)];
}
