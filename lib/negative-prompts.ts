/** Negative image prompts: what stands in the negative half in place of no picture. */
import type { AbortSignalLike } from "./abort-signal";
import { CallFloats } from "./embeds/call-floats";
import { OptionError } from "./errors";
import { checkAdapter, checkTakesPictures, splitEmbeds } from "./image-branches";
import type { ImageInput } from "./image/input";
import { makeNoise } from "./image/noise";
import type { CallPictures } from "./image/rules";
import { type FitterOrSizes, PictureSnapshot } from "./image/snapshot";
import type { AdapterInfo, NativeNegativeImage, PipelineInfo } from "./native/contract";
import type { NegativeKind } from "./options/names";

/** A picture to lead away from, noise, a black picture, or nothing at all. */
export interface NegativeImagePrompt {
  /** picture to lead away from, or that noise is made of (a black one where it is left out) */
  image?: ImageInput | undefined;
  /** what encodeImage(), loadEmbeds() or combineEmbeds() gave, in place of `image` */
  embeds?: Float32Array | readonly number[] | undefined;
  /** "fade", "dissolve", "gaussian", "shuffle": noise made of `image`; "black": a black picture; "zeros": nothing, as without any */
  kind?: NegativeKind | undefined;
  /** of the noise, 0 to 1 (default) */
  strength?: number | undefined;
  /** what the image encoder makes of it is multiplied by, -5 to 5, default 1 */
  weight?: number | undefined;
  /** index into the loaded adapters, default 0 */
  adapter?: number | undefined;
}

/** The same as it was when the call started. */
export interface NegativeSnapshot {
  option: string;
  adapter: number;
  image: PictureSnapshot | undefined;
  embeds: Float32Array | undefined;
  shape: readonly number[] | undefined;
  kind: NegativeKind | undefined;
  strength: number;
  weight: number;
  /** whether no image prompt of the call is of its adapter */
  alone: boolean;
}

/**
 * Copies what the caller could still change.
 * @param adapters of the call's image prompts, those of regions included
 */
export function snapshotNegatives(
  prompts: readonly NegativeImagePrompt[],
  pictures: CallPictures,
  adapters: ReadonlySet<number>,
): NegativeSnapshot[] {
  const floats = new CallFloats();
  return prompts.map((prompt, i) => {
    const { image, embeds: given, kind, strength = 1, weight = 1, adapter = 0 } = prompt;
    const option = `negativeImagePrompts[${i}]`;
    checkTogether(prompt, option);
    const embeds = given === undefined ? undefined : floats.embeds(given, `${option}.embeds`);
    return {
      option,
      adapter,
      image: image === undefined ? undefined : new PictureSnapshot(image, `${option}.image`, pictures),
      embeds: embeds?.data,
      shape: embeds?.shape,
      kind,
      strength,
      weight,
      alone: !adapters.has(adapter),
    };
  });
}

const NOISES: readonly (NegativeKind | undefined)[] = ["fade", "dissolve", "gaussian", "shuffle"];

/** What of one entry goes together. */
function checkTogether({ image, embeds, kind, strength, weight }: NegativeImagePrompt, option: string): void {
  if (image !== undefined && embeds !== undefined)
    throw new OptionError(option, "expected image or embeds but received both: leave one out");
  if (image === undefined && embeds === undefined && kind === undefined)
    throw new OptionError(option, "expected image, embeds or kind but received neither: add image");
  if (kind !== undefined && embeds !== undefined)
    throw new OptionError(`${option}.kind`, "embeds are no picture to make noise of: leave kind out");
  if (image !== undefined && (kind === "black" || kind === "zeros"))
    throw new OptionError(`${option}.kind`, `"${kind}" takes no image: leave image out`);
  if (strength !== undefined && !NOISES.includes(kind))
    throw new OptionError(
      `${option}.strength`,
      kind === undefined
        ? 'it is that of the noise: add kind ("fade", "dissolve", "gaussian" or "shuffle"), or use weight for the picture\'s'
        : `it is that of the noise, and "${kind}" has none: leave it out`,
    );
  if (weight !== undefined && kind === "zeros")
    throw new OptionError(`${option}.weight`, '"zeros" is nothing, which weighs nothing: leave it out');
}

/** Checked against their adapters, decoded, and made noise of. */
export function toNegatives(
  prompts: readonly NegativeSnapshot[],
  info: PipelineInfo,
  fitter: FitterOrSizes,
  signal?: AbortSignalLike,
): Promise<NativeNegativeImage[]> {
  return Promise.all(prompts.map((prompt) => toNegative(prompt, checkNegative(prompt, info), fitter, signal)));
}

function checkNegative({ option, adapter, kind, embeds, alone }: NegativeSnapshot, info: PipelineInfo): AdapterInfo {
  const own = checkAdapter(adapter, `${option}.adapter`, info);
  if (alone)
    throw new OptionError(
      option,
      `it takes the place of no picture beside image prompts of the same adapter, and there are none: add imagePrompts${adapter === 0 ? "" : ` with adapter: ${adapter}`}`,
    );
  if (own.embedSize === 0 || (kind !== "zeros" && embeds === undefined)) checkTakesPictures(option, own);
  return own;
}

async function toNegative(
  { option, adapter, image, embeds, shape, kind, strength, weight }: NegativeSnapshot,
  own: AdapterInfo,
  fitter: FitterOrSizes,
  signal: AbortSignalLike | undefined,
): Promise<NativeNegativeImage> {
  const base = { adapter, ...(weight === 1 ? {} : { weight }) };
  if (kind === "zeros") return base;
  if (embeds !== undefined) {
    const [one, ...others] = splitEmbeds(embeds, shape, `${option}.embeds`, own);
    if (one === undefined || others.length > 0)
      throw new OptionError(
        `${option}.embeds`,
        `expected one picture but received ${others.length + 1}: make an entry of each`,
      );
    return { ...base, embeds: one };
  }
  const { imageSize: size } = own;
  const square = { ...base, width: size, height: size };
  if (fitter === "sizes") return square;
  const fitted = await image?.fit(fitter, { size }, signal);
  const { rgb } = fitted ?? { rgb: new Uint8Array(3 * size * size) };
  return { ...square, rgb: kind === undefined || kind === "black" ? rgb : makeNoise(rgb, kind, strength) };
}
