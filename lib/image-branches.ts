/** Image prompts checked against the loaded adapters. */
import { ImageEmbeds, MOST_PICTURES, picturesOf, shapeText } from "./embeds/image-embeds";
import { OptionError } from "./errors";
import type { PromptSnapshot } from "./image-prompt";
import type { AdapterInfo, NativeImage, PipelineInfo } from "./native/contract";

/** What image prompts of one softmax have in common. */
export type SharedSettings = Pick<PromptSnapshot, "adapter" | "strength" | "combine" | "kvScaling" | "region"> & {
  structureScale: number;
};

/** The same as its adapter takes it: one picture to decode, or any number of embeddings. */
export interface CheckedPrompt {
  prompt: PromptSnapshot;
  shared: SharedSettings;
  /** pixels of a side that its adapter's image encoder reads */
  imageSize: number;
  /** what the engine gets, the picture aside */
  given: NativeImage[];
}

/** The adapter of that index; `option` names where the index came from. */
export function checkAdapter(index: number, option: string, info: PipelineInfo): AdapterInfo {
  const adapter = info.adapters[index];
  if (adapter !== undefined) return adapter;
  const { length } = info.adapters;
  if (length === 0)
    throw new OptionError(
      option.replace(/\.adapter$/, ""),
      "no IP-Adapter is loaded: pass adapters: [{ file }] to Pipeline.load()",
    );
  throw new OptionError(
    option,
    `expected ${length === 1 ? "0 (one adapter is loaded)" : `an integer between 0 and ${length - 1}`} but received ${index}`,
  );
}

/** That the adapter can be given a picture. */
export function checkTakesPictures(option: string, adapter: AdapterInfo): void {
  if (adapter.embedSize === 0)
    throw new OptionError(option, `this ${adapter.variant} adapter takes faces, no pictures: pass faceEmbeds alone`);
  if (!adapter.hasImageEncoder) {
    throw new OptionError(
      option,
      "no image encoder is loaded: pass imageEncoder (a CLIP vision model's folder) to Pipeline.load(), or embeds instead of image",
    );
  }
}

/** What the adapter's image encoder made of one picture. */
export function toEmbeds(floats: Float32Array, { hiddenStates, embedSize }: AdapterInfo): ImageEmbeds {
  return new ImageEmbeds(floats, hiddenStates ? [1, floats.length / embedSize, embedSize] : [1, floats.length]);
}

function checkPrompt(prompt: PromptSnapshot, info: PipelineInfo): CheckedPrompt {
  const { option, strength, image, structureScale } = prompt;
  const adapter = checkAdapter(prompt.adapter, `${option}.adapter`, info);
  if (structureScale !== undefined && !adapter.shortcut) {
    throw new OptionError(
      `${option}.structureScale`,
      `only FaceID PlusV2 adapters have it, this is a ${adapter.variant} adapter: leave it out`,
    );
  }
  const faces = readFaces(prompt, adapter);
  if (image !== undefined) checkTakesPictures(`${option}.image`, adapter);
  const embeds =
    prompt.embeds === undefined ? undefined : splitEmbeds(prompt.embeds, prompt.shape, `${option}.embeds`, adapter);
  const { combine, kvScaling, region, weight } = prompt;
  const shared = { adapter: prompt.adapter, strength, structureScale: structureScale ?? 1, combine, kvScaling, region };
  if (faces !== undefined) checkOfFaces(prompt, adapter);
  if (adapter.embedSize === 0) return { prompt, shared, imageSize: 0, given: (faces ?? []).map((face) => ({ face })) };
  if (image === undefined && embeds === undefined) {
    throw new OptionError(option, `this ${adapter.variant} adapter takes the face's picture too: add image, or embeds`);
  }
  const [face] = faces ?? [];
  if (face !== undefined && embeds !== undefined && embeds.length > 1) {
    throw new OptionError(
      `${option}.embeds`,
      `a face takes one picture but received ${embeds.length}: make an image prompt of each, with its face`,
    );
  }
  const given: NativeImage[] = embeds === undefined ? [{}] : embeds.map((one) => ({ embeds: one }));
  for (const one of given) {
    if (face !== undefined) one.face = face;
    if (weight !== 1) one.weight = weight;
  }
  return { prompt, shared, imageSize: adapter.imageSize, given };
}

