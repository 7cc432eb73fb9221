/** The options and results of the public API. Ranges and defaults live in options/schema.ts and are checked against this. */
import type { GeneratedImage } from "./generated-image";
import type { ImageInput } from "./image/input";
import type { ImagePrompt } from "./image-prompt";
import type { AbortSignalLike } from "./abort-signal";
import type { ConvertProgress } from "./native/contract";
import type { ConvertType, PreviewDecoder, SchedulerName, SigmasName } from "./options/names";
import type { DownloadProgressEvent, ProgressEvent } from "./progress";

/** Of calls that take names on the Hugging Face hub: `owner/name`, `owner/name@revision`, with a path behind them. */
export interface HubAccessOptions {
  /** access token; default: HF_TOKEN, or the token file that `hf auth login` writes */
  token?: string | undefined;
  /** true: fetch nothing, use what the cache holds; default: HF_HUB_OFFLINE */
  offline?: boolean | undefined;
  /** called while files are fetched; an error it throws cancels the call, which then rejects with it */
  onProgress?: ((event: DownloadProgressEvent) => unknown) | undefined;
}

export interface AdapterOptions {
  /** IP-Adapter file (.safetensors, .bin or .gguf); its variant is read from its tensors */
  file: string | URL;
  /** folder or file of a CLIP vision encoder for this adapter alone; default: the pipeline's */
  imageEncoder?: string | URL | undefined;
  /** FaceID Plus files: whether it is PlusV2, which has the same tensors as Plus; default: whether the file's name has plusv2 in it */
  shortcut?: boolean | undefined;
  /** strength of the LoRA inside a FaceID file, -10 to 10, default 1; 0 leaves it out */
  loraWeight?: number | undefined;
}

export interface LoraOptions {
  /** LoRA file (.safetensors, .bin or .pt) of diffusers or kohya's tools */
  file: string | URL;
  /** strength, -10 to 10, default 1; 0 changes nothing */
  weight?: number | undefined;
}

export interface EmbeddingOptions {
  /** textual inversion file (.safetensors, .bin or .pt) */
  file: string | URL;
  /** what stands for it in prompts; default: the token in the file, else the file's name without its ending */
  token?: string | undefined;
}

/** Of setAdapters() and setLoras(). */
export interface ChangeOptions extends HubAccessOptions {
  signal?: AbortSignalLike | undefined;
}

