/** The options of generate() that its memory depends on, which are those of estimateMemory(). */
import { MOST_SIDE } from "../image/limits";
import type { ObjectSchema, Schema } from "./json-schema";
import { MASK_FILLS, SCHEDULERS, SEAMLESS_AXES, SIGMAS, VAE_TILINGS } from "./names";
import { ControlUseSchema, RegionSchema } from "./guide-schema";
import { ImagePromptSchema, NegativeImageSchema } from "./image-prompt-schema";
import {
  AttentionMapsSchema,
  FeatureCacheSchema,
  HiresSchema,
  MAX_SEED,
  OutpaintSchema,
  PreviewSchema,
  VariationSchema,
} from "./parts-schema";
import { PROMPT_OPTIONS } from "./prompt-schema";

/** Pixels of a picture's side. */
const SIDE = {
  type: "integer",
  minimum: 16,
  maximum: MOST_SIDE,
  description: "pixels",
  "x-default": "that of `image`, else the model's own",
} as const satisfies Schema;

/** What a call's memory depends on: all options but the ways to watch and to stop it. */
export const ESTIMATED = {
  ...PROMPT_OPTIONS,
  imagePrompts: {
    type: "array",
    items: ImagePromptSchema,
    maxItems: 64,
    default: [],
    description: "pictures to take after",
  },
  controls: {
    type: "array",
    items: ControlUseSchema,
    maxItems: 16,
    default: [],
    description: "pictures that give the structure, for the loaded controls",
  },
  negativeImagePrompts: {
    type: "array",
    items: NegativeImageSchema,
    maxItems: 64,
    default: [],
    description: "pictures to lead away from, in place of no picture",
  },
  regions: {
    type: "array",
    items: RegionSchema,
    maxItems: 16,
    default: [],
    description: "parts of the picture with prompts of their own",
  },
  image: {
    "x-kind": "image",
    description: "the picture to change: path, file URL, encoded bytes, or raw pixels",
    "x-help": "the picture to change",
  },
  mask: {
    "x-kind": "image",
    description: "a picture that is white where image is repainted, black where it stays",
  },
  strength: {
    type: "number",
    minimum: 0,
    maximum: 1,
    description: "how much of image is changed: the share of the steps that run",
    "x-default": "0.8, SDXL 0.3; with `mask` 1, SDXL 0.9999",
  },
  keepUnmasked: {
    type: "boolean",
    description: "put image over the result where mask is black, so that it stays to the byte",
    "x-default": "true; with inpainting models false",
  },
  maskCrop: {
    type: "integer",
    minimum: 0,
    maximum: MOST_SIDE,
    description: "paint only the part of image around mask and so many pixels more, at full size, and put it back",
    "x-default": "the whole picture is painted",
  },
  maskFill: {
    type: "string",
    enum: MASK_FILLS,
    default: "original",
    description:
      "what the steps begin with where mask is white: original (what image has there), neutral (grey), or blur (what surrounds it, as Fooocus blurs it in)",
  },
  maskFeather: {
    type: "number",
    minimum: 0,
    maximum: 256,
    default: 0,
    description: "radius in pixels of the blur of mask's edge, where image is put over the result",
  },
  outpaint: {
    ...OutpaintSchema,
    description: "paint so many pixels beyond the sides of image, which stays as it is",
    "x-default": "none",
  },
  imageGuidance: {
    type: "number",
    minimum: 1,
    maximum: 100,
    default: 1.5,
    description: "instruct models: guidance towards image, beside that towards the prompt",
  },
  scheduler: { type: "string", enum: SCHEDULERS, description: "sampler", "x-default": "the model's own" },
  sigmas: {
    type: "string",
    enum: SIGMAS,
    items: { type: "number", minimum: 1e-6, maximum: 10000 },
    minItems: 1,
    maxItems: 1000,
    description: "spacing of the noise levels, or the levels themselves, one per step, descending",
    "x-default": "the model's own",
  },
  timesteps: {
    type: "array",
    items: { type: "integer", minimum: 0, maximum: 999999 },
    minItems: 1,
    maxItems: 1000,
    description: "timesteps of training to call the model at, one per step, descending, as few-step models name them",
    "x-default": "spaced as `sigmas` says",
  },
  steps: {
    type: "integer",
    minimum: 1,
    maximum: 1000,
    default: 30,
    description: "sampling steps",
    "x-default": "30, or as many as numbers in `sigmas` or `timesteps`",
  },
  guidance: {
    type: "number",
    minimum: 0,
    maximum: 100,
    description: "classifier-free guidance; 1 or less: none",
    "x-default": "7.5; SDXL 5",
  },
  guidanceInterval: {
    type: "array",
    items: { type: "number", minimum: 0, maximum: 1 },
    minItems: 2,
    maxItems: 2,
    default: [0, 1],
    description: "[start, end]: shares of the steps between which guidance is on; elsewhere a step is half the work",
  },
  denoisingStart: {
    type: "number",
    minimum: 0,
    maximum: 1,
    default: 0,
    description:
      "share of the noise schedule to begin at, with latents or image: where another model's denoisingEnd was",
    "x-help":
      "share of the noise schedule to begin at, with --latents or --image: where another model's --denoising-end was",
  },
  denoisingEnd: {
    type: "number",
    minimum: 0,
    maximum: 1,
    default: 1,
    description: "share of the noise schedule to end at, with output latents: a refiner goes on from there",
    "x-help": "share of the noise schedule to end at, with --save-latents: a refiner goes on from there",
  },
  latents: {
    "x-kind": "latents",
    description:
      "latents to start from, one for all pictures or one per picture: initial noise, or with denoisingStart another call's latents",
    "x-default": "noise by the seed",
  },
  featureCache: {
    ...FeatureCacheSchema,
    description: "run the whole UNet in some steps only, and its outer layers in all",
    "x-default": "none",
  },
  tokenMerging: {
    type: "number",
    minimum: 0,
    maximum: 0.75,
    default: 0,
    description: "share of the tokens to merge in the outermost self-attention",
    "x-default": "0, which means none",
  },
  eta: {
    type: "number",
    minimum: 0,
    maximum: 1,
    description: "noise added by ddim (0 none, 1 as DDPM) or by tcd",
    "x-default": "0; `tcd` 0.3",
  },
  seed: {
    type: "integer",
    minimum: 0,
    maximum: MAX_SEED,
    description: "seed of the first picture, reported in the result",
    "x-default": "random",
  },
  variation: {
    ...VariationSchema,
    description: "noise of seed turned a part of the way towards another seed's; with count, towards the next ones",
    "x-default": "none",
  },
  hires: {
    ...HiresSchema,
    description: "enlarge the picture and go over it once more",
    "x-default": "none",
  },
  seamless: {
    type: "string",
    enum: SEAMLESS_AXES,
    description: "axes along which the edges of the picture meet, so that it tiles without a seam",
    "x-default": "none",
  },
  attentionMaps: {
    ...AttentionMapsSchema,
    description: "hand out where in the picture words and image prompts act, as arrays and heat maps",
    "x-default": "none",
  },
  width: SIDE,
  height: SIDE,
  count: {
    type: "integer",
    minimum: 1,
    maximum: 64,
    default: 1,
    description: "pictures, with seeds seed, seed + 1, …",
  },
  output: {
    type: "string",
    enum: ["image", "latents"],
    default: "image",
    description: "latents: skip the VAE decoder",
  },
  preview: { ...PreviewSchema, description: "make previews for onProgress", "x-default": "none" },
  vaeTiling: {
    type: "string",
    enum: VAE_TILINGS,
    default: "auto",
    description: "decode large pictures in tiles, in less memory; auto: when the whole would pass memoryBudget",
  },
  vaeTile: {
    type: "integer",
    minimum: 128,
    maximum: MOST_SIDE,
    description: "pixels of a tile's side, a multiple of info.vaeScale",
    "x-help": "pixels of a tile's side, a multiple of the VAE's scale (8 in most models)",
    "x-default": "512, or 256 where only that fits the memory",
  },
  memoryBudget: {
    type: "integer",
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    description:
      "bytes that weights and call together may take; without it the machine's or container's memory decides about tiles, and nothing is refused",
    "x-default": "none",
  },
  priority: {
    type: "integer",
    minimum: -10,
    maximum: 10,
    default: 0,
    description:
      "of calls that wait, the highest begins first; where calls take turns, each step up gives twice the share of the engine's time",
  },
  deadline: {
    type: "integer",
    minimum: 1,
    maximum: 2147483647,
    description:
      "milliseconds within which the call has to be done, or it ends with ERR_IPA_DEADLINE; of calls that wait with one priority, the earliest begins first",
    "x-default": "none",
  },
} as const satisfies Record<string, Schema>;

export const EstimateSchema = {
  type: "object",
  title: "estimateMemory options",
  additionalProperties: false,
  properties: ESTIMATED,
} as const satisfies ObjectSchema;
