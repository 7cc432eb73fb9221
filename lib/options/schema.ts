/** One schema per options object: the single place of names, ranges, defaults and descriptions. */
import { Type, type TObject, type TProperties, type TSchema, type TString, type TUnsafe } from "@sinclair/typebox";

import type { AbortSignalLike } from "../native/call";
import type { NativeConvertProgress } from "../native/contract";
import type { ImageInput } from "../image/input";
import type { ProgressEvent } from "../progress";

/** Samplers by their names in this API. */
export const SCHEDULERS = ["ddim", "pndm", "euler", "euler_a", "dpm++2m", "unipc", "lcm"] as const;
export type SchedulerName = (typeof SCHEDULERS)[number];

export const MAX_SEED = Number.MAX_SAFE_INTEGER;

/** Whether the VAE decodes a picture in tiles. */
export const VAE_TILINGS = ["auto", "on", "off"] as const;

/** Values JSON has no type for: checked by kind, described by an example in messages. */
export type SpecialKind = "path" | "image" | "floats" | "signal" | "function";

function special<T>(kind: SpecialKind, description: string): TUnsafe<T> {
  return Type.Unsafe<T>({ "x-kind": kind, description });
}

function oneOf<const T extends string>(values: readonly T[], options: { description: string; default?: T }): TUnsafe<T> {
  return Type.Unsafe<T>({ type: "string", enum: [...values], ...options });
}

function object<T extends TProperties>(properties: T, title: string): TObject<T> {
  return Type.Object(properties, { additionalProperties: false, title });
}

const signal = special<AbortSignalLike>("signal", "AbortSignal that cancels the call; it then rejects with signal.reason");
const path = (description: string): TUnsafe<string | URL> => special<string | URL>("path", description);

export const AdapterSchema = object({ file: path("IP-Adapter file (.safetensors or .bin)") }, "adapter");

export const LoraSchema = object(
  {
    file: path("LoRA file (.safetensors, .bin or .pt)"),
    weight: Type.Optional(Type.Number({ minimum: -10, maximum: 10, default: 1, description: "strength of the LoRA; 0 changes nothing" })),
  },
  "LoRA",
);

export const LoadSchema = object(
  {
    model: Type.Optional(path("model folder in the diffusers layout, or file (.safetensors, .ckpt) of a whole model in the original layout; default: the small model that ships with the package")),
    adapters: Type.Optional(
      Type.Array(AdapterSchema, { maxItems: 8, description: "IP-Adapters to load; default: the shipped one with the shipped model, else none" }),
    ),
    loras: Type.Optional(Type.Array(LoraSchema, { maxItems: 16, default: [], description: "LoRAs to add to the UNet and the text encoders" })),
    unet: Type.Optional(path("folder of a UNet fine-tuned from the same base, instead of the model's own; default: unet/ in the model folder")),
    vae: Type.Optional(
      path("folder, or file in the original layout, of another VAE of the same latents: AutoencoderKL, or AutoencoderTiny (TAESD), much faster; default: vae/ in the model folder"),
    ),
    imageEncoder: Type.Optional(path("folder of the CLIP vision encoder; default: image_encoder/ in the model folder")),
    dtype: Type.Optional(oneOf(["f32", "bf16", "int16", "int8"], { description: "what the networks multiply in: f32 exact, int16 faster and nearly exact, bf16 for processors that have it, int8 faster still and in less memory", default: "f32" })),
    threads: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 1024, default: 0, description: "threads of the process-wide pool; 0: one per core" }),
    ),
    signal: Type.Optional(signal),
  },
  "Pipeline.load options",
);

export const ImagePromptSchema = object(
  {
    image: Type.Optional(special<ImageInput>("image", "picture: path, file URL, encoded bytes, or raw { data, width, height, channels }")),
    embeds: Type.Optional(special<Float32Array | readonly number[]>("floats", "image embedding computed before, instead of image")),
    scale: Type.Optional(
      Type.Number({ minimum: -5, maximum: 5, default: 1, description: "strength of the picture; about 0.6 lets a prompt be heard as much" }),
    ),
    adapter: Type.Optional(Type.Integer({ minimum: 0, maximum: 7, default: 0, description: "index into the loaded adapters" })),
  },
  "image prompt",
);

/** Who makes a preview's pixels. */
export const PREVIEW_DECODERS = ["vae", "linear"] as const;
export type PreviewDecoder = (typeof PREVIEW_DECODERS)[number];

export const PreviewSchema = object(
  {
    every: Type.Integer({ minimum: 1, maximum: 1000, description: "decode a preview every so many steps" }),
    decoder: Type.Optional(
      oneOf(PREVIEW_DECODERS, { default: "vae", description: "vae: the picture in full size; linear: a pixel a latent, at next to no cost" }),
    ),
  },
  "preview",
);