/** Faces are neither weighed nor combined. */
function checkOfFaces({ option, weight, combine }: PromptSnapshot, { variant }: AdapterInfo): void {
  for (const [name, given] of [
    ["weight", weight !== 1],
    ["combine", combine !== "concat"],
  ] as const)
    if (given)
      throw new OptionError(`${option}.${name}`, `this ${variant} adapter takes faces, which have none: leave it out`);
}

/** The faces of one prompt; undefined for adapters that take none. */
function readFaces(
  { faceEmbeds, option }: PromptSnapshot,
  { variant, faceSize, faceEmbedding, embedSize }: AdapterInfo,
): Float32Array[] | undefined {
  if (faceSize === 0) {
    if (faceEmbeds === undefined) return undefined;
    throw new OptionError(`${option}.faceEmbeds`, `this ${variant} adapter takes pictures, no faces: pass image`);
  }
  const source = `InsightFace's ${faceEmbedding} of a face (buffalo_l), ${faceSize} floats, made outside this package, which has no face model`;
  if (faceEmbeds === undefined)
    throw new OptionError(option, `this ${variant} adapter takes face embeddings: add faceEmbeds (${source})`);
  const count = faceEmbeds.length / faceSize;
  if (!Number.isInteger(count) || count === 0 || (embedSize > 0 && count > 1)) {
    const unit = embedSize > 0 ? `${faceSize} floats, one face,` : `${faceSize} floats per face`;
    throw new OptionError(
      `${option}.faceEmbeds`,
      `this ${variant} adapter takes ${unit} but received ${faceEmbeds.length}: pass ${source}`,
    );
  }
  checkPictures(count, `${option}.faceEmbeds`);
  return picturesOf({ data: faceEmbeds, shape: [count, faceSize] });
}

export function splitEmbeds(
  embeds: Float32Array,
  shape: readonly number[] | undefined,
  option: string,
  adapter: AdapterInfo,
): Float32Array[] {
  const { embedSize, hiddenStates, variant } = adapter;
  if (embedSize === 0)
    throw new OptionError(option, `this ${variant} adapter takes faces, no pictures: pass faceEmbeds alone`);
  const unit = hiddenStates ? `a multiple of ${embedSize} floats (hidden states)` : `${embedSize} floats per picture`;
  if (shape !== undefined) {
    if (shape.length === (hiddenStates ? 3 : 2) && shape.at(-1) === embedSize)
      return picturesOf({ data: embeds, shape });
    throw new OptionError(
      option,
      `this ${variant} adapter takes ${unit} but received embeddings of shape ${shapeText(shape)}: use the output of encodeImage() for this adapter`,
    );
  }
  if (embeds.length === 0 || embeds.length % embedSize !== 0) {
    throw new OptionError(
      option,
      `this ${variant} adapter takes ${unit} but received ${embeds.length}: use the output of encodeImage()`,
    );
  }
  if (hiddenStates) return [embeds];
  const count = embeds.length / embedSize;
  checkPictures(count, option);
  return picturesOf({ data: embeds, shape: [count, embedSize] });
}

function checkPictures(count: number, option: string): void {
  if (count > MOST_PICTURES)
    throw new OptionError(
      option,
      `expected at most ${MOST_PICTURES} pictures together but received ${count}: pass fewer, or their mean (combineEmbeds)`,
    );
}

/** Each checked against its adapter, and all together against the number of pictures that may be. */
export function checkPrompts(prompts: readonly PromptSnapshot[], info: PipelineInfo): CheckedPrompt[] {
  let count = 0;
  return prompts.map((prompt) => {
    const checked = checkPrompt(prompt, info);
    if (prompt.source !== undefined) for (const image of checked.given) image.source = prompt.source;
    count += checked.given.length;
    checkPictures(count, prompt.option);
    return checked;
  });
}
