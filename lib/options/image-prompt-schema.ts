/** Image prompts, and negative ones. */
import type { ObjectSchema, Schema } from "./json-schema";
import {
  COMBINE_ALIASES,
  COMBINE_METHODS,
  IMAGE_FITS,
  KV_SCALINGS,
  MASK_MODES,
  NEGATIVE_KINDS,
  SCALE_PRESETS,
} from "./names";

/** Index into the loaded adapters. */
export const ADAPTER = {
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
      "x-aliases": COMBINE_ALIASES,
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
