/** What users pass as a picture, and the snapshot taken of it when a call starts. */
import { types } from "node:util";

import { ImageError, OptionError, messageOf } from "../errors";
import { describe } from "../options/describe";
import { isUrl, readPath } from "../options/path";
import { IMAGE_LIMITS, checkSize } from "./limits";

/** Pixels without a file format: rows from the top, `channels` bytes a pixel, no padding. */
export interface RawImage {
  /** width * height * channels bytes */
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  /** 1 grey, 3 RGB, 4 RGBA (alpha is dropped); default: what the length of `data` says */
  channels?: 1 | 3 | 4 | undefined;
}

/** A path, a file: URL object, the bytes of an image file, or raw pixels. */
export type ImageInput = string | URL | Uint8Array | ArrayBuffer | RawImage;

/** Decoded pixels: RGB, 8 bit, width * height * 3 bytes. */
export interface RgbImage {
  rgb: Uint8Array;
  width: number;
  height: number;
}

/** The input as it was at the time of the call; later writes to the caller's arrays do not reach it. */
export type ImageSnapshot = { path: string } | { bytes: Uint8Array } | RgbImage;

export function snapshotImage(input: unknown, option: string): ImageSnapshot {
  if (typeof input === "string" || isUrl(input)) return { path: readPath(input, option) };
  if (types.isUint8Array(input) || types.isUint8ClampedArray(input)) {
    return { bytes: copyBytes(input.buffer, input.byteOffset, input.byteLength, option) };
  }
  if (types.isAnyArrayBuffer(input)) return { bytes: copyBytes(input, 0, input.byteLength, option) };
  if (typeof input === "object" && input !== null && !Array.isArray(input) && !ArrayBuffer.isView(input) && "data" in input) {
    return rawToRgb(input, option);
  }
  throw new OptionError(
    option,
    `expected a path, a file: URL, encoded bytes (Uint8Array) or { data, width, height, channels } but received ${describe(input)}`,
  );
}

function copyBytes(buffer: ArrayBufferLike, offset: number, length: number, option: string): Uint8Array {
  if (length === 0) throw new ImageError("ERR_IPA_IMAGE_FORMAT", `${option}: no bytes (an empty or transferred buffer)`);
  if (length > IMAGE_LIMITS.encodedBytes) {
    throw new ImageError("ERR_IPA_IMAGE_LIMIT", `${option}: ${length} encoded bytes, at most ${IMAGE_LIMITS.encodedBytes} are read: make the picture smaller`);
  }
  return new Uint8Array(buffer, offset, length).slice();
}

function rawToRgb(input: object, option: string): RgbImage {
  const { data, width, height, channels: given } = readRaw(input, option);
  if (!types.isUint8Array(data) && !types.isUint8ClampedArray(data)) {
    throw new OptionError(`${option}.data`, `expected a Uint8Array of pixels but received ${describe(data)}`);
  }
  const [w, h] = [readSide(width, `${option}.width`), readSide(height, `${option}.height`)];
  checkSize(w, h, option);
  const channels = given ?? data.length / (w * h);
  if (channels !== 1 && channels !== 3 && channels !== 4) {
    if (given === undefined) {
      throw new OptionError(`${option}.data`, `expected ${w * h * 3} bytes (${w}x${h} RGB; times 1, 3 or 4 channels) but received ${data.length}`);
    }
    throw new OptionError(`${option}.channels`, `expected 1 (grey), 3 (RGB) or 4 (RGBA) but received ${describe(given)}`);
  }
  if (data.length !== w * h * channels) {
    throw new OptionError(`${option}.data`, `expected ${w * h * channels} bytes (${w}x${h}, ${channels} channels) but received ${data.length}`);
  }
  return { rgb: toRgb(data, channels), width: w, height: h };
}

function readRaw(input: object, option: string): Record<"data" | "width" | "height" | "channels", unknown> {
  try {
    const { data, width, height, channels } = input as Record<string, unknown>;
    return { data, width, height, channels };
  } catch (error) {
    throw new OptionError(option, `reading it threw an error (${messageOf(error)}): pass a plain object`, { cause: error });
  }
}

function readSide(value: unknown, option: string): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1) {
    throw new OptionError(option, `expected a positive integer but received ${describe(value)}`);
  }
  return value;
}

/** A copy as RGB; alpha is dropped without blending, as PIL's convert("RGB") does. */
export function toRgb(data: Uint8Array | Uint8ClampedArray, channels: 1 | 3 | 4): Uint8Array {
  if (channels === 3) return new Uint8Array(data);
  const pixels = data.length / channels;
  const rgb = new Uint8Array(pixels * 3);
  const [green, blue] = channels === 1 ? [0, 0] : [1, 2];
  for (let i = 0, from = 0, to = 0; i < pixels; i++, from += channels, to += 3) {
    rgb[to] = data[from] ?? 0;
    rgb[to + 1] = data[from + green] ?? 0;
    rgb[to + 2] = data[from + blue] ?? 0;
  }
  return rgb;
}
