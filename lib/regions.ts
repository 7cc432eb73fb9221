/** Parts of the picture with prompts of their own. */
import type { AbortSignalLike } from "./abort-signal";
import { OptionError } from "./errors";
import { type ImagePrompt, type PromptSnapshot, type ReadImagePrompt, snapshotPrompts } from "./image-prompt";
import type { ImageInput } from "./image/input";
import type { CallPictures } from "./image/rules";
import { type FitterOrSizes, PictureSnapshot } from "./image/snapshot";
import type { PictureSize } from "./native-branches";
import type { NativePrompts, NativeRegion, NativeTextEmbeds, PipelineInfo } from "./native/contract";
import { lazily } from "./load-failure";
import { type PromptEncoder, type PromptSyntax, encodeTexts } from "./prompt/encode";
import type { PromptEmbeds, PromptRules } from "./prompt/prompt-embeds";

const embedded = lazily(() => require("./prompt/prompt-embeds") as typeof import("./prompt/prompt-embeds"));

/** A part of the picture that has a prompt, a negative prompt and image prompts of its own. */
export interface Region {
  /** white where the region is, black elsewhere, greys in part; any size, resized to width x height */
  mask: ImageInput;
  /** what the region shows; default "" */
  prompt?: string | undefined;
  /** text features in place of `prompt`, as encodePrompt() makes them; pooled ones are not read */
  promptEmbeds?: PromptEmbeds | undefined;
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
export interface RegionSnapshot extends NativePrompts {
  mask: PictureSnapshot;
  scale: number;
}

/** What a region's prompts lack is the call's. */
interface CallPrompts {
  negativePrompt?: string | undefined;
  promptSyntax?: PromptSyntax | undefined;
  /** features in place of the negative prompt */
  negativeEmbeds?: NativeTextEmbeds | undefined;
}

/** Copies what the caller could still change, and encodes the prompts. */
export function snapshotRegions(
  regions: readonly ReadRegion[],
  pictures: CallPictures,
  call: CallPrompts,
  info: PipelineInfo,
  encoders: readonly PromptEncoder[],
): RegionSnapshot[] {
  const zeros =
    call.negativePrompt === undefined && call.negativeEmbeds === undefined && info.defaults.negativePrompt === "zeros";
  return regions.map((region, i) => {
    const at = `regions[${i}].`;
    const own = region.negativePrompt === undefined ? "promptEmbeds.negative" : "negativePrompt";
    if (zeros && (region.negativePrompt ?? region.promptEmbeds?.negative) !== undefined)
      throw new OptionError(
        `${at}${own}`,
        "the call has none, and this model then has zeros in its place everywhere: add negativePrompt to the call too",
      );
    return {
      mask: new PictureSnapshot(region.mask, `${at}mask`, pictures),
      scale: region.scale ?? 1,
      ...readPrompts(region, call, { info, encoders, at, pooled: false }),
    };
  });
}

/** What a region lacks of a negative prompt is the call's. */
function readPrompts(region: ReadRegion, call: CallPrompts, rules: PromptRules): NativePrompts {
  const { promptSyntax = "weighted", negativeEmbeds } = call;
  const { prompt = "", promptEmbeds } = region;
  const negativePrompt = region.negativePrompt ?? call.negativePrompt;
  if (promptEmbeds !== undefined) {
    const own = promptEmbeds.negative === undefined ? negativePrompt : region.negativePrompt;
    const given = { prompt: region.prompt, negativePrompt: own, promptSyntax, promptEmbeds };
    return embedded().embeddedPrompts(given, rules, negativeEmbeds);
  }
  return negativePrompt === undefined && negativeEmbeds !== undefined
    ? embedded().promptBeside({ text: prompt, syntax: promptSyntax }, negativeEmbeds, rules)
    : encodeTexts({ prompt, negativePrompt, promptSyntax }, rules.encoders, rules.at);
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
  fitter: FitterOrSizes,
  size: PictureSize,
  signal?: AbortSignalLike,
): Promise<NativeRegion[]> {
  return Promise.all(
    regions.map(async ({ mask, ...region }) => ({ ...region, mask: await mask.fit(fitter, size, signal) })),
  );
}
