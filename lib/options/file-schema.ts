/** The options of calls about files: embeddings, inspect(), pull(), convert(), pictures. */
import { HUB, SIGNAL } from "./common-schema";
import type { ObjectSchema, Schema } from "./json-schema";
import { COMBINE_ALIASES, COMBINE_METHODS, CONVERT_TYPES } from "./names";

export const CombineSchema = {
  type: "object",
  title: "combineEmbeds arguments",
  additionalProperties: false,
  required: ["how", "weights"],
  properties: {
    how: {
      type: "string",
      enum: COMBINE_METHODS,
      "x-aliases": COMBINE_ALIASES,
      description: "how the embeddings are combined",
    },
    weights: {
      type: "array",
      items: { type: "number", minimum: -100, maximum: 100 },
      maxItems: 4096,
      description: "one for each picture",
    },
  },
} as const satisfies ObjectSchema;

export const LoadEmbedsSchema = {
  type: "object",
  title: "loadEmbeds options",
  additionalProperties: false,
  properties: {
    adapter: {
      type: "integer",
      minimum: 0,
      maximum: 7,
      default: 0,
      description: "which of them, in a file with embeddings for several adapters",
    },
    signal: SIGNAL,
  },
} as const satisfies ObjectSchema;

export const InspectSchema = {
  type: "object",
  title: "inspect options",
  additionalProperties: false,
  properties: { ...HUB, signal: SIGNAL },
} as const satisfies ObjectSchema;

export const ReadMetadataSchema = {
  type: "object",
  title: "readMetadata options",
  additionalProperties: false,
  properties: {
    verify: {
      type: "boolean",
      default: false,
      description: "check that the files that the settings name are there and have not changed",
    },
    signal: SIGNAL,
  },
} as const satisfies ObjectSchema;

const GLOBS = {
  type: "array",
  items: { type: "string", maxLength: 1024 },
  maxItems: 256,
} as const satisfies Schema;

export const PullSchema = {
  type: "object",
  title: "pull options",
  additionalProperties: false,
  properties: {
    revision: { type: "string", maxLength: 256, default: "main", description: "branch, tag or commit" },
    include: {
      ...GLOBS,
      description: "patterns of the files to fetch, such as `unet/*`",
      "x-default": "what the engine reads",
    },
    exclude: { ...GLOBS, description: "patterns of files not to fetch", "x-default": "none" },
    ...HUB,
    signal: SIGNAL,
  },
} as const satisfies ObjectSchema;

export const ConvertSchema = {
  type: "object",
  title: "convert options",
  additionalProperties: false,
  required: ["type"],
  properties: {
    type: {
      type: "string",
      enum: CONVERT_TYPES,
      description: "type of the weights written; the quantised ones in .gguf files only",
    },
    overwrite: { type: "boolean", default: false, description: "replace a file that exists" },
    signal: SIGNAL,
    onProgress: { "x-kind": "function", description: "called after every tensor" },
  },
} as const satisfies ObjectSchema;

export const EncodeOptionsSchema = {
  type: "object",
  title: "image options",
  additionalProperties: false,
  properties: {
    quality: { type: "integer", minimum: 1, maximum: 100, default: 92, description: "JPEG and WebP" },
    lossless: { type: "boolean", description: "WebP without loss" },
    compressionLevel: {
      type: "integer",
      minimum: 0,
      maximum: 9,
      default: 6,
      description: "PNG: 0 fast, 9 small",
    },
  },
} as const satisfies ObjectSchema;
