import { types } from "node:util";

import { bufferLength, typedLength } from "./read-memory";

/** A bigint of more digits is not spelt out, which takes long. */
const MOST_BIGINT = 10n ** 24n;
/** Characters of a value that a message quotes. */
const MOST_QUOTED = 80;

/** A text of any length in at most so many characters. */
export function shorten(text: string, most = MOST_QUOTED): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** A received value in a few words, for error messages. Never throws and never runs code of the value. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(shorten(value));
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint": {
      return value < MOST_BIGINT && value > -MOST_BIGINT ? `the bigint ${value}n` : "a bigint of more than 24 digits";
    }
    case "function":
      return "a function";
    case "symbol":
      return "a symbol";
    case "object":
      return value === null ? "null" : describeObject(value);
    default:
      return String(value);
  }
}

function describeObject(value: object): string {
  if (types.isProxy(value)) return "a proxy object";
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : `an array of ${value.length}`;
  if (types.isUint8Array(value)) return `a Uint8Array of ${typedLength(value)}`;
  if (types.isFloat32Array(value)) return `a Float32Array of ${typedLength(value)}`;
  if (types.isTypedArray(value)) return `a typed array of ${typedLength(value)}`;
  if (types.isAnyArrayBuffer(value)) return `an ArrayBuffer of ${bufferLength(value)} bytes`;
  if (types.isPromise(value)) return "a promise (is an await missing?)";
  if (types.isDate(value)) return "a Date";
  if (types.isRegExp(value)) return "a RegExp";
  if (types.isMap(value)) return "a Map";
  return "an object";
}
