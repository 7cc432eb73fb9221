/** The options of generate(), estimateMemory() and encodeImage(). */
import { MOST_SIDE } from "../image/limits";
import { SIGNAL } from "./common-schema";
import type { ObjectSchema, Schema } from "./json-schema";
import { ControlPreprocessSchema, FACE_KEYPOINTS } from "./preprocess-schema";
import {
  COMBINE_METHODS,
  CONTROL_MODES,
  IMAGE_FITS,
  KV_SCALINGS,
  MASK_FILLS,
  MASK_MODES,
  NEGATIVE_KINDS,
  PREVIEW_DECODERS,
  SCALE_PRESETS,
  SCHEDULERS,
  SEAMLESS_AXES,
  SIGMAS,
  VAE_TILINGS,
} from "./names";

export const MAX_SEED = Number.MAX_SAFE_INTEGER;

/** Index into the loaded adapters. */
const ADAPTER = {
  type: "integer",
  minimum: 0,
  maximum: 7,
  default: 0,
  description: "index into the loaded adapters",
} as const satisfies Schema;

export const ImagePromptSchema = {
  type: "object",
  title: "image prompt",
  "x-shorthand": "image",
  additionalProperties: false,
  properties: {
    image: {
      "x-kind": "image",
      description: "picture: path, file URL, encoded bytes, or raw { data, width, height, channels }",
    },
    embeds: { "x-kind": "floats", description: "image embedding computed before, instead of image" },
    faceEmbeds: {
      "x-kind": "floats",
      description: "FaceID adapters: InsightFace embeddings, 512 floats per face, made outside this package",
    },
    structureScale: {
      type: "number",
      minimum: 0,
      maximum: 5,
      default: 1,
      description: "FaceID PlusV2: how much the structure of the face in image counts beside faceEmbeds",
    },
    scale: {
      "x-kind": "scale",
      minimum: -5,
      maximum: 5,
      default: 1,
      description:
        "factor of what the picture adds to each cross-attention layer: at 0 it adds nothing, about 0.6 weighs it like the prompt, below 0 leads away from it; a list has one for each of info.attentions, an object is by block",
    },
    preset: {
      type: "string",
      enum: SCALE_PRESETS,
      description: "which attentions count how much, in UNets of SD1.5's and SDXL's blocks",
      "x-default": "all alike",
    },
    start: {
      type: "number",
      minimum: 0,
      maximum: 1,
      default: 0,
      description: "share of the steps before which the picture does not count",
    },
    end: {
      type: "number",
      minimum: 0,
      maximum: 1,
      default: 1,
      description: "share of the steps after which the picture does not count",
    },
    curve: {
      type: "array",
      items: {
        type: "array",
        items: { type: "number", minimum: -5, maximum: 5 },
        minItems: 2,
        maxItems: 2,
        description: "[share, factor]",
      },
      maxItems: 64,
      description: "[share, factor] points that the strength follows over the steps",
      "x-default": "none",
    },
    mask: {
      "x-kind": "image",
      description: "a picture that is white where the image prompt counts in the picture to make, black where not",
    },
    maskMode: {
      type: "string",
      enum: MASK_MODES,
      default: "binary",
      description: "binary: as diffusers reads masks; soft: greys count in part",
    },
    imageMask: {
      "x-kind": "image",
      description: "a picture of image's size, white where it is to be seen, black where not",
    },
    fit: {
      type: "string",
      enum: IMAGE_FITS,
      default: "crop",
      description:
        "how image becomes a square: its middle, all of it with black beside it, all of it squashed, or tiles",
    },
    weight: {
      type: "number",
      minimum: -5,
      maximum: 5,
      default: 1,
      description: "of what the image encoder makes of the picture",
    },
    combine: {
      type: "string",
      enum: COMBINE_METHODS,
      default: "concat",
      description: "what becomes of pictures with the same settings: each its own tokens, or one picture of all",
    },
    kvScaling: {
      type: "string",
      enum: KV_SCALINGS,
      default: "v",
      description: "what scale multiplies: the result, or keys and values",
    },
    adapter: ADAPTER,
  },
} as const satisfies ObjectSchema;

/** A share of a call's steps. */
const SHARE = { type: "number", minimum: 0, maximum: 1 } as const satisfies Schema;

export const ControlUseSchema = {
  type: "object",
  title: "control of a call",
  additionalProperties: false,
  properties: {
    control: { ...ADAPTER, description: "index into the loaded controls" },
    image: { "x-kind": "image", description: "what it reads: edges, depth, a pose; resized to width x height" },
    mode: { type: "string", enum: CONTROL_MODES, description: "ControlNet-Union: the kind of picture it is" },
    faceKeypoints: {
      ...FACE_KEYPOINTS,
      description:
        "InstantID, instead of image: [x, y] of eyes, nose and corners of the mouth, in pixels of the picture to make",
    },
    preprocess: {
      ...ControlPreprocessSchema,
      description:
        "what image is made into before: canny, invert, blur, tile, scribble, grey; or inpaint, without image",
      "x-default": "none",
    },
    scale: { type: "number", minimum: -5, maximum: 5, default: 1, description: "strength; 0 leaves it out" },
    start: { ...SHARE, default: 0, description: "share of the steps at which it begins to count" },
    end: { ...SHARE, default: 1, description: "share of the steps at which it ends to count" },
    guess: {
      type: "boolean",
      default: false,
      description: "diffusers' guess mode: for the prompt's half alone, and the finest layers a tenth as strong",
    },
  },
} as const satisfies ObjectSchema;

