/** The options and results of the public API. Ranges and defaults live in options/schema.ts and are checked against this. */
import type { AttentionMaps } from "./attention/types";
import type { GeneratedImage } from "./generated-image";
import type { ControlUse } from "./controls";
import type { ImageInput } from "./image/input";
import type { ImagePrompt } from "./image-prompt";
import type { NegativeImagePrompt } from "./negative-prompts";
import type { PromptEmbeds } from "./prompt/prompt-embeds";
import type { Region } from "./regions";
import type { AbortSignalLike } from "./abort-signal";
import type { ConvertProgress } from "./native/contract";
import type { AttentionLayers } from "./options/attention-layers";
import type { Device } from "./options/device";
import type { ConvertType, Dtype, MaskFill, PreviewDecoder, SchedulerName, SigmasName } from "./options/names";
import type { DownloadProgressEvent, ProgressEvent } from "./progress";

/** Options of calls that take names on the Hugging Face hub: `owner/name` or `owner/name@revision`, which the path of a file may follow. */
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
  /** FaceID Plus files: whether the file is PlusV2, which has the same tensors as Plus; default: whether its name has plusv2 in it */
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

/** A structure control to load. */
export interface ControlOptions {
  /** ControlNet, Control-LoRA or T2I-Adapter: its folder in the diffusers layout, or its file (.safetensors, .pth, .bin) with diffusers' or the original names */
  file: string | URL;
}

/** Fooocus' inpainting for SDXL, in two files. */
export interface InpaintOptions {
  /** the head, fooocus_inpaint_head.pth */
  head: string | URL;
  /** the patch of the UNet, such as inpaint_v26.fooocus.patch */
  patch: string | URL;
  /** strength of the patch, -10 to 10, default 1; 0 leaves the UNet as it is */
  weight?: number | undefined;
}

/** Devices of single parts; a part left out is on `device`. */
export interface DevicesOptions {
  /** of the UNet; the adapters and the controls are where it is */
  unet?: Device | undefined;
  vae?: Device | undefined;
  textEncoder?: Device | undefined;
  imageEncoder?: Device | undefined;
}

export interface EmbeddingOptions {
  /** textual inversion file (.safetensors, .bin or .pt) */
  file: string | URL;
  /** the text that stands for it in prompts; default: the token in the file, else the file's name without its ending */
  token?: string | undefined;
}

/** Options of setAdapters(), setControls() and setLoras(). */
export interface ChangeOptions extends HubAccessOptions {
  signal?: AbortSignalLike | undefined;
}

