/** The options of preprocess() and drawFaceKeypoints(). */
import { MOST_SIDE } from "../image/limits";
import { SIGNAL } from "./common-schema";
import type { ObjectSchema, Schema } from "./json-schema";
import type { PreprocessName } from "./names";

/** A preprocessor with nothing to set. */
const plain = (description: string) =>
  ({
    type: "object",
    title: "preprocessor options",
    description,
    additionalProperties: false,
    properties: {},
  }) as const;

const SLOPE = { type: "number", minimum: 0, maximum: 2040 } as const satisfies Schema;

/** One of these: a name alone stands for itself without numbers. */
export const PreprocessSchema = {
  type: "object",
  title: "preprocessors",
  "x-shorthand": "name",
  additionalProperties: false,
  properties: {
    canny: {
      type: "object",
      title: "canny options",
      description: "edges, white on black",
      additionalProperties: false,
      properties: {
        low: { ...SLOPE, default: 100, description: "slope at which an edge goes on" },
        high: { ...SLOPE, default: 200, description: "slope at which an edge begins" },
      },
    },
    invert: plain("white for black, and each colour for its opposite"),
    blur: {
      type: "object",
      title: "blur options",
      description: "Gaussian blur",
      additionalProperties: false,
      properties: {
        sigma: { type: "number", minimum: 0.1, maximum: 64, default: 9, description: "its width in pixels" },
      },
    },
    tile: {
      type: "object",
      title: "tile options",
      description: "made small, and large again: colours and layout without details",
      additionalProperties: false,
      properties: {
        factor: { type: "number", minimum: 1, maximum: 64, default: 4, description: "how many times smaller" },
      },
    },
    scribble: {
      type: "object",
      title: "scribble options",
      description: "dark lines of the picture, white on black",
      additionalProperties: false,
      properties: {
        threshold: {
          type: "number",
          minimum: 1,
          maximum: 510,
          default: 32,
          description: "twice the difference to what is around that makes a line",
        },
      },
    },
    grey: plain("grey in place of colours"),
  },
} as const satisfies ObjectSchema & { properties: Record<PreprocessName, ObjectSchema> };

/** Of a structure control's picture: one more is made of the call's own picture. */
export const ControlPreprocessSchema = {
  ...PreprocessSchema,
  properties: { ...PreprocessSchema.properties, inpaint: plain("the call's image, masked by its mask") },
} as const satisfies ObjectSchema;

/** Pixels of a side. */
const SIDE = { type: "integer", minimum: 1, maximum: MOST_SIDE } as const satisfies Schema;

export const PreprocessCallSchema = {
  type: "object",
  title: "preprocess options",
  additionalProperties: false,
  properties: {
    width: { ...SIDE, description: "pixels to resize to before", "x-default": "the picture's own" },
    height: { ...SIDE, description: "pixels to resize to before", "x-default": "the picture's own" },
    signal: SIGNAL,
  },
} as const satisfies ObjectSchema;

/** Of a face: left eye, right eye, nose, left and right corner of the mouth. */
export const FACE_KEYPOINTS = {
  type: "array",
  items: {
    type: "array",
    items: { type: "number", minimum: -65536, maximum: 65536 },
    minItems: 2,
    maxItems: 2,
    description: "[x, y]",
  },
  minItems: 5,
  maxItems: 5,
  description: "[x, y] of the eyes, the nose and the corners of the mouth, in pixels of the picture to make",
} as const satisfies Schema;

export const FaceKeypointsSchema = {
  type: "object",
  title: "drawFaceKeypoints options",
  additionalProperties: false,
  required: ["width", "height"],
  properties: {
    width: { ...SIDE, description: "pixels" },
    height: { ...SIDE, description: "pixels" },
    signal: SIGNAL,
  },
} as const satisfies ObjectSchema;
