/** One schema per options object: the single place of names, ranges, defaults and descriptions. */
import {
  Type,
  type TArray,
  type TObject,
  type TProperties,
  type TSchema,
  type TString,
  type TUnsafe,
} from "@sinclair/typebox";

import type { AbortSignalLike } from "../native/call";
import type { ConvertProgress } from "../native/contract";
import type { ImageInput } from "../image/input";
import { IMAGE_LIMITS } from "../image/limits";
import { IMAGE_SOURCES } from "../image/rules";
import type { DownloadProgressEvent, ProgressEvent } from "../progress";

/** Samplers by their names in this API. */
export const SCHEDULERS = [
  "ddim",
  "pndm",
  "euler",
  "euler_a",
  "heun",
  "dpm2",
  "dpm2_a",
  "lms",
  "deis",
  "dpm++2m",
  "dpm++2m_sde",
  "dpm++3m_sde",
  "dpm++_sde",
  "unipc",
  "lcm",
  "tcd",
] as const;
export type SchedulerName = (typeof SCHEDULERS)[number];

/** Spacings of the noise levels by their names in this API. */
export const SIGMAS = ["normal", "karras", "exponential", "beta", "sgm_uniform", "ays"] as const;
export type SigmasName = (typeof SIGMAS)[number];

export const MAX_SEED = Number.MAX_SAFE_INTEGER;

/** Whether the VAE decodes a picture in tiles. */
export const VAE_TILINGS = ["auto", "on", "off"] as const;

/** What a UNet's output means. */
export const PREDICTIONS = ["epsilon", "v", "sample"] as const;

/** Values JSON has no type for: checked by kind, described by an example in messages. */
export type SpecialKind = "path" | "image" | "floats" | "latents" | "signal" | "function";

function special<T>(kind: SpecialKind, description: string): TUnsafe<T> {
  return Type.Unsafe<T>({ "x-kind": kind, description });
}

function oneOf<const T extends string>(
  values: readonly T[],
  options: { description: string; default?: T },
): TUnsafe<T> {
  return Type.Unsafe<T>({ type: "string", enum: [...values], ...options });
}

/** One of the names, or numbers of the caller's own. */
function oneOfOrNumbers<const T extends string>(
  values: readonly T[],
  numbers: { minimum: number; maximum: number; maxItems: number },
  description: string,
): TUnsafe<T | readonly number[]> {
  const { minimum, maximum, maxItems } = numbers;
  return Type.Unsafe<T | readonly number[]>({
    type: "string",
    enum: [...values],
    items: Type.Number({ minimum, maximum }),
    minItems: 1,
    maxItems,
    description,
  });
}

/** What may stand alone in place of an object with one property: `"a.png"` for `{ image: "a.png" }`. */
export type Shorthand = "file" | "image" | "model";

function object<T extends TProperties>(properties: T, title: string, shorthand?: Shorthand): TObject<T> {
  return Type.Object(properties, { additionalProperties: false, title, "x-shorthand": shorthand });
}

const signal = special<AbortSignalLike>(
  "signal",
  "AbortSignal that cancels the call; it then rejects with signal.reason",
);
const path = (description: string): TUnsafe<string | URL> => special<string | URL>("path", description);

/** Of every call that takes names on the Hugging Face hub. */
const hub = {
  token: Type.Optional(
    Type.String({
      maxLength: 4096,
      description: "access token of the Hugging Face hub; default: HF_TOKEN, or the token file",
    }),
  ),
  offline: Type.Optional(
    Type.Boolean({
      description: "fetch nothing from the Hugging Face hub, use what the cache holds; default: HF_HUB_OFFLINE",
    }),
  ),
  onProgress: Type.Optional(
    special<(event: DownloadProgressEvent) => unknown>("function", "called while files come from the Hugging Face hub"),
  ),
};

