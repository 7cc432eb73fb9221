/** Parts of the picture with prompts of their own. */
import type { AbortSignalLike } from "./abort-signal";
import { OptionError } from "./errors";
import { type ImagePrompt, type PromptSnapshot, type ReadImagePrompt, snapshotPrompts } from "./image-prompt";
import type { ImageInput } from "./image/input";
import type { CallPictures } from "./image/rules";
import { type Fitter, PictureSnapshot } from "./image/snapshot";
import type { PictureSize } from "./native-branches";
import type { NativeRegion, NativeText, PipelineInfo } from "./native/contract";
import { type PromptEncoder, type PromptSyntax, encodePrompts, refuseLoraTags } from "./prompt/encode";

/** A part of the picture that has a prompt, a negative prompt and image prompts of its own. */
export interface Region {
  /** white where the region is, black elsewhere, greys in part; any size, resized to width x height */
  mask: ImageInput;
  /** what the region shows; default "" */
  prompt?: string | undefined;
  /** what it must not show; default: that of the call */
  negativePrompt?: string | undefined;
  /** pictures that the region takes after, there alone; those of the call count everywhere */
  imagePrompts?: readonly (ImagePrompt | ImageInput | Float32Array)[] | undefined;
  /** how much of its place is the region's, 0 to 1 (default); the rest is the prompt's */
  scale?: number | undefined;
}

/** The same as readOptions() gives it. */
export type ReadRegion = Omit<Region, "imagePrompts"> & { imagePrompts?: readonly ReadImagePrompt[] | undefined };

/** The same as it was when the call started, its image prompts aside. */
export interface RegionSnapshot {
  mask: PictureSnapshot;
  scale: number;
  prompt: NativeText[];
  negative: NativeText[];
}

/** What a region's prompts lack is the call's. */
interface CallPrompts {
  negativePrompt?: string | undefined;
  promptSyntax?: PromptSyntax | undefined;
}

/** Copies what the caller could still change, and encodes the prompts. */
export function snapshotRegions(
  regions: readonly ReadRegion[],
  pictures: CallPictures,
  { negativePrompt: ofCall, promptSyntax = "weighted" }: CallPrompts,
  info: PipelineInfo,
  encoders: readonly PromptEncoder[],
): RegionSnapshot[] {
  return regions.map(({ mask, prompt = "", scale = 1, ...own }, i) => {
    const option = `regions[${i}]`;
    if (own.negativePrompt !== undefined && ofCall === undefined && info.defaults.negativePrompt === "zeros")
      throw new OptionError(
        `${option}.negativePrompt`,
        "the call has none, and this model then has zeros in its place everywhere: add negativePrompt to the call too",
      );
    const negative = own.negativePrompt ?? ofCall ?? "";
    if (promptSyntax === "weighted") {
      refuseLoraTags(prompt, `${option}.prompt`);
      refuseLoraTags(negative, `${option}.negativePrompt`);
    }
    return {
      mask: new PictureSnapshot(mask, `${option}.mask`, pictures),
      scale,
      ...encodePrompts(prompt, negative, promptSyntax, encoders),
    };
  });
}

/** The image prompts of all regions. */
export function snapshotRegionPrompts(
  regions: readonly ReadRegion[],
  pictures: CallPictures,
  info: PipelineInfo,
): PromptSnapshot[] {
  return regions.flatMap(({ imagePrompts = [] }, i) => snapshotPrompts(imagePrompts, pictures, info, i));
}

/** Their masks in the size of the picture to make. */
export function toRegions(
  regions: readonly RegionSnapshot[],
  fitter: Fitter,
  size: PictureSize,
  signal?: AbortSignalLike,
): Promise<NativeRegion[]> {
  return Promise.all(
    regions.map(async ({ mask, ...region }) => ({ ...region, mask: await mask.fit(fitter, () => size, signal) })),
  );
}

/** The same without pixels, for what only asks for sizes. */
export const toRegionSizes = (regions: readonly RegionSnapshot[]): NativeRegion[] =>
  regions.map((region) => ({ ...region, mask: {} }));
