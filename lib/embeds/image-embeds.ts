import { OptionError } from "../errors";
import { describe } from "../options/describe";
import { readFloats } from "../options/floats";

/**
 * What an image encoder makes of pictures: floats, and the shape they have. (n, d): a vector for each of n pictures, as base adapters
 * take them; (n, t, d): t hidden states for each, as the others do.
 */
export class ImageEmbeds extends Float32Array {
  /** [pictures, size] or [pictures, states, size] */
  readonly shape: readonly number[];

  /** slice(), map() and the like give plain arrays, which the shape would not fit. */
  static get [Symbol.species](): Float32ArrayConstructor {
    return Float32Array;
  }

  /**
   * @param data as many finite numbers as `shape` has; they are copied
   * @throws OptionError
   */
  constructor(data: Float32Array | readonly number[], shape: readonly number[]) {
    super(readFloats(data, "data"));
    this.shape = Object.freeze(checkShape(shape, this.length));
  }
}

function checkShape(value: unknown, length: number): number[] {
  const shape: unknown[] = Array.isArray(value) ? [...(value as unknown[])] : [];
  const sizes = shape.filter((size): size is number => Number.isSafeInteger(size) && (size as number) > 0);
  if (sizes.length !== shape.length || sizes.length < 2 || sizes.length > 3) {
    const received = shape.length > 0 ? shapeText(shape.map(describe)) : describe(value);
    throw new OptionError("shape", `expected [pictures, size] or [pictures, states, size], integers of 1 or more, but received ${received}`);
  }
  const floats = sizes.reduce((product, size) => product * size, 1);
  if (floats !== length) throw new OptionError("shape", `${shapeText(sizes)} has ${floats} numbers but data has ${length}: use the shape that the encoder gave`);
  return sizes;
}

/** As Python writes it. */
export function shapeText(shape: readonly unknown[]): string {
  return `(${shape.join(", ")})`;
}

/** The floats of each picture, in the same memory. */
export function picturesOf(embeds: Float32Array, shape: readonly number[]): Float32Array[] {
  const count = shape[0] ?? 0;
  const size = embeds.length / count;
  return Array.from({ length: count }, (_, i) => embeds.subarray(i * size, (i + 1) * size));
}