export const AdapterSchema = object(
  {
    file: path("IP-Adapter file (.safetensors, .bin or .gguf)"),
    imageEncoder: Type.Optional(
      path("folder or file of a CLIP vision encoder for this adapter alone; default: the pipeline's"),
    ),
    shortcut: Type.Optional(
      Type.Boolean({
        description:
          "FaceID Plus files: whether it is PlusV2, which has the same tensors as Plus; default: whether the file's name has plusv2 in it",
      }),
    ),
    loraWeight: Type.Optional(
      Type.Number({
        minimum: -10,
        maximum: 10,
        default: 1,
        description: "strength of the LoRA inside a FaceID file; 0 leaves it out",
      }),
    ),
  },
  "adapter",
  "file",
);

export const LoraSchema = object(
  {
    file: path("LoRA file (.safetensors, .bin or .pt)"),
    weight: Type.Optional(
      Type.Number({ minimum: -10, maximum: 10, default: 1, description: "strength of the LoRA; 0 changes nothing" }),
    ),
  },
  "LoRA",
  "file",
);

export const EmbeddingSchema = object(
  {
    file: path("textual inversion file (.safetensors, .bin or .pt)"),
    token: Type.Optional(
      Type.String({
        maxLength: 256,
        description:
          "what stands for it in prompts; default: the file's own name for it, else its file name without the ending",
      }),
    ),
  },
  "embedding",
  "file",
);

export const AdaptersSchema = Type.Array(AdapterSchema, {
  maxItems: 8,
  description: "IP-Adapters to load; default: the shipped one with the shipped model, else none",
});
export const LorasSchema = Type.Array(LoraSchema, {
  maxItems: 16,
  default: [],
  description: "LoRAs to add to the UNet and the text encoders",
});

export const ChangeSchema = object({ ...hub, signal: Type.Optional(signal) }, "options");

export const LoadSchema = object(
  {
    model: Type.Optional(
      path(
        "model folder in the diffusers layout, file (.safetensors, .ckpt, .gguf) of a whole model in the original layout, or owner/name on the Hugging Face hub; default: the small model that ships with the package",
      ),
    ),
    adapters: Type.Optional(AdaptersSchema),
    loras: Type.Optional(LorasSchema),
    embeddings: Type.Optional(
      Type.Array(EmbeddingSchema, {
        maxItems: 64,
        default: [],
        description: "textual inversions: tokens for prompts, learned from pictures",
      }),
    ),
    unet: Type.Optional(
      path(
        "folder or file of a UNet fine-tuned from the same base, instead of the model's own; default: unet/ in the model folder",
      ),
    ),
    vae: Type.Optional(
      path(
        "folder, or file in the original layout, of another VAE of the same latents: AutoencoderKL, or AutoencoderTiny (TAESD), much faster; default: vae/ in the model folder",
      ),
    ),
    imageEncoder: Type.Optional(
      path("folder or file of the CLIP vision encoder; default: image_encoder/ in the model folder"),
    ),
    prediction: Type.Optional(
      oneOf(PREDICTIONS, {
        description:
          "what the UNet predicts: epsilon (the noise), v (velocities) or sample (the clean picture); default: what the files say, see info.prediction",
      }),
    ),
    zeroSnr: Type.Optional(
      Type.Boolean({
        description:
          "rescale the noise schedule to a zero terminal SNR, as diffusers' rescale_betas_zero_snr; default: what the files say, see info.zeroSnr",
      }),
    ),
    vaeScalingFactor: Type.Optional(
      Type.Number({
        minimum: 0.001,
        maximum: 1000,
        description:
          "what the VAE's latents are multiplied by for the UNet; default: that of the VAE's config.json, for a file by itself that of the family (0.18215, SDXL 0.13025)",
      }),
    ),
    dtype: Type.Optional(
      oneOf(["f32", "bf16", "int16", "int8"], {
        description:
          "what the networks multiply in: f32 exact, int16 faster and nearly exact, bf16 for processors that have it, int8 faster still and in less memory",
        default: "f32",
      }),
    ),
    threads: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1024,
        default: 0,
        description: "threads of the process-wide pool; 0: one per core",
      }),
    ),
    images: Type.Optional(
      oneOf(IMAGE_SOURCES, {
        default: "any",
        description:
          "where pictures of calls may come from; bytes: no paths and file URLs, for servers that hand over what clients send",
      }),
    ),
    maxPixels: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: IMAGE_LIMITS.side ** 2,
        default: IMAGE_LIMITS.pixels,
        description: "pixels of a picture that a call may have; all its pictures together may have twice as many",
      }),
    ),
    maxQueue: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1_000_000,
        description: "calls that may wait while one runs; one more is refused with ERR_IPA_BUSY; default: any number",
      }),
    ),
    ...hub,
    signal: Type.Optional(signal),
  },
  "Pipeline.load options",
);