/** A path that does not exist and has the form of a name on the Hugging Face hub is looked up there, see docs/hub.md. */
export interface LoadOptions extends HubAccessOptions {
  /**
   * model folder in the diffusers layout, or file (.safetensors, .ckpt) of a whole model in the original layout (Stable Diffusion 1, 2, SDXL), or `owner/name` on the hub;
   * default: the small model that ships with the package
   */
  model?: string | URL | undefined;
  /** IP-Adapters, or their files alone; default: the shipped one with the shipped model, else none */
  adapters?: readonly (AdapterOptions | string | URL)[] | undefined;
  /** LoRA files (diffusers, kohya or LyCORIS) added to the UNet and the text encoders, each times its weight (-10 to 10, default 1) */
  loras?: readonly (LoraOptions | string | URL)[] | undefined;
  /**
   * textual inversion files (diffusers' learned_embeds or AUTOMATIC1111's), each with the token that stands for it in prompts; default: the token
   * in the file, else the file's name without its ending
   */
  embeddings?: readonly (EmbeddingOptions | string | URL)[] | undefined;
  /**
   * folder (config.json and weights), or file, of a UNet fine-tuned from the same base; a file with diffusers' names is built as the model's
   * own UNet; default: unet/ in the model folder
   */
  unet?: string | URL | undefined;
  /**
   * folder (config.json and weights), or file, of another VAE with the same latents: AutoencoderKL, or AutoencoderTiny (TAESD), whose
   * decoder is many times faster and a little less exact; default: vae/ in the model folder
   */
  vae?: string | URL | undefined;
  /**
   * folder of the CLIP vision encoder, or file of one, such as ComfyUI's clip_vision_h.safetensors, which its tensors and a config.json beside it
   * describe; default: image_encoder/ in the model folder
   */
  imageEncoder?: string | URL | undefined;
  /**
   * what the UNet predicts: "epsilon" (the noise), "v" (velocities) or "sample" (the clean picture); a wrong one gives noise or washed-out
   * pictures. Default: what the files say, else what most models of the family predict; `info.prediction` tells which
   */
  prediction?: "epsilon" | "v" | "sample" | undefined;
  /**
   * rescale the noise schedule to a zero terminal SNR, as diffusers' rescale_betas_zero_snr, for models trained so (they predict "v");
   * default: what the files say, see `info.zeroSnr`. true refuses samplers that cannot
   */
  zeroSnr?: boolean | undefined;
  /**
   * what the VAE's latents are multiplied by for the UNet, 0.001 to 1000; default: that of the VAE's config.json, for a VAE in a file by itself
   * that of the family (0.18215, SDXL 0.13025)
   */
  vaeScalingFactor?: number | undefined;
  /**
   * what the networks multiply in: "f32" (default) as diffusers; "int16" is faster and nearly exact, with more bits than bf16;
   * "bf16" needs less memory and is the fastest of 16 bits where the processor has instructions for it, and slow elsewhere;
   * "int8" is faster still and takes least memory, with small differences
   */
  dtype?: "f32" | "bf16" | "int16" | "int8" | undefined;
  /** threads of the process-wide pool; 0 (default): one per core */
  threads?: number | undefined;
  /**
   * where the pictures of calls may come from: "any" (default), or "bytes" for servers that hand over what clients send: buffers, Blobs,
   * data: URLs up to 20 MiB and raw pixels are taken, every other string or URL is refused, and no file is touched
   */
  images?: "any" | "bytes" | undefined;
  /** pixels of a picture that a call may have, default 64,000,000; all pictures of a call together may have twice as many */
  maxPixels?: number | undefined;
  /** calls that may wait while one runs; one more is refused at once with ERR_IPA_BUSY. Default: any number */
  maxQueue?: number | undefined;
  /** cancels loading */
  signal?: AbortSignalLike | undefined;
}

/** What generate() makes: pictures and latents, or latents alone. */
export type GenerateOutput = "image" | "latents";

