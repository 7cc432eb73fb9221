/** What a call is told in words, and what the model is told of the picture. */
import type { Schema } from "./json-schema";
import { PromptEmbedsSchema } from "./guide-schema";

export const CLIP_SKIP = {
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

/** In the order of the tables and of `--help`. */
export const PROMPT_OPTIONS = {
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
} as const satisfies Record<string, Schema>;
