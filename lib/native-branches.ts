/** Image prompts decoded, and grouped in the branches that the engine runs. */
import type { AbortSignalLike } from "./abort-signal";
import { branchKey, checkCombined } from "./combined-pictures";
import { OptionError } from "./errors";
import { type CheckedPrompt, type SharedSettings, checkPrompts } from "./image-branches";
import type { PromptSnapshot } from "./image-prompt";
import type { Fitter, PictureSnapshot } from "./image/snapshot";
import type { PlacedTile } from "./image/tiles";
import { lazily } from "./load-failure";
import type { NativeImage, NativeImageBranch, NativePicture, PipelineInfo } from "./native/contract";
import { COMBINE_METHODS, KV_SCALINGS } from "./options/names";

const tiling = lazily(() => require("./image/tiles") as typeof import("./image/tiles"));

/** Pixels of the picture to make. */
export interface PictureSize {
  width: number;
  height: number;
}

/** Pictures of one prompt in one place. */
interface Placed {
  shared: SharedSettings;
  images: NativeImage[];
  mask: NativePicture | undefined;
  softMask: boolean;
}

/**
 * Decodes the pictures, each to the size of its adapter's image encoder, and groups them: prompts of one adapter with equal settings and without mask are one branch,
 * their tokens in one softmax as in diffusers; another one is a branch of its own, added to the others.
 * @param size of the picture to make, which masks are resized to
 */
export async function toBranches(
  prompts: readonly PromptSnapshot[],
  info: PipelineInfo,
  fitter: Fitter,
  size: PictureSize,
  signal?: AbortSignalLike,
): Promise<NativeImageBranch[]> {
  const checked = checkedPrompts(prompts, info);
  return group((await Promise.all(checked.map((prompt) => place(prompt, fitter, size, signal)))).flat());
}

/** The same without pixels, for what only asks for sizes. Tiles are as many as most pictures have. */
export function toBranchSizes(prompts: readonly PromptSnapshot[], info: PipelineInfo): NativeImageBranch[] {
  const placed = checkedPrompts(prompts, info).flatMap(({ shared, given, prompt: { mask, softMask, fit } }) => {
    const one: Placed = { shared, images: given, mask: mask && {}, softMask };
    return fit === "tile" ? [1, 2].map(() => ({ ...one, mask: {} })) : [one];
  });
  return group(placed);
}

function checkedPrompts(prompts: readonly PromptSnapshot[], info: PipelineInfo): CheckedPrompt[] {
  const checked = checkPrompts(prompts, info);
  checkCombined(checked);
  return checked;
}

function group(placed: readonly Placed[]): NativeImageBranch[] {
  const groups = new Map<string, Placed>();
  placed.forEach(({ shared, images, mask, softMask }, i) => {
    const key = mask === undefined ? branchKey({ shared }) : String(i);
    const own = groups.get(key) ?? { shared, images: [], mask, softMask };
    groups.set(key, own);
    for (const image of images) own.images.push(image);
  });
  return [...groups.values()].flatMap(toNative);
}

/** One branch, and a second for layers in which the picture is led away from. */
function toNative({ shared, images, mask, softMask }: Placed): NativeImageBranch[] {
  const { adapter, structureScale, combine, kvScaling, region } = shared;
  const { layers, contrary, curve, ...strength } = shared.strength;
  const common = {
    adapter,
    structureScale,
    ...strength,
    images,
    softMask,
    combine: COMBINE_METHODS.indexOf(combine),
    kvScaling: KV_SCALINGS.indexOf(kvScaling),
    ...(mask === undefined ? {} : { mask }),
    ...(region === undefined ? {} : { region }),
    ...(curve.length > 0 ? { curve: Float32Array.from(curve.flat()) } : {}),
  };
  const one: NativeImageBranch = {
    ...common,
    contrary: false,
    ...(layers === undefined ? {} : { layers: Float32Array.from(layers) }),
  };
  if (contrary === undefined) return [one];
  return [one, { ...common, contrary: true, layers: Float32Array.from(contrary) }];
}

async function place(
  { prompt, shared, imageSize, given }: CheckedPrompt,
  fitter: Fitter,
  size: PictureSize,
  signal: AbortSignalLike | undefined,
): Promise<Placed[]> {
  const { image, fit, softMask } = prompt;
  const mask = await prompt.mask?.fit(fitter, () => size, signal);
  if (image === undefined) return [{ shared, images: given, mask, softMask }];
  const both = (pixels: NativePicture): NativeImage[] => given.map((one) => ({ ...one, ...pixels }));
  if (fit === "tile") {
    const tiles = await image.cut(fitter, tiling().tilesOf, imageSize, signal);
    return tiles.map(({ tile, rgb }: { tile: PlacedTile; rgb: Uint8Array }) => ({
      shared,
      images: both({ rgb, width: imageSize, height: imageSize }),
      mask: tiling().maskOfTile(tile, size, mask?.rgb),
      softMask: mask === undefined || softMask,
    }));
  }
  let own: PictureSize = { width: 0, height: 0 };
  const pixels = await image.fit(fitter, (found) => ((own = found), { size: imageSize, how: fit }), signal);
  const hidden =
    prompt.imageMask && (await fitMask(prompt.imageMask, own, { size: imageSize, how: fit }, fitter, signal));
  return [{ shared, images: both({ ...pixels, ...(hidden && { imageMask: hidden }) }), mask, softMask }];
}

/** A mask on the reference itself, which goes the way of the picture. */
async function fitMask(
  mask: PictureSnapshot,
  picture: PictureSize,
  fit: { size: number; how: "crop" | "pad" | "squash" },
  fitter: Fitter,
  signal: AbortSignalLike | undefined,
): Promise<Uint8Array> {
  const { rgb } = await mask.fit(
    fitter,
    ({ width, height }) => {
      if (width === picture.width && height === picture.height) return fit;
      throw new OptionError(
        mask.option,
        `expected the size of image, ${picture.width}x${picture.height}, but received ${width}x${height}: resize it`,
      );
    },
    signal,
  );
  return rgb;
}
