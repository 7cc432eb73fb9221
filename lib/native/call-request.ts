/** What a call of generate(), estimateMemory() or encodePrompt() asks the engine for. */
import type { ControlMode } from "../options/names";
import type { PlainOptions } from "../options/plain-options";
import type { NativeLoraRequest } from "./load-request";

/** One prompt for one text encoder, already cut in chunks of contextLength with start, end and pad tokens. */
export interface NativeText {
  /** chunks * contextLength token ids */
  ids: Int32Array;
  /** one weight per token, 1 where the prompt gives none */
  weights: Float32Array;
}

/** Text features in place of a prompt's tokens. */
export interface NativeTextEmbeds {
  /** chunks * contextLength * textSize floats */
  features: Float32Array;
  /** SDXL, of the prompt of a whole call: pooledSize floats */
  pooled?: Float32Array;
}

/** The prompts of a call, or of a region; all of them have the same number of chunks. */
export interface NativePrompts {
  /** one entry per text encoder; with embeds, none */
  prompt: NativeText[];
  promptEmbeds?: NativeTextEmbeds;
  /** absent, as are negativeEmbeds: zeros in place of its features, where the model's `defaults.negativePrompt` says so */
  negative?: NativeText[];
  negativeEmbeds?: NativeTextEmbeds;
}

/** What text encoders made of prompts. */
export interface NativeEncodedPrompts {
  prompt: { features: ArrayBuffer; pooled?: ArrayBuffer };
  negative?: { features: ArrayBuffer; pooled?: ArrayBuffer };
}

/** A picture for an adapter, as a NativePicture or as the encoder's output computed before; a face; or both. */
export interface NativeImage extends Partial<NativePicture> {
  /** base adapters: embedSize floats; plus and full: tokens * embedSize floats */
  embeds?: Float32Array;
  /** one face embedding: faceSize floats */
  face?: Float32Array;
  /** of what the encoder makes of it; absent: 1 */
  weight?: number;
  /** of the same size: black hides a pixel from the encoder */
  imageMask?: NativePicture;
  /** index of the image prompt among all of the call, which has an attention map of its own */
  source?: number;
}

/** Without picture and embeds: what the reference has in place of no picture. */
export type NativeNegativeImage = NativeImage & { adapter: number };

export interface NativeRegion extends NativePrompts {
  mask: NativePicture;
  scale: number;
}

/** A picture as raw RGB; without its pixels where only sizes are asked for, as by estimateMemory(). */
export interface NativePicture {
  /** 3 * width * height bytes */
  rgb?: Uint8Array;
  width: number;
  height: number;
}

/** Pictures of one adapter that share one softmax (their tokens are concatenated) and one scale. */
export interface NativeImageBranch {
  adapter: number;
  scale: number;
  /** factors of the scale, one for each of `attentions`; absent: all 1 */
  layers?: Float32Array;
  /** whether the negative half gets the pictures, and the other half none */
  contrary: boolean;
  /** shares of the model calls: call i of n is left out when i / n < start or (i + 1) / n > end */
  start: number;
  end: number;
  /** where they count, resized to the picture's size */
  mask?: NativePicture;
  softMask: boolean;
  /** index into `regions`, to whose place they are kept; absent: none */
  region?: number;
  /** index into COMBINE_METHODS */
  combine: number;
  /** index into KV_SCALINGS */
  kvScaling: number;
  /** [share, factor, share, factor, …] with shares ascending; absent: 1 throughout */
  curve?: Float32Array;
  /** FaceID PlusV2: of what its Resampler makes of the picture */
  structureScale: number;
  images: NativeImage[];
}

/** A picture that gives the structure. */
export interface NativeControlUse {
  /** index into the loaded controls */
  control: number;
  /** of the size of the picture to make */
  image?: NativePicture;
  /** InstantID, in place of the picture: x and y of five points */
  faceKeypoints?: Float32Array;
  /** in place of the picture: the call's own, masked */
  inpaint?: boolean;
  /** of a ControlNet-Union */
  mode?: ControlMode;
  scale: number;
  /** shares of the model calls */
  start: number;
  end: number;
  guess: boolean;
}

/** The plain options go through as they are; those that are left out have the defaults of native/pipeline/request.h. */
export interface NativeGenerateRequest extends PlainOptions, NativePrompts {
  branches: NativeImageBranch[];
  controls?: NativeControlUse[];
  regions: NativeRegion[];
  negativeImages: NativeNegativeImage[];
  /** the picture to change, resized to width x height */
  image?: NativePicture;
  /** white is repainted */
  mask?: NativePicture;
  /** API name, or "" for the model's own */
  scheduler: string;
  /** API name, or "" for the model's own */
  sigmas: string;
  /** noise levels of the caller's own, one per step, in place of a name */
  sigmaValues?: Float32Array;
  /** timesteps of training, one per step, descending, in place of both */
  timesteps?: Int32Array;
  /** indices into `attentions`, ascending, of those that are mapped; absent: none */
  attentionLayers?: Int32Array;
  steps: number;
  guidance: number;
  eta: number;
  /** one image per seed */
  seeds: number[];
  width: number;
  height: number;
  /** whether the progress callback gets every step's latents, too, and answers each */
  eachStep?: true;
  /** in place of the pipeline's */
  loras?: NativeLoraRequest[];
  /** to start from: none, one for all pictures or one each; channel-major */
  latents: Float32Array[];
}