/** @typeParam Output what is asked for by `output` */
export interface GenerateOptions<Output extends GenerateOutput = GenerateOutput> {
  /** what the picture shows; default "" */
  prompt?: string | undefined;
  /** what the picture must not show */
  negativePrompt?: string | undefined;
  /** "weighted" (default): (word:1.3), [word] and BREAK have a meaning; "plain": they are text */
  promptSyntax?: "weighted" | "plain" | undefined;
  /** layers of the text encoders left out for the prompt, as diffusers' clip_skip: 0 (default) up to their number less one; AUTOMATIC1111 counts one more */
  clipSkip?: number | undefined;
  /** SDXL's size conditions: [width, height] in pixels of the photograph the picture is told to have come from; default: its own size */
  originalSize?: readonly [number, number] | undefined;
  /** SDXL: [width, height] the picture is told to be for; default: its own size */
  targetSize?: readonly [number, number] | undefined;
  /** SDXL: [left, top] the picture is told to be cropped at; default [0, 0] */
  cropOffset?: readonly [number, number] | undefined;
  /** SDXL's refiner: the score the picture is told to have, 0 to 10, default 6 */
  aestheticScore?: number | undefined;
  /** SDXL's refiner: the score it is told not to have, 0 to 10, default 2.5 */
  negativeAestheticScore?: number | undefined;
  /**
   * pictures to take after; those of one adapter with equal scale share one softmax, as in diffusers. A picture, or embeddings, may
   * stand alone: `"a.png"` for `{ image: "a.png" }`
   */
  imagePrompts?: readonly (ImagePrompt | ImageInput | Float32Array)[] | undefined;
  /** inpainting and instruct models (info.task): the picture to change, resized to width x height; in any of the forms of an ImageInput */
  image?: ImageInput | undefined;
  /** inpainting models: a picture of any size, white where `image` is repainted, black where it stays */
  mask?: ImageInput | undefined;
  /** instruct models: guidance towards `image`, 1 to 100, default 1.5; `guidance` is that towards the prompt */
  imageGuidance?: number | undefined;
  /** sampler; default: the model's own */
  scheduler?: SchedulerName | undefined;
  /** spacing of the noise levels, or the levels themselves, descending, one a step; default: the model's own */
  sigmas?: SigmasName | readonly number[] | undefined;
  /** 1 to 1000, default 30, or as many as there are numbers in `sigmas`; heun, dpm2, dpm2_a and dpm++_sde call the model 2 * steps - 1 times */
  steps?: number | undefined;
  /** classifier-free guidance, 0 to 100; 1 or less: none; default 7.5, SDXL 5 */
  guidance?: number | undefined;
  /**
   * [start, end] in shares of the steps, 0 to 1 (default [0, 1]): guidance is on from step floor(start * n) to before step
   * floor(end * n) and off elsewhere, where a step is half the work (Kynkäänniemi et al. 2024). Changes the picture.
   */
  guidanceInterval?: readonly [number, number] | undefined;
  /** share of the noise schedule to begin at, 0 (default) to 1, from the `latents` of a call that ended there */
  denoisingStart?: number | undefined;
  /** share of the noise schedule to end at, 0 to 1 (default); with output "latents", a refiner goes on from there */
  denoisingEnd?: number | undefined;
  /** latents to start from, one for all pictures or one each: noise in place of the seed's, or with denoisingStart another call's */
  latents?: Float32Array | readonly Float32Array[] | undefined;
  /** run the whole UNet only in some steps; changes the picture. Default: in all of them */
  featureCache?: FeatureCacheOptions | undefined;
  /**
   * share of the tokens, 0 (default: none) to 0.75, that are merged with those most like them in the self-attention of highest
   * resolution (ToMe, Bolya and Hoffman 2023). Changes the picture; worth it in large ones.
   */
  tokenMerging?: number | undefined;
  /** noise added by ddim, 0 (default) to 1, or by tcd, 0 to 1 (default 0.3) */
  eta?: number | undefined;
  /** 0 to 2^53 - 1; default: random, reported in the result */
  seed?: number | undefined;
  /** pixels, a multiple of info.vaeScale; default: that of `image` rounded down, else the model's own */
  width?: number | undefined;
  /** pixels, a multiple of info.vaeScale; default: that of `image` rounded down, else the model's own */
  height?: number | undefined;
  /** pictures, with seeds seed, seed + 1, …; 1 (default) to 64 */
  count?: number | undefined;
  /** "image" (default), or "latents" to skip the VAE decoder */
  output?: Output | undefined;
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

/** @typeParam Output "latents": no pictures; of options that may ask for either, `images` may be empty */
export interface GenerateResult<Output extends GenerateOutput = "image"> {
  /** one per seed; empty for output "latents" */
  images: [Output] extends ["latents"] ? [] : GeneratedImage[];
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

export interface LoadEmbedsOptions {
  /** which of them, in a file of diffusers with embeddings for several adapters; default 0 */
  adapter?: number | undefined;
  signal?: AbortSignalLike | undefined;
}

export interface PullOptions extends HubAccessOptions {
  /** branch, tag or commit; default "main" */
  revision?: string | undefined;
  /** patterns of the files to fetch, such as `unet/*` (`*` also matches slashes); default: what the engine reads */
  include?: readonly string[] | undefined;
  /** patterns of files not to fetch */
  exclude?: readonly string[] | undefined;
  signal?: AbortSignalLike | undefined;
}

export interface PullResult {
  /** folder or file in the cache, to pass as an option of load() */
  path: string;
  commit: string;
  /** what of the repository is there now */
  files: string[];
}

export interface InspectOptions extends HubAccessOptions {
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
