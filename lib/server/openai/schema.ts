/** Bodies of OpenAI's image routes, with the extensions that other servers have too. What is not here is ignored. */
import { MAX_SEED } from "../../options/parts-schema";
import type { BodySchema } from "../http/body";
import type { Schema } from "../../options/json-schema";

/** Shares of the model's own number of steps, in percent. */
export const QUALITIES: Record<string, number> = {
  low: 50,
  medium: 80,
  standard: 100,
  auto: 100,
  high: 150,
  hd: 150,
  xhigh: 200,
  max: 200,
};

const COMMON = {
  model: { type: "string", maxLength: 200, description: "name of a model", "x-default": "the first one" },
  n: { type: "integer", minimum: 1, maximum: 64, default: 1, description: "pictures" },
  size: {
    type: "string",
    maxLength: 20,
    pattern: "^(auto|[1-9][0-9]{1,4}x[1-9][0-9]{1,4})$",
    "x-pattern": 'WIDTHxHEIGHT such as "512x512", or "auto",',
    description: "WIDTHxHEIGHT in pixels, or auto",
    "x-default": "auto",
  },
  seed: {
    type: "integer",
    minimum: 0,
    maximum: MAX_SEED,
    description: "extension: seed of the first picture",
    "x-default": "random",
  },
  num_inference_steps: {
    type: "integer",
    minimum: 1,
    maximum: 1000,
    description: "extension: steps",
    "x-default": "by quality",
  },
  guidance_scale: {
    type: "number",
    minimum: 0,
    maximum: 100,
    description: "extension: guidance",
    "x-default": "the model's own",
  },
  negative_prompt: { type: "string", maxLength: 16384, description: "extension: what the picture must not show" },
} as const satisfies Record<string, Schema>;

const FILES = {
  output_format: { type: "string", enum: ["png", "jpeg", "webp"], default: "png", description: "of the files" },
  output_compression: {
    type: "integer",
    minimum: 1,
    maximum: 100,
    default: 92,
    description: "quality of JPEG and WebP",
  },
  quality: { type: "string", enum: Object.keys(QUALITIES), default: "auto", description: "more is more steps" },
} as const satisfies Record<string, Schema>;

const STREAMED = {
  stream: { type: "boolean", default: false, description: "answer with server-sent events" },
  partial_images: { type: "integer", minimum: 0, maximum: 3, default: 0, description: "previews of each picture" },
} as const satisfies Record<string, Schema>;

const PROMPT = { type: "string", maxLength: 16384, description: "what the picture shows" } as const satisfies Schema;
const PICTURE = { "x-kind": "image" } as const satisfies Schema;

export const GenerationSchema = {
  type: "object",
  title: "image generation",
  "x-unknown": "ignored",
  additionalProperties: false,
  required: ["prompt"],
  properties: { prompt: PROMPT, ...COMMON, ...FILES, ...STREAMED },
} as const satisfies BodySchema;

export const EditSchema = {
  type: "object",
  title: "image edit",
  "x-unknown": "ignored",
  "x-form": true,
  "x-any-of": ["image", "images"],
  additionalProperties: false,
  properties: {
    images: {
      type: "array",
      items: PICTURE,
      minItems: 1,
      maxItems: 16,
      description: "the same as image, as OpenAI names it in JSON: [{ image_url }]",
    },
    image: {
      type: "array",
      items: PICTURE,
      minItems: 1,
      maxItems: 16,
      description: "pictures to take after (image prompts). With mask, the first is the picture to change",
    },
    mask: {
      ...PICTURE,
      description: "transparent, or without transparency white, where the first picture is repainted",
    },
    prompt: { ...PROMPT, default: "" },
    input_fidelity: {
      type: "string",
      enum: ["high", "low"],
      default: "high",
      description: "how much pictures count: 1, or 0.5",
    },
    ...COMMON,
    ...FILES,
    ...STREAMED,
  },
} as const satisfies BodySchema;

export const VariationSchema = {
  type: "object",
  title: "image variation",
  "x-unknown": "ignored",
  "x-form": true,
  additionalProperties: false,
  required: ["image"],
  properties: { image: { ...PICTURE, description: "the picture to take after" }, ...COMMON },
} as const satisfies BodySchema;
