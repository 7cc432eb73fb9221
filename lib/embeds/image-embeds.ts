import { OptionError } from "../errors";
import { describe } from "../options/describe";
import { readFloats } from "../options/read-floats";
import { readList } from "../options/read-list";
import { typedLength } from "../options/read-memory";
import { isList } from "../options/read-property";

/** Most pictures whose embeddings may be together. */
export const MOST_PICTURES = 4096;

/** Embeddings as they are at this moment. */
export interface EmbedsSnapshot {
  data: Float32Array;
  shape: readonly number[];
}

/**
 * What an image encoder makes of pictures: floats and their shape. The shape (n, d) is a vector for each of n pictures, as base adapters
 * take them. The shape (n, t, d) is t hidden states for each picture, as the other adapters take them. There are at most 4096 pictures.
 */
export class ImageEmbeds extends Float32Array {
  /** [pictures, size] or [pictures, states, size]; it cannot be changed */
  declare readonly shape: readonly number[];
  /** what this package relies on, whatever the property says */
  readonly #shape: readonly number[];

  /** slice(), map() and the like give plain arrays, because the shape would not fit them. */
  static get [Symbol.species](): Float32ArrayConstructor {
    return Float32Array;
  }

  /**
   * @param data as many finite numbers as `shape` has; they are copied
   * @throws OptionError
   */
  constructor(data: Float32Array | readonly number[], shape: readonly number[]) {
    super(readFloats(data, "data"));
    this.#shape = Object.freeze(checkShape(shape, typedLength(this)));
    Object.defineProperty(this, "shape", { value: this.#shape, enumerable: true });
  }

  /**
   * @internal A copy, with its shape, of embeddings whose numbers are finite; undefined for anything else.
   * @param most numbers
   * @throws OptionError
   */
  static snapshot(value: unknown, option: string, most?: number): EmbedsSnapshot | undefined {
    if (typeof value !== "object" || value === null || !(#shape in value)) return undefined;
    const data = readFloats(value, option, most);
    if (data.length === sizeOf(value.#shape)) return { data, shape: value.#shape };
    throw new OptionError(
      option,
      `its shape is ${shapeText(value.#shape)} but it has ${data.length} numbers: its memory was transferred`,
    );
  }
}

function checkShape(value: unknown, length: number): number[] {
  const shape = isList(value, "shape") ? readList(value, "shape", { maximum: 16 }) : [];
  const sizes = shape.filter((size): size is number => Number.isSafeInteger(size) && (size as number) > 0);
  if (sizes.length !== shape.length || sizes.length < 2 || sizes.length > 3) {
    const received = shape.length > 0 ? shapeText(shape.map(describe)) : describe(value);
    throw new OptionError(
      "shape",
      `expected [pictures, size] or [pictures, states, size], integers of 1 or more, but received ${received}`,
    );
  }
  const floats = sizeOf(sizes);
  if (floats !== length)
    throw new OptionError(
      "shape",
      `${shapeText(sizes)} has ${floats} numbers but data has ${length}: use the shape that the encoder gave`,
    );
  if ((sizes[0] ?? 0) > MOST_PICTURES)
    throw new OptionError("shape", `expected at most ${MOST_PICTURES} pictures but received ${shapeText(sizes)}`);
  return sizes;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** A shape as Python writes it. */
export function shapeText(shape: readonly unknown[]): string {
  return `(${shape.join(", ")})`;
}

/** The floats of each picture, as views of the same memory. */
export function picturesOf({ data, shape }: EmbedsSnapshot): Float32Array[] {
  const count = shape[0] ?? 0;
  const size = data.length / count;
  return Array.from({ length: count }, (_, i) => data.subarray(i * size, (i + 1) * size));
}
