/** The options and results of the public API. Ranges and defaults live in options/schema.ts and are checked against this. */
import type { Static } from "@sinclair/typebox";

import type { ConvertProgress } from "./convert";
import type { GeneratedImage } from "./generated-image";
import type { ImagePrompt } from "./image-prompt";
import type { AbortSignalLike } from "./native/call";
import type { ConvertSchema, ConvertType, EncodeImageSchema, EstimateSchema, GenerateSchema, InspectSchema, LoadSchema, PreviewDecoder, SchedulerName } from "./options/schema";
import type { ProgressEvent } from "./progress";

export interface LoadOptions {
  /**
   * model folder in the diffusers layout, or file (.safetensors, .ckpt) of a whole model in the original layout (Stable Diffusion 1, 2, SDXL);
   * default: the small model that ships with the package
   */
  model?: string | URL | undefined;
  /** IP-Adapters; default: the shipped one with the shipped model, else none */
  adapters?: readonly { file: string | URL }[] | undefined;
  /** LoRA files (diffusers or kohya) added to the UNet and the text encoders, each times its weight (-10 to 10, default 1) */
  loras?: readonly { file: string | URL; weight?: number | undefined }[] | undefined;
  /** folder (config.json and weights) of a UNet fine-tuned from the same base; default: unet/ in the model folder */
  unet?: string | URL | undefined;
  /**
   * folder (config.json and weights), or file in the original layout, of another VAE with the same latents: AutoencoderKL, or AutoencoderTiny (TAESD), whose
   * decoder is many times faster and a little less exact; default: vae/ in the model folder
   */
  vae?: string | URL | undefined;
  /** folder of the CLIP vision encoder; default: image_encoder/ in the model folder */
  imageEncoder?: string | URL | undefined;
  /**
   * what the networks multiply in: "f32" (default) as diffusers; "int16" is faster and nearly exact, with more bits than bf16;
   * "bf16" needs less memory and is the fastest of 16 bits where the processor has instructions for it, and slow elsewhere;
   * "int8" is faster still and takes least memory, with small differences
   */
  dtype?: "f32" | "bf16" | "int16" | "int8" | undefined;
  /** threads of the process-wide pool; 0 (default): one per core */
  threads?: number | undefined;
  /** cancels loading */
  signal?: AbortSignalLike | undefined;
}

export interface GenerateOptions {
  /** what the picture shows; default "" */
  prompt?: string | undefined;
  /** what the picture must not show */
  negativePrompt?: string | undefined;
  /** "weighted" (default): (word:1.3), [word] and BREAK have a meaning; "plain": they are text */
  promptSyntax?: "weighted" | "plain" | undefined;
  /** pictures to take after; those of one adapter with equal scale share one softmax, as in diffusers */
  imagePrompts?: readonly ImagePrompt[] | undefined;
  /** sampler; default: the model's own */
  scheduler?: SchedulerName | undefined;
  /** spacing of the noise levels; default: the sampler's own */
  sigmas?: "karras" | undefined;
  /** 1 to 1000, default 30 */
  steps?: number | undefined;
  /** classifier-free guidance, 0 to 100; 1 or less: none; default 7.5, SDXL 5 */
  guidance?: number | undefined;
  /**
   * [start, end] in shares of the steps, 0 to 1 (default [0, 1]): guidance is on from step floor(start * n) to before step
   * floor(end * n) and off elsewhere, where a step is half the work (Kynkäänniemi et al. 2024). Changes the picture.
   */
  guidanceInterval?: readonly [number, number] | undefined;
  /** run the whole UNet only in some steps; changes the picture. Default: in all of them */
  featureCache?: FeatureCacheOptions | undefined;
  /**
   * share of the tokens, 0 (default: none) to 0.75, that are merged with those most like them in the self-attention of highest
   * resolution (ToMe, Bolya and Hoffman 2023). Changes the picture; worth it in large ones.
   */
  tokenMerging?: number | undefined;
  /** noise added by ddim, 0 (default) to 1 */
  eta?: number | undefined;
  /** 0 to 2^53 - 1; default: random, reported in the result */
  seed?: number | undefined;
  /** pixels, a multiple of info.vaeScale; default: the model's own */
  width?: number | undefined;
  /** pixels, a multiple of info.vaeScale; default: the model's own */
  height?: number | undefined;
  /** pictures, with seeds seed, seed + 1, …; 1 (default) to 64 */
  count?: number | undefined;
  /** "image" (default), or "latents" to skip the VAE decoder */
  output?: "image" | "latents" | undefined;
  /** previews for onProgress */
  preview?: PreviewOptions | undefined;
  /**
   * decode pictures larger than a tile in tiles, without seams and in the memory of about one tile, with small
   * differences; "auto" (default): when decoding the whole would pass memoryBudget
   */
  vaeTiling?: "auto" | "on" | "off" | undefined;
  /** pixels of a tile's side, 128 to 4096, a multiple of info.vaeScale; default: 512, or 256 where only that fits the memory */
  vaeTile?: number | undefined;
  /**
   * bytes that the weights and this call may take together; a call that needs more is refused. Default: the memory of
   * the machine or container decides about tiles, and nothing is refused
   */
  memoryBudget?: number | undefined;
  /** cancels the call, which then rejects with signal.reason */
  signal?: AbortSignalLike | undefined;
  /** called after every step; an error it throws cancels the call, which then rejects with it */
  onProgress?: ((event: ProgressEvent) => unknown) | undefined;
}

