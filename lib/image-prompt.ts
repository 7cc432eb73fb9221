/** Image prompts, and what of them is read when a call starts. */
import { CallFloats } from "./embeds/call-floats";
import { OptionError } from "./errors";
import type { ImageInput } from "./image/input";
import type { CallPictures } from "./image/rules";
import { PictureSnapshot } from "./image/snapshot";
import { type Strength, type StrengthOptions, readStrength } from "./image-strength";
import type { PipelineInfo } from "./native/contract";
import type { CombineMethod, ImageFit, KvScaling } from "./options/names";

export interface ImagePromptBase extends StrengthOptions {
  /** a picture that is white where the image prompt counts in the picture to make, black where not; any size, resized to width x height */
  mask?: ImageInput | undefined;
  /** "binary" (default): as diffusers reads masks; "soft": greys count in part */
  maskMode?: "binary" | "soft" | undefined;
  /** what the image encoder makes of the picture is multiplied by, -5 to 5, default 1; in the negative half nothing is */
  weight?: number | undefined;
  /** what becomes of pictures with the same settings, as combineEmbeds(): "concat" (default), or one picture of all, which are two or more */
  combine?: CombineMethod | undefined;
  /** what `scale` multiplies: "v" (default), the result, as diffusers; or keys and values in the ways of ComfyUI_IPAdapter_plus */
  kvScaling?: KvScaling | undefined;
  /** index into the loaded adapters, default 0 */
  adapter?: number | undefined;
}

/** Of pictures and embeddings of pictures, for FaceID Plus. */
export interface FaceBeside {
  /** FaceID Plus: the face's 512 floats, InsightFace's normed_embedding (buffalo_l) */
  faceEmbeds?: Float32Array | readonly number[] | undefined;
  /** FaceID PlusV2: how much the structure of the face in the picture counts beside `faceEmbeds`, 0 to 5, default 1 */
  structureScale?: number | undefined;
}

/** A picture to take after. */
export interface PicturePrompt extends ImagePromptBase, FaceBeside {
  /** a picture of the size of `image`: black hides a pixel from the image encoder, which sees its mean colour there */
  imageMask?: ImageInput | undefined;
  /** how `image` becomes a square: "crop" (default), "pad" with black, "squash", or "tile": an image prompt for each of its squares, in its place */
  fit?: ImageFit | undefined;
  /** in any of the forms of an ImageInput; FaceID Plus: the face, cropped as InsightFace's norm_crop does */
  image: ImageInput;
  embeds?: undefined;
}

/** One or several pictures to take after, as an image encoder has them. */
export interface EmbedsPrompt extends ImagePromptBase, FaceBeside {
  /**
   * what encodeImage(), loadEmbeds() or combineEmbeds() gave, or plain floats. Base adapters: n * embedSize, n pictures; plus, full and
   * FaceID Plus: the encoder's hidden states of one picture, of several where they are ImageEmbeds
   */
  embeds: Float32Array | readonly number[];
  image?: undefined;
}

/** Faces to take after, for FaceID adapters other than Plus. */
export interface FacePrompt extends ImagePromptBase {
  /**
   * n * 512 floats, n faces: InsightFace's normed_embedding (buffalo_l), portrait "unnorm" its embedding. This package has no face
   * model: make them with InsightFace.
   */
  faceEmbeds: Float32Array | readonly number[];
  image?: undefined;
  embeds?: undefined;
  structureScale?: undefined;
}

/** A picture to take after: `image`, or `embeds` computed before by `encodeImage`; FaceID adapters take `faceEmbeds`, and FaceID Plus both. */
export type ImagePrompt = PicturePrompt | EmbedsPrompt | FacePrompt;

/** An image prompt as it was when the call started. */
export interface PromptSnapshot {
  adapter: number;
  strength: Strength;
  mask: PictureSnapshot | undefined;
  softMask: boolean;
  imageMask: PictureSnapshot | undefined;
  fit: ImageFit;
  weight: number;
  combine: CombineMethod;
  kvScaling: KvScaling;
  /** to which it belongs */
  region: number | undefined;
  /** its index among all of the call, where attention is mapped */
  source?: number;
  structureScale: number | undefined;
  /** for messages, such as `imagePrompts[0]` */
  option: string;
  image: PictureSnapshot | undefined;
  embeds: Float32Array | undefined;
  /** of `embeds`, where it is known */
  shape: readonly number[] | undefined;
  faceEmbeds: Float32Array | undefined;
}

/** An image prompt with any of the fields; which of them go together is checked later. */
export interface ReadImagePrompt extends ImagePromptBase, FaceBeside {
  imageMask?: ImageInput | undefined;
  fit?: ImageFit | undefined;
  image?: ImageInput | undefined;
  embeds?: Float32Array | readonly number[] | undefined;
}

/** What asks for something beside it. */
function checkBeside({ image, imageMask, fit, mask, maskMode }: ReadImagePrompt, option: string): void {
  if (imageMask !== undefined && image === undefined)
    throw new OptionError(`${option}.imageMask`, "it hides a part of image, which is missing: add image");
  if (fit !== undefined && image === undefined)
    throw new OptionError(`${option}.fit`, "it says how image becomes a square, which is missing: add image");
  if (imageMask !== undefined && fit === "tile")
    throw new OptionError(`${option}.imageMask`, 'tiles have none: use another fit than "tile"');
  if (maskMode !== undefined && mask === undefined)
    throw new OptionError(`${option}.maskMode`, "it says how mask is read, which is missing: add mask");
}

/**
 * Copies what the caller could still change.
 * @param region to which they belong
 */
export function snapshotPrompts(
  prompts: readonly ReadImagePrompt[],
  pictures: CallPictures,
  { attentions }: Pick<PipelineInfo, "attentions">,
  region?: number,
): PromptSnapshot[] {
  const floats = new CallFloats();
  return prompts.map((entry, i) => {
    const option = `${region === undefined ? "" : `regions[${region}].`}imagePrompts[${i}]`;
    const open = (name: "image" | "mask" | "imageMask"): PictureSnapshot | undefined =>
      entry[name] === undefined ? undefined : new PictureSnapshot(entry[name], `${option}.${name}`, pictures);
    checkBeside(entry, option);
    if (entry.image !== undefined && entry.embeds !== undefined) {
      throw new OptionError(option, "expected image or embeds but received both: leave one out");
    }
    if (entry.image === undefined && entry.embeds === undefined && entry.faceEmbeds === undefined) {
      throw new OptionError(option, "expected image or embeds but received neither: add image");
    }
    const embeds = entry.embeds === undefined ? undefined : floats.embeds(entry.embeds, `${option}.embeds`);
    return {
      adapter: entry.adapter ?? 0,
      strength: readStrength(entry, option, attentions),
      structureScale: entry.structureScale,
      option,
      image: open("image"),
      mask: open("mask"),
      softMask: entry.maskMode === "soft",
      imageMask: open("imageMask"),
      fit: entry.fit ?? "crop",
      weight: entry.weight ?? 1,
      combine: entry.combine ?? "concat",
      kvScaling: entry.kvScaling ?? "v",
      region,
      embeds: embeds?.data,
      shape: embeds?.shape,
      faceEmbeds: entry.faceEmbeds === undefined ? undefined : floats.faces(entry.faceEmbeds, `${option}.faceEmbeds`),
    };
  });
}