export const ImagePromptSchema = object(
  {
    image: Type.Optional(
      special<ImageInput>("image", "picture: path, file URL, encoded bytes, or raw { data, width, height, channels }"),
    ),
    embeds: Type.Optional(
      special<Float32Array | readonly number[]>("floats", "image embedding computed before, instead of image"),
    ),
    faceEmbeds: Type.Optional(
      special<Float32Array | readonly number[]>(
        "floats",
        "FaceID adapters: InsightFace embeddings, 512 floats a face, made outside this package",
      ),
    ),
    structureScale: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 5,
        default: 1,
        description: "FaceID PlusV2: how much the structure of the face in image counts beside faceEmbeds",
      }),
    ),
    scale: Type.Optional(
      Type.Number({
        minimum: -5,
        maximum: 5,
        default: 1,
        description: "strength of the picture; about 0.6 lets a prompt be heard as much",
      }),
    ),
    adapter: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 7, default: 0, description: "index into the loaded adapters" }),
    ),
  },
  "image prompt",
  "image",
);

/** Who makes a preview's pixels. */
export const PREVIEW_DECODERS = ["vae", "linear"] as const;
export type PreviewDecoder = (typeof PREVIEW_DECODERS)[number];

export const PreviewSchema = object(
  {
    every: Type.Integer({ minimum: 1, maximum: 1000, description: "decode a preview every so many steps" }),
    decoder: Type.Optional(
      oneOf(PREVIEW_DECODERS, {
        default: "vae",
        description: "vae: the picture in full size; linear: a pixel a latent, at next to no cost",
      }),
    ),
  },
  "preview",
);

export const FeatureCacheSchema = object(
  {
    every: Type.Integer({ minimum: 2, maximum: 10, description: "run the whole UNet every so many steps" }),
    depth: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 64,
        default: 1,
        description: "skip connections, from the outermost, computed in every step",
      }),
    ),
  },
  "featureCache",
);

/** Two whole numbers of pixels. */
const pixelPair = (minimum: number, description: string): TUnsafe<readonly [number, number]> =>
  Type.Unsafe<readonly [number, number]>({
    type: "array",
    items: Type.Integer({ minimum, maximum: 65536 }),
    minItems: 2,
    maxItems: 2,
    description,
  });

const share = (description: string, value: number): TUnsafe<number> =>
  Type.Unsafe<number>({ type: "number", minimum: 0, maximum: 1, default: value, description });

/** Static: a pair of numbers; typebox's own tuples have no form the validator could read. */
const interval = (description: string): TUnsafe<readonly [number, number]> =>
  Type.Unsafe<readonly [number, number]>({
    type: "array",
    items: Type.Number({ minimum: 0, maximum: 1 }),
    minItems: 2,
    maxItems: 2,
    default: [0, 1],
    description,
  });

const promptText = (description: string): TString => Type.String({ maxLength: 16384, description });

