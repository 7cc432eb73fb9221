/** Options of a call that are objects of a few numbers. */
import { MOST_SIDE } from "../image/limits";
import type { ObjectSchema, Schema } from "./json-schema";
import { PREVIEW_DECODERS } from "./names";

export const MAX_SEED = Number.MAX_SAFE_INTEGER;

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
