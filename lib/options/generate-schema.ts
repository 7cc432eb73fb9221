/** The options of generate(), estimateMemory() and encodeImage(). */
import { SIGNAL } from "./common-schema";
import type { ObjectSchema } from "./json-schema";
import { ESTIMATED } from "./estimate-schema";
import { ADAPTER } from "./image-prompt-schema";
import { LoraSchema } from "./load-schema";
import { CLIP_SKIP } from "./prompt-schema";

const LORAS_OF_CALL =
  "LoRAs of this call, in place of the pipeline's; calls with the same ones run together, and a change of them waits its turn";

export const GenerateSchema = {
  type: "object",
  title: "generate options",
  additionalProperties: false,
  properties: {
    ...ESTIMATED,
    loras: {
      type: "array",
      items: LoraSchema,
      maxItems: 16,
      "x-default": "the pipeline's",
      description: LORAS_OF_CALL,
    },
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