/** DeepCache (Ma et al. 2024): between whole passes of the UNet its deep features are kept and only its outer layers computed. */
export interface FeatureCacheOptions {
  /** a whole pass every so many steps, 2 to 10; the first step of a picture is always one, and the first after guidance went on or off */
  every: number;
  /** skip connections, counted from the outermost, whose layers are computed in every step: 1 (default; fastest) to all the model has */
  depth?: number | undefined;
}

export interface PreviewOptions {
  /** a preview every so many steps, 1 to 1000 */
  every: number;
  /** "vae" (default): decoded in full size; "linear": one pixel a latent by a linear map, at next to no cost */
  decoder?: PreviewDecoder | undefined;
}

export interface GenerateResult {
  /** one per seed; empty for output "latents" */
  images: GeneratedImage[];
  /** one per seed: latentChannels * latentHeight * latentWidth floats, channel-major */
  latents: Float32Array[];
  /** the seeds used */
  seeds: number[];
  /** [channels, height, width] of each entry of `latents` */
  latentShape: [number, number, number];
}

/** What estimateMemory() takes: the options of generate(), with as many of them as matter. */
export type EstimateOptions = Omit<GenerateOptions, "signal" | "onProgress">;

/** Bytes, as the engine counts them; Node.js itself comes on top. */
export interface MemoryEstimate {
  /** of all that is loaded */
  weights: number;
  /** that the call adds at its peak */
  working: number;
  /** both */
  total: number;
  /** whether the VAE would decode in tiles */
  tiled: boolean;
}

export interface EncodeImageOptions {
  /** index into the loaded adapters, default 0 */
  adapter?: number | undefined;
  signal?: AbortSignalLike | undefined;
}

export interface InspectOptions {
  signal?: AbortSignalLike | undefined;
}

export interface ConvertOptions {
  /** type of the weights written; the quantised ones (q8_0 to q4_0) in .gguf files only, and for the large tensors only */
  type: ConvertType;
  /** replace a file that exists; default: refuse */
  overwrite?: boolean | undefined;
  /** cancels the call, which then rejects with signal.reason and leaves no file */
  signal?: AbortSignalLike | undefined;
  /** called after every tensor, less often where they are many and small; what it throws, or its promise rejects with, cancels the call */
  onProgress?: ((event: ConvertProgress) => unknown) | undefined;
}

// A compile error here means that a schema and its interface have parted.
type Same<Schema, Options> = Schema extends Options ? (keyof Options extends keyof Schema ? true : never) : never;
export type SchemasMatch = [
  Same<Static<typeof LoadSchema>, LoadOptions>,
  Same<Static<typeof GenerateSchema>, GenerateOptions>,
  Same<Static<typeof EstimateSchema>, EstimateOptions>,
  Same<Static<typeof EncodeImageSchema>, EncodeImageOptions>,
  Same<Static<typeof InspectSchema>, InspectOptions>,
  Same<Static<typeof ConvertSchema>, ConvertOptions>,
];
export const schemasMatch: SchemasMatch = [true, true, true, true, true, true];