export const GenerateSchema = object(
  {
    prompt: Type.Optional(
      Type.String({
        maxLength: 16384,
        default: "",
        description: "what the picture shows; (word:1.3), [word] and BREAK as usual",
      }),
    ),
    negativePrompt: Type.Optional(promptText("what the picture must not show")),
    promptSyntax: Type.Optional(
      oneOf(["weighted", "plain"], {
        default: "weighted",
        description: "weighted: brackets and BREAK have a meaning; plain: they are text",
      }),
    ),
    clipSkip: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 64,
        default: 0,
        description:
          "layers of the text encoders left out for the prompt (diffusers' clip_skip; one less than AUTOMATIC1111's)",
      }),
    ),
    originalSize: Type.Optional(
      pixelPair(1, "SDXL: [width, height] of the photograph it is told to have come from; default: the picture's own"),
    ),
    targetSize: Type.Optional(pixelPair(1, "SDXL: [width, height] it is told to be for; default: the picture's own")),
    cropOffset: Type.Optional(pixelPair(0, "SDXL: [left, top] it is told to be cropped at; default: [0, 0]")),
    aestheticScore: Type.Optional(
      Type.Number({ minimum: 0, maximum: 10, default: 6, description: "SDXL refiner: the score it is told to have" }),
    ),
    negativeAestheticScore: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 10,
        default: 2.5,
        description: "SDXL refiner: the score it is told not to have",
      }),
    ),
    imagePrompts: Type.Optional(
      Type.Array(ImagePromptSchema, { maxItems: 64, default: [], description: "pictures to take after" }),
    ),
    image: Type.Optional(
      special<ImageInput>(
        "image",
        "inpainting and instruct models: the picture to change: path, file URL, encoded bytes, or raw pixels",
      ),
    ),
    mask: Type.Optional(
      special<ImageInput>(
        "image",
        "inpainting models: a picture that is white where image is repainted, black where it stays",
      ),
    ),
    imageGuidance: Type.Optional(
      Type.Number({
        minimum: 1,
        maximum: 100,
        default: 1.5,
        description: "instruct models: guidance towards image, beside that towards the prompt",
      }),
    ),
    scheduler: Type.Optional(oneOf(SCHEDULERS, { description: "sampler; default: the model's own" })),
    sigmas: Type.Optional(
      oneOfOrNumbers(
        SIGMAS,
        { minimum: 1e-6, maximum: 10000, maxItems: 1000 },
        "spacing of the noise levels, or the levels themselves, one a step, descending; default: the model's own",
      ),
    ),
    steps: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 30, description: "sampling steps" })),
    guidance: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 100,
        description: "classifier-free guidance; 1 or less: none; default: 7.5, SDXL 5",
      }),
    ),
    guidanceInterval: Type.Optional(
      interval("[start, end]: shares of the steps between which guidance is on; elsewhere a step is half the work"),
    ),
    denoisingStart: Type.Optional(
      share("share of the noise schedule to begin at, with latents: where another model's denoisingEnd was", 0),
    ),
    denoisingEnd: Type.Optional(
      share("share of the noise schedule to end at, with output latents: a refiner goes on from there", 1),
    ),
    latents: Type.Optional(
      special<Float32Array | readonly Float32Array[]>(
        "latents",
        "latents to start from, one or one a picture: initial noise, or with denoisingStart another call's latents",
      ),
    ),
    featureCache: Type.Optional(FeatureCacheSchema),
    tokenMerging: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 0.75,
        default: 0,
        description: "share of the tokens to merge in the outermost self-attention; 0: none",
      }),
    ),
    eta: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1,
        description: "noise added by ddim, 0 none, 1 as DDPM, default: 0; or by tcd, default: 0.3",
      }),
    ),
    seed: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: MAX_SEED,
        description: "seed of the first picture; default: random, reported",
      }),
    ),
    width: Type.Optional(
      Type.Integer({ minimum: 16, maximum: 4096, description: "pixels; default: that of image, else the model's own" }),
    ),
    height: Type.Optional(
      Type.Integer({ minimum: 16, maximum: 4096, description: "pixels; default: that of image, else the model's own" }),
    ),
    count: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 64, default: 1, description: "pictures, with seeds seed, seed + 1, …" }),
    ),
    output: Type.Optional(
      oneOf(["image", "latents"], { default: "image", description: "latents: skip the VAE decoder" }),
    ),
    preview: Type.Optional(PreviewSchema),
    vaeTiling: Type.Optional(
      oneOf(VAE_TILINGS, {
        default: "auto",
        description: "decode large pictures in tiles, in less memory; auto: when the whole would pass memoryBudget",
      }),
    ),
    vaeTile: Type.Optional(
      Type.Integer({
        minimum: 128,
        maximum: 4096,
        description:
          "pixels of a tile's side, a multiple of info.vaeScale; default: 512, or 256 where only that fits the memory",
      }),
    ),
    memoryBudget: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
        description:
          "bytes that weights and call together may take; default: the machine's or container's memory decides about tiles, and nothing is refused",
      }),
    ),
    signal: Type.Optional(signal),
    onProgress: Type.Optional(special<(event: ProgressEvent) => unknown>("function", "called after every step")),
  },
  "generate options",
);