/** Options of Pipeline.load(). A path that does not exist and has the form of a name on the Hugging Face hub is looked up there, see docs/hub.md. */
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
  /** structure controls: ControlNets, Control-LoRAs and T2I-Adapters, or their folders and files alone; `controls` of generate() uses them */
  controls?: readonly (ControlOptions | string | URL)[] | undefined;
  /**
   * Fooocus' inpainting, for SDXL models: calls with a `mask` run with the patched UNet and the head, all others as if it was not loaded. Both versions
   * of what the patch changes are kept in memory, which is less than two pipelines take
   */
  inpaint?: InpaintOptions | undefined;
  /**
   * textual inversion files (diffusers' learned_embeds or AUTOMATIC1111's), each with the token that stands for it in prompts; default: the token
   * in the file, else the file's name without its ending
   */
  embeddings?: readonly (EmbeddingOptions | string | URL)[] | undefined;
  /**
   * folder (config.json and weights), or file, of a UNet fine-tuned from the same base. A file with diffusers' names is built as the model's
   * own UNet. Default: unet/ in the model folder
   */
  unet?: string | URL | undefined;
  /**
   * folder (config.json and weights), or file, of another VAE with the same latents. It is an AutoencoderKL, or an AutoencoderTiny (TAESD),
   * whose decoder is many times faster and a little less exact. Default: vae/ in the model folder
   */
  vae?: string | URL | undefined;
  /**
   * folder of the CLIP vision encoder, or file of one, such as ComfyUI's clip_vision_h.safetensors. The tensors of a file, and a config.json
   * beside it, describe it. Default: image_encoder/ in the model folder
   */
  imageEncoder?: string | URL | undefined;
  /**
   * what the UNet predicts: "epsilon" (the noise), "v" (velocities) or "sample" (the clean picture). A wrong one gives noise or washed-out
   * pictures. Default: what the files say, else what most models of the family predict. `info.prediction` tells which
   */
  prediction?: "epsilon" | "v" | "sample" | undefined;
  /**
   * rescale the noise schedule to a zero terminal SNR, as diffusers' rescale_betas_zero_snr, for models trained so (they predict "v").
   * With true, samplers that cannot do it are refused. Default: what the files say, see `info.zeroSnr`
   */
  zeroSnr?: boolean | undefined;
  /**
   * what the VAE's latents are multiplied by for the UNet, 0.001 to 1000. Default: the factor in the VAE's config.json; for a VAE in a file
   * by itself, the factor of the family (0.18215, SDXL 0.13025)
   */
  vaeScalingFactor?: number | undefined;
  /**
   * where the networks run: "cpu", "cuda" (the first NVIDIA GPU), "cuda:1" (the second) and so on. "auto" (default) takes the first NVIDIA GPU where
   * it can be used, else the CPU; `info.deviceNote` then says why. A GPU that is named and cannot be used is an error. CUDA is in a package of its own
   */
  device?: Device | undefined;
  /** devices of single parts, such as `{ textEncoder: "cpu" }` to keep memory of a GPU free; a part left out is on `device` */
  devices?: DevicesOptions | undefined;
  /**
   * on a GPU: the weights of the text encoders, the image encoder and the VAE rest in the machine's memory, and are on the GPU only while they are
   * used. The pictures are the same. Each call copies them, which takes a part of a second. Default false; on the CPU it changes nothing
   */
  offload?: boolean | undefined;
  /**
   * what the networks multiply in. "f32" computes as diffusers does; it is the default on the CPU. "f16" is for GPUs, and the default there: the VAE
   * is then in bf16, or in f32 where the GPU has no bf16. "int16", of the CPU, is faster and nearly exact, with more bits than bf16.
   * "bf16" needs less memory; it is the fastest of 16 bits where the processor has instructions for it, and slow elsewhere. "int8" is faster
   * still and takes least memory, with small differences; on a GPU only weights are in 8 bits
   */
  dtype?: Dtype | undefined;
  /** threads of the process-wide pool; 0 (default): one per core */
  threads?: number | undefined;
  /** calls that advance together, step by step; those behind them wait. Default 16; 1: one after the other */
  concurrency?: number | undefined;
  /** calls that may share one run of the UNet; no result depends on it. 0 (default): as many as are faster, by measuring */
  maxBatch?: number | undefined;
  /**
   * where the pictures of calls may come from: "any" (default), or "bytes" for servers that hand over what clients send. With "bytes",
   * buffers, Blobs, data: URLs up to 20 MiB and raw pixels are taken. Every other string or URL is refused, and no file is touched
   */
  images?: "any" | "bytes" | undefined;
  /** most pixels of a picture, default 64,000,000; all pictures of a call together may have twice as many */
  maxPixels?: number | undefined;
  /** calls that may wait while `concurrency` others run; one more is refused at once with ERR_IPA_BUSY. Default: any number */
  maxQueue?: number | undefined;
  /** cancels loading */
  signal?: AbortSignalLike | undefined;
}

/** What generate() makes: pictures and latents, or latents alone. */
export type GenerateOutput = "image" | "latents";