export const NegativeImageSchema = {
  type: "object",
  title: "negative image prompt",
  "x-shorthand": "image",
  additionalProperties: false,
  properties: {
    image: { "x-kind": "image", description: "picture to lead away from, or that noise is made of" },
    embeds: { "x-kind": "floats", description: "image embedding computed before, instead of image" },
    kind: {
      type: "string",
      enum: NEGATIVE_KINDS,
      description: "noise made of image, a black picture, or nothing at all",
      "x-default": "image itself",
    },
    strength: { type: "number", minimum: 0, maximum: 1, default: 1, description: "of the noise" },
    weight: {
      type: "number",
      minimum: -5,
      maximum: 5,
      default: 1,
      description: "of what the image encoder makes of it",
    },
    adapter: ADAPTER,
  },
} as const satisfies ObjectSchema;

export const PromptEmbedsSchema = {
  type: "object",
  title: "prompt embeds",
  additionalProperties: false,
  required: ["prompt"],
  properties: {
    prompt: { "x-kind": "floats", description: "text features, [77 * chunks, info.textSize]" },
    negative: {
      "x-kind": "floats",
      description: "the same of the negative prompt",
      "x-default": "those of negativePrompt",
    },
    pooled: { "x-kind": "floats", description: "SDXL: the second encoder's projected embedding, [info.pooledSize]" },
    negativePooled: { "x-kind": "floats", description: "SDXL: the same of the negative prompt" },
  },
} as const satisfies ObjectSchema;

export const RegionSchema = {
  type: "object",
  title: "region",
  additionalProperties: false,
  required: ["mask"],
  properties: {
    mask: { "x-kind": "image", description: "a picture that is white where the region is, black elsewhere" },
    prompt: { type: "string", maxLength: 16384, default: "", description: "what the region shows" },
    promptEmbeds: { ...PromptEmbedsSchema, description: "text features in place of prompt" },
    negativePrompt: {
      type: "string",
      maxLength: 16384,
      description: "what it must not show",
      "x-default": "that of the call",
    },
    imagePrompts: {
      type: "array",
      items: ImagePromptSchema,
      maxItems: 64,
      default: [],
      description: "pictures that the region takes after",
    },
    scale: { type: "number", minimum: 0, maximum: 1, default: 1, description: "how much of its place is the region's" },
  },
} as const satisfies ObjectSchema;

export const PreviewSchema = {
  type: "object",
  title: "preview",
  additionalProperties: false,
  required: ["every"],
  properties: {
    every: { type: "integer", minimum: 1, maximum: 1000, description: "decode a preview every so many steps" },
    decoder: {
      type: "string",
      enum: PREVIEW_DECODERS,
      default: "vae",
      description: "vae: the picture in full size; linear: one pixel per latent, at next to no cost",
    },
  },
} as const satisfies ObjectSchema;

export const FeatureCacheSchema = {
  type: "object",
  title: "featureCache",
  additionalProperties: false,
  required: ["every"],
  properties: {
    every: { type: "integer", minimum: 2, maximum: 10, description: "run the whole UNet every so many steps" },
    depth: {
      type: "integer",
      minimum: 1,
      maximum: 64,
      default: 1,
      description: "skip connections, from the outermost, computed in every step",
    },
  },
} as const satisfies ObjectSchema;

export const VariationSchema = {
  type: "object",
  title: "variation",
  additionalProperties: false,
  required: ["seed", "strength"],
  properties: {
    seed: { type: "integer", minimum: 0, maximum: MAX_SEED, description: "seed of the noise to turn towards" },
    strength: {
      type: "number",
      minimum: 0,
      maximum: 1,
      description: "how far: 0 is the picture of `seed`, 1 that of this seed",
    },
  },
} as const satisfies ObjectSchema;

export const HiresSchema = {
  type: "object",
  title: "hires",
  additionalProperties: false,
  required: ["scale"],
  properties: {
    scale: {
      type: "number",
      minimum: 1,
      maximum: 4,
      description: "how many times as wide and high the second pass is",
    },
    strength: {
      type: "number",
      minimum: 0,
      maximum: 1,
      default: 0.5,
      description: "how much the second pass changes",
    },
  },
} as const satisfies ObjectSchema;

export const AttentionMapsSchema = {
  type: "object",
  title: "attentionMaps",
  additionalProperties: false,
  properties: {
    layers: {
      "x-kind": "layers",
      description:
        "which attentions: all, or a list of indices into info.attentions, names there, or blocks such as up.block_1, mid, down",
      "x-default": '`"all"`',
    },
  },
} as const satisfies ObjectSchema;

