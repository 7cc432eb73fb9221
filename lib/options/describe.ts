import { types } from "node:util";

/** A received value in a few words, for error messages. Never throws and never runs code of the value. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}…` : value);
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint": {
      const digits = String(value);
      return `the bigint ${digits.length > 24 ? `${digits.slice(0, 24)}…` : digits}n`;
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
  if (types.isUint8Array(value)) return `a Uint8Array of ${value.length}`;
  if (types.isFloat32Array(value)) return `a Float32Array of ${value.length}`;
  if (types.isTypedArray(value)) return `a typed array of ${value.length}`;
  if (types.isAnyArrayBuffer(value)) return `an ArrayBuffer of ${value.byteLength} bytes`;
  if (types.isPromise(value)) return "a promise (is an await missing?)";
  if (types.isDate(value)) return "a Date";
  if (types.isRegExp(value)) return "a RegExp";
  if (types.isMap(value)) return "a Map";
  return "an object";
}
