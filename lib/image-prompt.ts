/** Image prompts, and what of them is read when a call starts. */
import { CallFloats } from "./embeds/call-floats";
import { OptionError } from "./errors";
import type { ImageInput } from "./image/input";
import type { CallPictures } from "./image/rules";
import { PictureSnapshot } from "./image/snapshot";
import { type Strength, type StrengthOptions, readStrength } from "./image-strength";
import type { PipelineInfo } from "./native/contract";

export interface ImagePromptBase extends StrengthOptions {
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
  image?: ImageInput | undefined;
  embeds?: Float32Array | readonly number[] | undefined;
}

/** Copies what the caller could still change. */
export function snapshotPrompts(
  prompts: readonly ReadImagePrompt[],
  pictures: CallPictures,
  { attentions }: Pick<PipelineInfo, "attentions">,
): PromptSnapshot[] {
  const floats = new CallFloats();
  return prompts.map((entry, i) => {
    const option = `imagePrompts[${i}]`;
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
      image: entry.image === undefined ? undefined : new PictureSnapshot(entry.image, `${option}.image`, pictures),
      embeds: embeds?.data,
      shape: embeds?.shape,
      faceEmbeds: entry.faceEmbeds === undefined ? undefined : floats.faces(entry.faceEmbeds, `${option}.faceEmbeds`),
    };
  });
}