/** Options of generate(). @typeParam Output what `output` asks for */
export interface GenerateOptions<Output extends GenerateOutput = GenerateOutput> {
  /** what the picture shows; default "" */
  prompt?: string | undefined;
  /** what the picture must not show */
  negativePrompt?: string | undefined;
  /** "weighted" (default): (word:1.3), [word] and BREAK have a meaning; "plain": they are text */
  promptSyntax?: "weighted" | "plain" | undefined;
  /**
   * text features in place of `prompt` and `negativePrompt`, as encodePrompt() makes them, or diffusers' prompt_embeds. Without `negative`,
   * `negativePrompt` is encoded, or what the model has without one
   */
  promptEmbeds?: PromptEmbeds | undefined;
  /** layers of the text encoders left out for the prompt, as diffusers' clip_skip: 0 (default) to their number less one. AUTOMATIC1111 counts one more */
  clipSkip?: number | undefined;
  /** SDXL: [width, height] in pixels of the photograph that the model is told the picture comes from; default: the picture's own size */
  originalSize?: readonly [number, number] | undefined;
  /** SDXL: [width, height] that the model is told the picture is for; default: the picture's own size */
  targetSize?: readonly [number, number] | undefined;
  /** SDXL: [left, top] at which the model is told the picture is cropped; default [0, 0] */
  cropOffset?: readonly [number, number] | undefined;
  /** SDXL's refiner: the score that it is told the picture has, 0 to 10, default 6 */
  aestheticScore?: number | undefined;
  /** SDXL's refiner: the score that it is told the picture does not have, 0 to 10, default 2.5 */
  negativeAestheticScore?: number | undefined;
  /**
   * pictures to take after. Pictures of one adapter with equal scale share one softmax, as in diffusers. A picture, or embeddings, may
   * stand alone: `"a.png"` for `{ image: "a.png" }`
   */
  imagePrompts?: readonly (ImagePrompt | ImageInput | Float32Array)[] | undefined;
  /** pictures that give the structure, each for one of the loaded controls; what they add is summed */
  controls?: readonly ControlUse[] | undefined;
  /**
   * what stands in the negative half in place of no picture: guidance leads away from it. The pictures of an adapter take those of the
   * same adapter in turn. A picture may stand alone
   */
  negativeImagePrompts?: readonly (NegativeImagePrompt | ImageInput | Float32Array)[] | undefined;
  /** parts of the picture with prompts of their own; where they overlap they share the place, and what they leave is the prompt's */
  regions?: readonly Region[] | undefined;
  /** the picture to change, resized to width x height; in any of the forms of an ImageInput. What is transparent lies on white. Inpainting and instruct models (info.task) need one */
  image?: ImageInput | undefined;
  /** a picture of any size, white where `image` is repainted, black where it stays; not for instruct models, needed by inpainting models */
  mask?: ImageInput | undefined;
  /**
   * how much of `image` is changed, 0 to 1: the last floor(steps * strength) of the steps run, at least one. Default: 0.8, SDXL 0.3; with
   * `mask` 1, SDXL 0.9999. Not for instruct models
   */
  strength?: number | undefined;
  /** put `image` over the result where `mask` is black, so that it stays to the byte; default true, with inpainting models (info.task) false */
  keepUnmasked?: boolean | undefined;
  /**
   * paint only the part of `image` around the white of `mask`, with so many pixels more on each side, 0 to 4096, and put it back. The result
   * then has the size of `image`; `width` and `height`, by default the model's own, are the size in which the part is painted
   */
  maskCrop?: number | undefined;
  /**
   * what the steps begin with where `mask` is white, for a `strength` below 1 (at 1 only "original" is taken): "original" (default) is what `image` has there, "neutral" is grey, "blur" is
   * what surrounds it, blurred into it as Fooocus does
   */
  maskFill?: MaskFill | undefined;
  /** radius in pixels, 0 (default) to 256, of Pillow's GaussianBlur of `mask`, where `image` is put over the result */
  maskFeather?: number | undefined;
  /**
   * paint so many pixels beyond each side of `image`, 0 to 4096, by a mask that is made of them. The picture keeps its size, so `width` and
   * `height` are left out; where the sum is no multiple of info.vaeScale, the margins on the right and below take the rest
   */
  outpaint?: OutpaintOptions | undefined;
  /** instruct models: guidance towards `image`, 1 to 100, default 1.5; `guidance` is that towards the prompt */
  imageGuidance?: number | undefined;
  /** sampler; default: the model's own */
  scheduler?: SchedulerName | undefined;
  /** spacing of the noise levels, or the levels themselves, descending, one per step; default: the model's own */
  sigmas?: SigmasName | readonly number[] | undefined;
  /**
   * timesteps of training at which the model is called, whole numbers, descending, one per step, each below the model's
   * num_train_timesteps (1000). For few-step models that name theirs, as DMD2's 999, 749, 499, 249. Goes with the schedulers
   * "euler", "heun", "dpm++2m", "dpm++2m_sde", "dpm++3m_sde", "lcm" and "tcd", and without `sigmas`; default: spaced as `sigmas` says
   */
  timesteps?: readonly number[] | undefined;
  /** sampling steps, 1 to 1000; default 30, or as many as there are numbers in `sigmas` or `timesteps`. heun, dpm2, dpm2_a and dpm++_sde call the model 2 * steps - 1 times */
  steps?: number | undefined;
  /** classifier-free guidance, 0 to 100; 1 or less: none; default 7.5, SDXL 5 */
  guidance?: number | undefined;
  /**
   * [start, end] in shares of the n steps, 0 to 1 (default [0, 1]). Guidance is on from step floor(start * n) to before step
   * floor(end * n). Elsewhere it is off, and a step is half the work (Kynkäänniemi et al. 2024). This changes the picture.
   */
  guidanceInterval?: readonly [number, number] | undefined;
  /** share of the noise schedule to begin at, 0 (default) to 1, from the `latents` of a call that ended there */
  denoisingStart?: number | undefined;
  /** share of the noise schedule to end at, 0 to 1 (default); with output "latents", a refiner goes on from there */
  denoisingEnd?: number | undefined;
  /** latents to start from, one for all pictures or one each: noise in place of the seed's, or with denoisingStart those of another call */
  latents?: Float32Array | readonly Float32Array[] | undefined;
  /** run the whole UNet only in some steps, which changes the picture. Default: in all of them */
  featureCache?: FeatureCacheOptions | undefined;
  /**
   * share of the tokens, 0 (default: none) to 0.75, that are merged with those most like them in the self-attention of highest
   * resolution (ToMe, Bolya and Hoffman 2023). This changes the picture, and pays in large ones.
   */
  tokenMerging?: number | undefined;
  /** noise that ddim (default 0) or tcd (default 0.3) adds, 0 to 1 */
  eta?: number | undefined;
  /** seed of the first picture, 0 to 2^53 - 1; default: random, reported in the result */
  seed?: number | undefined;
  /** pixels, a multiple of info.vaeScale; default: that of `image` rounded down, else the model's own */
  width?: number | undefined;
  /** pixels, a multiple of info.vaeScale; default: that of `image` rounded down, else the model's own */
  height?: number | undefined;
  /**
   * the noise of `seed` turned towards that of variation.seed, by AUTOMATIC1111's rule. All pictures of a call have the same `seed` then, and
   * turn towards variation.seed, variation.seed + 1, …
   */
  variation?: VariationOptions | undefined;
  /** enlarges the picture by Lanczos to scale times `width` and `height`, rounded down to multiples of info.vaeScale, and changes it with `strength` */
  hires?: HiresOptions | undefined;
  /**
   * axes along which the edges of the picture meet, so that copies of it laid side by side show no seam: "x" the left and the right one, "y"
   * the upper and the lower one. The convolutions of UNet, VAE and controls pad with what lies at the opposite edge. Default: none.
   * Not with `maskCrop`
   */
  seamless?: "x" | "y" | "both" | undefined;
  /**
   * hand out where in the picture words and image prompts act: `attention` of the result. `{}` for all attentions of the UNet. The
   * pictures stay the same to the bit; a call needs a little more time and memory. With hires, maps are of the second pass
   */
  attentionMaps?: AttentionMapsOptions | undefined;
  /** pictures, with seeds seed, seed + 1, …; 1 (default) to 64 */
  count?: number | undefined;
  /** "image" (default), or "latents" to skip the VAE decoder */
  output?: Output | undefined;
  /** previews for onProgress */
  preview?: PreviewOptions | undefined;
  /**
   * decode pictures larger than a tile in tiles: without seams, in the memory of about one tile, with small differences.
   * "auto" (default) does it when decoding the whole would pass memoryBudget
   */
  vaeTiling?: "auto" | "on" | "off" | undefined;
  /** pixels of a tile's side, 128 to 4096, a multiple of info.vaeScale; default: 512, or 256 where only that fits the memory */
  vaeTile?: number | undefined;
  /**
   * bytes that the weights and this call may take together. A call that needs more is refused. Default: nothing is refused, and
   * the memory of the machine or container decides about tiles
   */
  memoryBudget?: number | undefined;
  /**
   * of the calls that wait, the one of the highest priority begins first. Where calls take turns (`maxBatch: 1`, or steps that are
   * not shared), each step up gives a call twice the share of the engine's time. Calls that share a run of the UNet, or run side by
   * side, advance together whatever their priority. -10 to 10, default 0
   */
  priority?: number | undefined;
  /**
   * milliseconds from the call within which it has to be done; else it rejects with ERR_IPA_DEADLINE. Of calls that wait with
   * the same priority, the one with the earliest deadline begins first
   */
  deadline?: number | undefined;
  /**
   * called after every step with a copy of the latents (channel-major, in the units of the sampler) and what step it was. What it
   * returns, or its promise resolves to, takes their place: a Float32Array of as many finite numbers, or undefined to leave them. The
   * call waits for it; an error it throws cancels the call, which then rejects with it
   */
  onStep?: StepCallback | undefined;
  /**
   * LoRAs of this call alone, in place of the pipeline's; `[]`: none. Calls with the same ones run together. A change reads the weights
   * that differ again, as setLoras() does, when no call runs: it waits its turn
   */
  loras?: readonly (LoraOptions | string | URL)[] | undefined;
  /**
   * whether the files of the pictures carry the settings that they were made with, default true: the text of AUTOMATIC1111's web UI,
   * and all options for readMetadata(). Paths are written as they were given; files and pictures are named by their hashes, too
   */
  metadata?: boolean | undefined;
  /** cancels the call, which then rejects with signal.reason */
  signal?: AbortSignalLike | undefined;
  /** called after every step; an error it throws cancels the call, which then rejects with it */
  onProgress?: ((event: ProgressEvent) => unknown) | undefined;
}