/** Pixels beyond a side of the picture. */
const MARGIN = {
  type: "integer",
  minimum: 0,
  maximum: MOST_SIDE,
  default: 0,
  description: "pixels",
} as const satisfies Schema;

export const OutpaintSchema = {
  type: "object",
  title: "outpaint",
  additionalProperties: false,
  properties: { left: MARGIN, top: MARGIN, right: MARGIN, bottom: MARGIN },
} as const satisfies ObjectSchema;

const CLIP_SKIP = {
  type: "integer",
  minimum: 0,
  maximum: 64,
  default: 0,
  description:
    "layers of the text encoders left out for the prompt (diffusers' clip_skip; one less than AUTOMATIC1111's)",
} as const satisfies Schema;

/** A pair of pixels, each `minimum` or more. */
const pixelPair = <Minimum extends number>(minimum: Minimum) =>
  ({ type: "array", items: { type: "integer", minimum, maximum: 65536 }, minItems: 2, maxItems: 2 }) as const;

/** Pixels of a picture's side. */
const SIDE = {
  type: "integer",
  minimum: 16,
  maximum: MOST_SIDE,
  description: "pixels",
  "x-default": "that of `image`, else the model's own",
} as const satisfies Schema;

/** What a call's memory depends on: all options but the ways to watch and to stop it. */
const ESTIMATED = {
  prompt: {
    type: "string",
    maxLength: 16384,
    default: "",
    description: "what the picture shows; (word:1.3), [word] and BREAK as usual",
  },
  negativePrompt: {
    type: "string",
    maxLength: 16384,
    description: "what the picture must not show",
    "x-default": '`""`; SDXL: none',
  },
  promptSyntax: {
    type: "string",
    enum: ["weighted", "plain"],
    default: "weighted",
    description: "weighted: brackets and BREAK have a meaning; plain: they are text",
  },
  promptEmbeds: {
    ...PromptEmbedsSchema,
    description: "text features in place of prompt and negativePrompt, as encodePrompt() makes them",
    "x-default": "none",
  },
  clipSkip: CLIP_SKIP,
  originalSize: {
    ...pixelPair(1),
    description: "SDXL: [width, height] of the photograph it is told to have come from",
    "x-default": "the picture's own",
  },
  targetSize: {
    ...pixelPair(1),
    description: "SDXL: [width, height] it is told to be for",
    "x-default": "the picture's own",
  },
  cropOffset: {
    ...pixelPair(0),
    description: "SDXL: [left, top] it is told to be cropped at",
    "x-default": "`[0, 0]`",
  },
  aestheticScore: {
    type: "number",
    minimum: 0,
    maximum: 10,
    default: 6,
    description: "SDXL refiner: the score it is told to have",
  },
  negativeAestheticScore: {
    type: "number",
    minimum: 0,
    maximum: 10,
    default: 2.5,
    description: "SDXL refiner: the score it is told not to have",
  },
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
} as const satisfies Record<string, Schema>;

export const EstimateSchema = {
  type: "object",
  title: "estimateMemory options",
  additionalProperties: false,
  properties: ESTIMATED,
} as const satisfies ObjectSchema;

export const GenerateSchema = {
  type: "object",
  title: "generate options",
  additionalProperties: false,
  properties: {
    ...ESTIMATED,
    onStep: {
      "x-kind": "function",
      description: "called with the latents after every step; it may return others in their place, or a promise",
    },
    metadata: {
      type: "boolean",
      default: true,
      description: "write the settings into the picture files, for inspect(), readMetadata() and other programs",
      "x-help": "write the settings into the picture files, for inspect, --from and other programs",
    },
    signal: SIGNAL,
    onProgress: { "x-kind": "function", description: "called after every step" },
  },
} as const satisfies ObjectSchema;

export const BatchSchema = {
  type: "object",
  title: "generateBatch options",
  additionalProperties: false,
  properties: {
    signal: SIGNAL,
    onProgress: { "x-kind": "function", description: "called after every step" },
  },
} as const satisfies ObjectSchema;

export const EncodePromptSchema = {
  type: "object",
  title: "encodePrompt options",
  additionalProperties: false,
  properties: {
    negativePrompt: ESTIMATED.negativePrompt,
    promptSyntax: ESTIMATED.promptSyntax,
    clipSkip: CLIP_SKIP,
    signal: SIGNAL,
  },
} as const satisfies ObjectSchema;

export const EncodeTextSchema = {
  type: "object",
  title: "encodeText options",
  additionalProperties: false,
  properties: { signal: SIGNAL },
} as const satisfies ObjectSchema;

export const EncodeImageSchema = {
  type: "object",
  title: "encodeImage options",
  additionalProperties: false,
  properties: { adapter: ADAPTER, signal: SIGNAL },
} as const satisfies ObjectSchema;