/** What a call's memory depends on: all but the ways to watch and to stop it. */
export const EstimateSchema = Type.Omit(GenerateSchema, ["signal", "onProgress"], {
  additionalProperties: false,
  title: "estimateMemory options",
});

export const EncodeImageSchema = object(
  {
    adapter: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 7, default: 0, description: "index into the loaded adapters" }),
    ),
    signal: Type.Optional(signal),
  },
  "encodeImage options",
);

/** How combineEmbeds() combines. */
export const COMBINE_METHODS = ["concat", "average", "add", "subtract", "norm average"] as const;
export type CombineMethod = (typeof COMBINE_METHODS)[number];

export const CombineSchema = object(
  {
    how: oneOf(COMBINE_METHODS, { description: "how the embeddings are combined" }),
    weights: Type.Array(Type.Number({ minimum: -100, maximum: 100 }), {
      maxItems: 4096,
      description: "one for each picture",
    }),
  },
  "combineEmbeds arguments",
);

export const LoadEmbedsSchema = object(
  {
    adapter: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 7,
        default: 0,
        description: "which of them, in a file with embeddings for several adapters",
      }),
    ),
    signal: Type.Optional(signal),
  },
  "loadEmbeds options",
);

export const InspectSchema = object({ ...hub, signal: Type.Optional(signal) }, "inspect options");

const globs = (description: string): TArray<TString> =>
  Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), { maxItems: 256, description });

export const PullSchema = object(
  {
    revision: Type.Optional(Type.String({ maxLength: 256, default: "main", description: "branch, tag or commit" })),
    include: Type.Optional(globs("patterns of the files to fetch, such as unet/*; default: what the engine reads")),
    exclude: Type.Optional(globs("patterns of files not to fetch")),
    ...hub,
    signal: Type.Optional(signal),
  },
  "pull options",
);

/** Types that convert() writes; those after bf16 in GGUF files only. */
export const CONVERT_TYPES = ["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"] as const;
export type ConvertType = (typeof CONVERT_TYPES)[number];

export const ConvertSchema = object(
  {
    type: oneOf(CONVERT_TYPES, { description: "type of the weights written; the quantised ones in .gguf files only" }),
    overwrite: Type.Optional(Type.Boolean({ description: "replace a file that exists" })),
    signal: Type.Optional(signal),
    onProgress: Type.Optional(special<(event: ConvertProgress) => unknown>("function", "called after every tensor")),
  },
  "convert options",
);

export const EncodeOptionsSchema = object(
  {
    quality: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: "JPEG and WebP; default: 92" })),
    lossless: Type.Optional(Type.Boolean({ description: "WebP without loss" })),
    compressionLevel: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 9, default: 6, description: "PNG: 0 fast, 9 small" }),
    ),
  },
  "image options",
);

/** The parts of a schema the validator and the CLI read. */
export interface SchemaView {
  type?: string;
  title?: string;
  description?: string;
  default?: unknown;
  enum?: readonly string[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  items?: TSchema;
  properties?: Record<string, TSchema>;
  required?: readonly string[];
  "x-kind"?: SpecialKind;
  "x-shorthand"?: Shorthand;
}

export const view = (schema: TSchema): SchemaView => schema;