/** A picture's step that is done. */
export interface StepInfo {
  /** index of the picture in the call */
  image: number;
  /** its seed */
  seed: number;
  /** model calls done of this picture's, and in all; with hires, of both passes. ProgressEvent counts over all pictures of the call */
  step: number;
  total: number;
  /** at which the model was called */
  timestep: number;
}

/** What it returns is checked: a Float32Array, undefined, or a promise of either. */
export type StepCallback = (latents: Float32Array, info: StepInfo) => unknown;

/** DeepCache (Ma et al. 2024): between whole passes of the UNet, its deep features are kept and only its outer layers are computed. */
export interface FeatureCacheOptions {
  /** a whole pass every so many steps, 2 to 10. The first step of a picture is always whole, and so is the first after guidance went on or off */
  every: number;
  /** skip connections, counted from the outermost, whose layers are computed in every step: 1 (default, fastest) to all that the model has */
  depth?: number | undefined;
}

/** How far beyond `image` is painted, in pixels, 0 to 4096 (default 0). */
export interface OutpaintOptions {
  left?: number | undefined;
  top?: number | undefined;
  right?: number | undefined;
  bottom?: number | undefined;
}

/** Towards which noise a picture is varied. */
export interface VariationOptions {
  /** 0 to 2^53 - 1 */
  seed: number;
  /** 0 to 1: 0 is the picture of `seed`, 1 that of this seed */
  strength: number;
}

