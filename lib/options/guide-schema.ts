/** What guides a call beside its prompt and image prompts: controls, regions, text features. */
import type { ObjectSchema, Schema } from "./json-schema";
import { ControlPreprocessSchema, FACE_KEYPOINTS } from "./preprocess-schema";
import { CONTROL_MODES } from "./names";
import { ADAPTER, ImagePromptSchema } from "./image-prompt-schema";

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
