import { types } from "node:util";

import { OptionError } from "../errors";
import { describe } from "./describe";

/** A finite copy of a typed array or of plain numbers. */
export function readFloats(value: unknown, option: string): Float32Array {
  if (!types.isFloat32Array(value) && !types.isFloat64Array(value) && !Array.isArray(value)) {
    throw new OptionError(option, `expected a Float32Array but received ${describe(value)}`);
  }
  const floats = new Float32Array(value.length);
  for (let i = 0; i < floats.length; i++) {
    const number: unknown = value[i];
    floats[i] = typeof number === "number" ? number : NaN;
    if (!Number.isFinite(floats[i])) throw new OptionError(`${option}[${i}]`, `expected a finite number but received ${describe(number)}`);
  }
  return floats;
}
