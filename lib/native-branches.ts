/** Image prompts decoded, and grouped in the branches that the engine runs. */
import type { AbortSignalLike } from "./abort-signal";
import { branchKey, checkCombined } from "./combined-pictures";
import { OptionError } from "./errors";
import { type CheckedPrompt, type SharedSettings, checkPrompts } from "./image-branches";
import type { PromptSnapshot } from "./image-prompt";
import type { FitterOrSizes, PictureSnapshot } from "./image/snapshot";
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
  fitter: FitterOrSizes,
  size: PictureSize,
  signal?: AbortSignalLike,
): Promise<NativeImageBranch[]> {
  const checked = checkPrompts(prompts, info);
  checkCombined(checked);
  return group((await Promise.all(checked.map((prompt) => place(prompt, fitter, size, signal)))).flat());
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
  fitter: FitterOrSizes,
  size: PictureSize,
  signal: AbortSignalLike | undefined,
): Promise<Placed[]> {
  const { image, fit, softMask } = prompt;
  const mask = await prompt.mask?.fit(fitter, size, signal);
  if (image === undefined) return [{ shared, images: given, mask, softMask }];
  const both = (pixels: NativeImage): NativeImage[] => given.map((one) => ({ ...one, ...pixels }));
  if (fit === "tile") {
    const tiles = await image.cut(fitter, tiling().tilesOf, imageSize, signal);
    return tiles.map(({ tile, picture }) => ({
      shared,
      images: both(picture),
      mask: fitter === "sizes" ? size : tiling().maskOfTile(tile, size, mask?.rgb),
      softMask: mask === undefined || softMask,
    }));
  }
  const square = { size: imageSize, how: fit };
  let own: PictureSize = { width: 0, height: 0 };
  const pixels = await image.fit(fitter, square, signal, (found) => (own = found));
  const imageMask = await prompt.imageMask?.fit(fitter, square, signal, checkMask(prompt.imageMask, own));
  return [{ shared, images: both({ ...pixels, ...(imageMask && { imageMask }) }), mask, softMask }];
}

/** A mask on the reference itself has its size, and goes its way. */
function checkMask({ option }: PictureSnapshot, { width, height }: PictureSize): (own: PictureSize) => void {
  return (own) => {
    if (own.width === width && own.height === height) return;
    throw new OptionError(
      option,
      `expected the size of image, ${width}x${height}, but received ${own.width}x${own.height}: resize it`,
    );
  };
}