export const FeatureCacheSchema = object(
  {
    every: Type.Integer({ minimum: 2, maximum: 10, description: "run the whole UNet every so many steps" }),
    depth: Type.Optional(Type.Integer({ minimum: 1, maximum: 64, default: 1, description: "skip connections, from the outermost, computed in every step" })),
  },
  "featureCache",
);

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
    prompt: Type.Optional(Type.String({ maxLength: 16384, default: "", description: "what the picture shows; (word:1.3), [word] and BREAK as usual" })),
    negativePrompt: Type.Optional(promptText("what the picture must not show")),
    promptSyntax: Type.Optional(
      oneOf(["weighted", "plain"], { default: "weighted", description: "weighted: brackets and BREAK have a meaning; plain: they are text" }),
    ),
    imagePrompts: Type.Optional(Type.Array(ImagePromptSchema, { maxItems: 64, default: [], description: "pictures to take after" })),
    scheduler: Type.Optional(oneOf(SCHEDULERS, { description: "sampler; default: the model's own" })),
    sigmas: Type.Optional(oneOf(["karras"], { description: "spacing of the noise levels; default: the sampler's own" })),
    steps: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 30, description: "sampling steps" })),
    guidance: Type.Optional(
      Type.Number({ minimum: 0, maximum: 100, description: "classifier-free guidance; 1 or less: none; default: 7.5, SDXL 5" }),
    ),
    guidanceInterval: Type.Optional(interval("[start, end]: shares of the steps between which guidance is on; elsewhere a step is half the work")),
    featureCache: Type.Optional(FeatureCacheSchema),
    tokenMerging: Type.Optional(
      Type.Number({ minimum: 0, maximum: 0.75, default: 0, description: "share of the tokens to merge in the outermost self-attention; 0: none" }),
    ),
    eta: Type.Optional(Type.Number({ minimum: 0, maximum: 1, default: 0, description: "noise added by ddim: 0 none, 1 as DDPM" })),
    seed: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_SEED, description: "seed of the first picture; default: random, reported" })),
    width: Type.Optional(Type.Integer({ minimum: 16, maximum: 4096, description: "pixels; default: the model's own" })),
    height: Type.Optional(Type.Integer({ minimum: 16, maximum: 4096, description: "pixels; default: the model's own" })),
    count: Type.Optional(Type.Integer({ minimum: 1, maximum: 64, default: 1, description: "pictures, with seeds seed, seed + 1, …" })),
    output: Type.Optional(oneOf(["image", "latents"], { default: "image", description: "latents: skip the VAE decoder" })),
    preview: Type.Optional(PreviewSchema),
    vaeTiling: Type.Optional(
      oneOf(VAE_TILINGS, { default: "auto", description: "decode large pictures in tiles, in less memory; auto: when the whole would pass memoryBudget" }),
    ),
    vaeTile: Type.Optional(Type.Integer({ minimum: 128, maximum: 4096, description: "pixels of a tile's side, a multiple of info.vaeScale; default: 512, or 256 where only that fits the memory" })),
    memoryBudget: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
        description: "bytes that weights and call together may take; default: the machine's or container's memory decides about tiles, and nothing is refused",
      }),
    ),
    signal: Type.Optional(signal),
    onProgress: Type.Optional(special<(event: ProgressEvent) => unknown>("function", "called after every step")),
  },
  "generate options",
);

/** What a call's memory depends on: all but the ways to watch and to stop it. */
export const EstimateSchema = Type.Omit(GenerateSchema, ["signal", "onProgress"], { additionalProperties: false, title: "estimateMemory options" });

export const EncodeImageSchema = object(
  {
    adapter: Type.Optional(Type.Integer({ minimum: 0, maximum: 7, default: 0, description: "index into the loaded adapters" })),
    signal: Type.Optional(signal),
  },
  "encodeImage options",
);

export const InspectSchema = object({ signal: Type.Optional(signal) }, "inspect options");

/** Types that convert() writes; those after bf16 in GGUF files only. */
export const CONVERT_TYPES = ["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"] as const;
export type ConvertType = (typeof CONVERT_TYPES)[number];

export const ConvertSchema = object(
  {
    type: oneOf(CONVERT_TYPES, { description: "type of the weights written; the quantised ones in .gguf files only" }),
    overwrite: Type.Optional(Type.Boolean({ description: "replace a file that exists" })),
    signal: Type.Optional(signal),
    onProgress: Type.Optional(special<(event: NativeConvertProgress) => unknown>("function", "called after every tensor")),
  },
  "convert options",
);

export const EncodeOptionsSchema = object(
  {
    quality: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: "JPEG and WebP; default: 92" })),
    lossless: Type.Optional(Type.Boolean({ description: "WebP without loss" })),
    compressionLevel: Type.Optional(Type.Integer({ minimum: 0, maximum: 9, default: 6, description: "PNG: 0 fast, 9 small" })),
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
}

export const view = (schema: TSchema): SchemaView => schema;