/** The second pass. */
export interface HiresOptions {
  /** how many times as wide and high, 1 to 4 */
  scale: number;
  /** how much it changes, 0 to 1, default 0.5 */
  strength?: number | undefined;
}

/** Which attention maps are wanted. */
export interface AttentionMapsOptions {
  /**
   * "all" (default), or a list of the attentions: indices into `info.attentions`, names there ("up_blocks.1.attentions.0"), or blocks as
   * `scale` names them ("down", "mid", "up", "up.block_1")
   */
  layers?: AttentionLayers | undefined;
}

export interface PreviewOptions {
  /** a preview every so many steps, 1 to 1000 */
  every: number;
  /** "vae" (default): decoded in full size; "linear": one pixel per latent by a linear map, at next to no cost */
  decoder?: PreviewDecoder | undefined;
}

/** @typeParam Output with "latents" there are no pictures; when the options may ask for either, `images` may be empty */
export interface GenerateResult<Output extends GenerateOutput = "image"> {
  /** one per seed; empty for output "latents" */
  images: [Output] extends ["latents"] ? [] : GeneratedImage[];
  /** one per seed: latentChannels * latentHeight * latentWidth floats, channel-major */
  latents: Float32Array[];
  /** the seeds used */
  seeds: number[];
  /** [channels, height, width] of each entry of `latents` */
  latentShape: [number, number, number];
  /** one per seed, where attentionMaps asked for them; otherwise empty */
  attention: AttentionMaps[];
}

