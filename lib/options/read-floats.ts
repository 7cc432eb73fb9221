import { types } from "node:util";

import { OptionError } from "../errors";
import { describe } from "./describe";
import { copyFloats, typedLength } from "./read-memory";
import { isList, readProperty } from "./read-property";

/** 256 MiB of a typed array. */
const MOST_FLOATS = 2 ** 26;
/** Of a plain array, which is slower to read. */
const MOST_NUMBERS = 2 ** 22;

/** A finite copy of a typed array or of plain numbers. */
export function readFloats(value: unknown, option: string): Float32Array {
  if (types.isFloat32Array(value) || types.isFloat64Array(value)) {
    checkCount(typedLength(value), MOST_FLOATS, option);
    return checkFinite(copyFloats(value), option);
  }
  if (!isList(value, option)) throw new OptionError(option, `expected a Float32Array but received ${describe(value)}`);
  const length = readProperty(value, "length", option);
  const floats = new Float32Array(checkCount(length, MOST_NUMBERS, option));
  for (let i = 0; i < floats.length; i++) {
    const number = readProperty(value, i, `${option}[${i}]`);
    floats[i] = typeof number === "number" ? number : NaN;
    if (!Number.isFinite(floats[i])) throw notFinite(number, i, option);
  }
  return floats;
}

/** The same for a value that must be a Float32Array. */
export function readFloat32Array(value: unknown, option: string): Float32Array {
  if (!types.isFloat32Array(value)) throw new OptionError(option, `expected a Float32Array but received ${describe(value)}`);
  return readFloats(value, option);
}

function checkCount(count: unknown, most: number, option: string): number {
  if (typeof count !== "number" || !Number.isInteger(count) || count < 0) throw new OptionError(option, "expected a Float32Array but its length is no whole number: pass a plain one");
  if (count > most) throw new OptionError(option, `expected at most ${most} numbers${most === MOST_NUMBERS ? " in a plain array" : ""} but received ${count}: pass ${most === MOST_NUMBERS ? "a Float32Array" : "fewer"}`);
  return count;
}

function checkFinite(floats: Float32Array, option: string): Float32Array {
  const bad = floats.findIndex((number) => !Number.isFinite(number));
  if (bad >= 0) throw notFinite(floats[bad], bad, option);
  return floats;
}

function notFinite(number: unknown, index: number, option: string): OptionError {
  return new OptionError(`${option}[${index}]`, `expected a finite number but received ${describe(number)}`);
}
