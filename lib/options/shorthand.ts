/** Values that stand for an object with one property. */
import { types } from "node:util";

import { isLate } from "../image/late-bytes";
import { hrefOf } from "./path";
import { readGuarded } from "./read-property";
import type { Shorthand } from "./json-schema";

/** The object that a shorthand stands for; anything else as it is. */
export function writeOut(shorthand: Shorthand | undefined, value: unknown, option: string): unknown {
  if (shorthand === undefined) return value;
  if (shorthand === "name") return typeof value === "string" ? { [value]: {} } : value;
  if (typeof value === "string" || hrefOf(value, option) !== undefined) return { [shorthand]: value };
  if (shorthand !== "image") return value;
  if (types.isFloat32Array(value)) return { embeds: value };
  return readGuarded(() => isPicture(value), option) ? { image: value } : value;
}

/** Bytes, a Blob, a stream, or pixels: no image prompt has `data`. */
function isPicture(value: unknown): boolean {
  if (types.isUint8Array(value) || types.isUint8ClampedArray(value) || types.isAnyArrayBuffer(value)) return true;
  if (typeof value !== "object" || value === null) return false;
  // A Response is no picture, but the error about it says how to get one.
  return "data" in value || isLate(value) || Object.prototype.toString.call(value) === "[object Response]";
}