/** Options of estimateMemory(): all of generate() but `onStep`, `metadata`, `signal` and `onProgress`. */
export type EstimateOptions = Omit<GenerateOptions, "loras" | "onStep" | "metadata" | "signal" | "onProgress">;

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
  /** what of it is on each GPU, by the names that `device` takes, such as "cuda:0"; without one, empty */
  devices: Record<string, { weights: number; working: number; total: number }>;
}

export interface EncodePromptOptions {
  /** what the picture must not show; default "", and for most SDXL models none */
  negativePrompt?: string | undefined;
  /** "weighted" (default): (word:1.3), [word] and BREAK have a meaning; "plain": they are text */
  promptSyntax?: "weighted" | "plain" | undefined;
  /** layers of the text encoders left out for the prompt, as that of generate() */
  clipSkip?: number | undefined;
  signal?: AbortSignalLike | undefined;
}

export interface EncodeTextOptions {
  signal?: AbortSignalLike | undefined;
}

export interface EncodeImageOptions {
  /** index into the loaded adapters, default 0 */
  adapter?: number | undefined;
  signal?: AbortSignalLike | undefined;
}

export interface LoadEmbedsOptions {
  /** index of the adapter, in a file of diffusers with embeddings for several adapters; default 0 */
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

/** Options of preprocess(). */
export interface PreprocessCallOptions {
  /** pixels, 1 to 4096, that the picture is resized to before, by Lanczos; default: its own */
  width?: number | undefined;
  /** pixels, 1 to 4096, that the picture is resized to before, by Lanczos; default: its own */
  height?: number | undefined;
  /** cancels the call, which then rejects with signal.reason */
  signal?: AbortSignalLike | undefined;
}

/** Of a face: left eye, right eye, nose, left and right corner of the mouth, `[x, y]` each, as InsightFace orders them. */
export type FaceKeypoints = readonly (readonly [number, number])[];

/** Options of drawFaceKeypoints(). */
export interface DrawFaceKeypointsOptions {
  /** pixels, 1 to 4096 */
  width: number;
  /** pixels, 1 to 4096 */
  height: number;
  signal?: AbortSignalLike | undefined;
}

export interface InspectOptions extends HubAccessOptions {
  signal?: AbortSignalLike | undefined;
}

export interface ConvertOptions {
  /** type of the weights written; the quantised types (q8_0 to q4_0) are for .gguf files, and for large tensors in them */
  type: ConvertType;
  /** replace a file that exists; default: refuse */
  overwrite?: boolean | undefined;
  /** cancels the call, which then rejects with signal.reason and leaves no file */
  signal?: AbortSignalLike | undefined;
  /** called after every tensor, or less often where tensors are many and small. What it throws, or its promise rejects with, cancels the call */
  onProgress?: ((event: ConvertProgress) => unknown) | undefined;
}
