/** What users pass as a picture, and the snapshot taken of it when a call starts. */
import { types } from "node:util";

import { ImageError, OptionError } from "../errors";
import type { NativePixels } from "./pixels";
import { describe } from "../options/describe";
import { hrefOf, readPath, urlPath } from "../options/path";
import { bytesOf } from "../options/read-memory";
import { isList, readGuarded } from "../options/read-property";
import { isDataUrl, readDataUrl, refuseBareBase64 } from "./data-url";
import { type BlobLike, type LateBytes, type NodeStreamLike, type WebStreamLike, lateBytes } from "./late-bytes";
import type { CallPictures } from "./rules";

/** Pixels without a file format: rows from the top, `channels` bytes per pixel, no padding. */
export interface RawImage {
  /** width * height * channels bytes */
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  /** 1 grey, 2 grey with alpha, 3 RGB, 4 RGBA; default: what the length of `data` says */
  channels?: 1 | 2 | 3 | 4 | undefined;
}

/** What sharp's `toBuffer({ resolveWithObject: true })` gives: raw pixels of 8 bits, or an encoded picture. */
export interface SharpOutput {
  data: Uint8Array | Uint8ClampedArray;
  info: { format: string; width: number; height: number; channels: 1 | 2 | 3 | 4 };
}

/**
 * A path, a file: URL object, a data: URL, the bytes of an image file, raw pixels, what sharp gives, a Blob or File, or a stream of
 * the bytes. Arrays are copied when the call starts; Blobs and streams are read after it has returned its promise, a stream once.
 */
export type ImageInput =
  | string
  | URL
  | Uint8Array
  | Uint8ClampedArray
  | ArrayBuffer
  | RawImage
  | SharpOutput
  | BlobLike
  | WebStreamLike
  | NodeStreamLike;

/** Pixels for the engine: RGB, 8 bit, width * height * 3 bytes. */
export interface RgbImage {
  rgb: Uint8Array;
  width: number;
  height: number;
}

/** The input as it is taken when a call starts. */
export type PictureSource = { path: string } | { bytes: Uint8Array } | { late: LateBytes } | NativePixels;

/** @param pictures of the call */
export function readSource(input: unknown, option: string, pictures: CallPictures): PictureSource {
  if (types.isUint8Array(input) || types.isUint8ClampedArray(input) || types.isAnyArrayBuffer(input))
    return { bytes: copyBytes(bytesOf(input), option, pictures) };
  const href = hrefOf(input, option);
  const text = href ?? input;
  if (typeof text === "string" && isDataUrl(text)) return fromDataUrl(text, option, pictures);
  if (typeof input === "string") refuseBareBase64(input, option);
  if (typeof text === "string") pictures.checkPath(option);
  if (typeof text === "string") return { path: href === undefined ? readPath(text, option) : urlPath(text, option) };
  if (typeof input === "object" && input !== null && !isList(input, option) && !ArrayBuffer.isView(input)) {
    const late = lateBytes(input, option);
    if (late !== undefined) return { late };
    const { data, info, ...raw } = readFields(input, ["data", "info", "width", "height", "channels"], option);
    if (data !== undefined)
      return info === undefined
        ? rawPixels({ data, ...raw }, option, pictures)
        : sharpOutput(data, info, option, pictures);
  }
  throw new OptionError(
    option,
    `expected a path, a file: or data: URL, encoded bytes (Uint8Array), a Blob, a stream, or { data, width, height, channels } but received ${describe(input)}${hint(input, option)}`,
  );
}

function fromDataUrl(url: string, option: string, pictures: CallPictures): PictureSource {
  const bytes = readDataUrl(url, option);
  pictures.countBytes(bytes.length, option);
  return { bytes };
}

function hint(input: unknown, option: string): string {
  if (types.isPromise(input) || typeof input !== "object" || input === null) return "";
  return readGuarded(() => Object.prototype.toString.call(input), option) === "[object Response]"
    ? ": pass await response.blob()"
    : "";
}

/** Pixels, or an encoded picture: sharp says which. */
function sharpOutput(data: unknown, info: unknown, option: string, pictures: CallPictures): PictureSource {
  if (typeof info !== "object" || info === null)
    throw new OptionError(`${option}.info`, `expected what sharp gives beside data but received ${describe(info)}`);
  const { format, width, height, channels } = readFields(
    info,
    ["format", "width", "height", "channels"],
    `${option}.info`,
  );
  if (format !== "raw" && types.isUint8Array(data)) return { bytes: copyBytes(bytesOf(data), option, pictures) };
  return rawPixels({ data, width, height, channels }, option, pictures);
}

function copyBytes(bytes: Uint8Array, option: string, pictures: CallPictures): Uint8Array {
  const { length } = bytes;
  if (length === 0)
    throw new ImageError("ERR_IPA_IMAGE_FORMAT", `${option}: no bytes (an empty or transferred buffer)`);
  pictures.countBytes(length, option);
  return bytes.slice();
}

function rawPixels(
  { data: pixels, width, height, channels: given }: Record<"data" | "width" | "height" | "channels", unknown>,
  option: string,
  pictures: CallPictures,
): NativePixels {
  if (!types.isUint8Array(pixels) && !types.isUint8ClampedArray(pixels)) {
    throw new OptionError(`${option}.data`, `expected a Uint8Array of pixels but received ${describe(pixels)}`);
  }
  const data = bytesOf(pixels);
  const [w, h] = [readSide(width, `${option}.width`), readSide(height, `${option}.height`)];
  pictures.count(w, h, option);
  const channels = given ?? data.length / (w * h);
  if (channels !== 1 && channels !== 2 && channels !== 3 && channels !== 4) {
    if (given === undefined) {
      throw new OptionError(
        `${option}.data`,
        `expected ${w * h * 3} bytes (${w}x${h} RGB; times 1 to 4 channels) but received ${data.length}`,
      );
    }
    throw new OptionError(
      `${option}.channels`,
      `expected 1 (grey), 2 (grey and alpha), 3 (RGB) or 4 (RGBA) but received ${describe(given)}`,
    );
  }
  if (data.length !== w * h * channels) {
    throw new OptionError(
      `${option}.data`,
      `expected ${w * h * channels} bytes (${w}x${h}, ${channels} channels) but received ${data.length}`,
    );
  }
  return { data: new Uint8Array(data), width: w, height: h, layout: layoutOf(channels) };
}

/** Each read once. */
function readFields<T extends string>(input: object, names: readonly T[], option: string): Record<T, unknown> {
  return readGuarded(
    () =>
      Object.fromEntries(names.map((name) => [name, (input as Record<string, unknown>)[name]])) as Record<T, unknown>,
    option,
  );
}

function readSide(value: unknown, option: string): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1) {
    throw new OptionError(option, `expected a positive integer but received ${describe(value)}`);
  }
  return value;
}

/** Of pixels with so many bytes. */
export function layoutOf(channels: number): NativePixels["layout"] {
  return channels === 1 ? "grey" : channels === 2 ? "grey_alpha" : channels === 4 ? "rgba" : "rgb";
}
