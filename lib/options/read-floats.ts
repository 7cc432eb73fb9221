import { types } from "node:util";

import { OptionError } from "../errors";
import { describe } from "./describe";
import { copyFloats, typedLength } from "./read-memory";
import { isList, readProperty, readingThrew } from "./read-property";

/** 256 MiB of a typed array. */
const MOST_FLOATS = 2 ** 26;
/** Of a plain array, which is slower to read. */
const MOST_NUMBERS = 2 ** 22;
/** Of a proxy of one, which runs code for each. */
const MOST_TRAPPED = 2 ** 20;

/**
 * A finite copy of a typed array or of plain numbers.
 * @param most numbers, checked before anything is copied
 */
export function readFloats(value: unknown, option: string, most = MOST_FLOATS): Float32Array {
  if (types.isFloat32Array(value) || types.isFloat64Array(value)) {
    checkCount(typedLength(value), most, option);
    return checkFinite(copyFloats(value), option);
  }
  if (!isList(value, option)) throw new OptionError(option, `expected a Float32Array but received ${describe(value)}`);
  const length = readProperty(value, "length", option);
  const floats = new Float32Array(
    checkCount(length, Math.min(most, types.isProxy(value) ? MOST_TRAPPED : MOST_NUMBERS), option),
  );
  fill(floats, value, option);
  return floats;
}

function fill(floats: Float32Array, value: readonly unknown[], option: string): void {
  let i = 0;
  let number: unknown;
  try {
    for (; i < floats.length; i++) {
      number = value[i];
      floats[i] = typeof number === "number" ? number : NaN;
      if (!Number.isFinite(floats[i])) break;
    }
  } catch (error) {
    throw readingThrew(error, `${option}[${i}]`);
  }
  if (i < floats.length) throw notFinite(number, i, option);
}

/** The same for a value that must be a Float32Array. */
export function readFloat32Array(value: unknown, option: string): Float32Array {
  if (!types.isFloat32Array(value))
    throw new OptionError(option, `expected a Float32Array but received ${describe(value)}`);
  return readFloats(value, option);
}

function checkCount(count: unknown, most: number, option: string): number {
  if (typeof count !== "number" || !Number.isInteger(count) || count < 0)
    throw new OptionError(option, "expected a Float32Array but its length is no whole number: pass a plain one");
  if (count > most) {
    const where = most === MOST_NUMBERS ? " in a plain array" : most === MOST_TRAPPED ? " in a proxy of an array" : "";
    throw new OptionError(
      option,
      `expected at most ${most} numbers${where} but received ${count}: pass ${where === "" ? "fewer" : "a Float32Array"}`,
    );
  }
  return count;
}

function checkFinite(floats: Float32Array, option: string): Float32Array {
  // A callback for each takes ten times as long.
  for (let i = 0; i < floats.length; i++) if (!Number.isFinite(floats[i])) throw notFinite(floats[i], i, option);
  return floats;
}

function notFinite(number: unknown, index: number, option: string): OptionError {
  return new OptionError(`${option}[${index}]`, `expected a finite number but received ${describe(number)}`);
}
