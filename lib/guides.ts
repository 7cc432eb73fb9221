/** All that a call's pictures and regions guide it by: image prompts, negative ones and regions. */
import type { AbortSignalLike } from "./abort-signal";
import { type PromptSnapshot, snapshotPrompts } from "./image-prompt";
import type { CallPictures } from "./image/rules";
import type { FitterOrSizes, PictureSnapshot } from "./image/snapshot";
import { lazily } from "./load-failure";
import { type PictureSize, toBranches } from "./native-branches";
import type { NativeGenerateRequest, NativePrompts, PipelineInfo } from "./native/contract";
import type { NegativeSnapshot } from "./negative-prompts";
import type { PromptEncoder } from "./prompt/encode";
import type { ReadEstimateOptions } from "./read-options";
import type { RegionSnapshot } from "./regions";

const negative = lazily(() => require("./negative-prompts") as typeof import("./negative-prompts"));
const regional = lazily(() => require("./regions") as typeof import("./regions"));

/** As it was when the call started. */
export interface Guides {
  prompts: readonly PromptSnapshot[];
  negatives: readonly NegativeSnapshot[];
  regions: readonly RegionSnapshot[];
}

/** What of a request they become. */
export type NativeGuides = Pick<NativeGenerateRequest, "branches" | "negativeImages" | "regions">;

/** Copies what the caller could still change. */
export function snapshotGuides(
  read: ReadEstimateOptions & { negativeEmbeds: NativePrompts["negativeEmbeds"] | undefined },
  pictures: CallPictures,
  info: PipelineInfo,
  encoders: readonly PromptEncoder[],
): Guides {
  const { imagePrompts = [], negativeImagePrompts = [], regions = [] } = read;
  const prompts = snapshotPrompts(imagePrompts, pictures, info);
  const guides: Guides = { prompts, negatives: [], regions: [] };
  if (regions.length > 0) {
    const { snapshotRegionPrompts, snapshotRegions } = regional();
    guides.prompts = [...prompts, ...snapshotRegionPrompts(regions, pictures, info)];
    guides.regions = snapshotRegions(regions, pictures, read, info, encoders);
  }
  if (negativeImagePrompts.length > 0) {
    const adapters = new Set(guides.prompts.map(({ adapter }) => adapter));
    guides.negatives = negative().snapshotNegatives(negativeImagePrompts, pictures, adapters);
  }
  if (read.attentionMaps !== undefined) for (const [i, prompt] of guides.prompts.entries()) prompt.source = i;
  return guides;
}

/** Every picture of them. */
export const picturesOfGuides = ({ prompts, negatives, regions }: Guides): (PictureSnapshot | undefined)[] => [
  ...prompts.flatMap(({ image, mask, imageMask }) => [image, mask, imageMask]),
  ...negatives.map(({ image }) => image),
  ...regions.map(({ mask }) => mask),
];

/** Those whose own size decides what they become. */
export const measuredOfGuides = ({ prompts }: Guides): (PictureSnapshot | undefined)[] =>
  prompts.flatMap(({ image, fit }) => (fit === "tile" ? [image] : []));

/** @param size of the picture to make */
export async function toGuides(
  { prompts, negatives, regions }: Guides,
  info: PipelineInfo,
  fitter: FitterOrSizes,
  size: PictureSize,
  signal?: AbortSignalLike,
): Promise<NativeGuides> {
  const branches = await toBranches(prompts, info, fitter, size, signal);
  return {
    branches,
    negativeImages: negatives.length === 0 ? [] : await negative().toNegatives(negatives, info, fitter, signal),
    regions: regions.length === 0 ? [] : await regional().toRegions(regions, fitter, size, signal),
  };
}
