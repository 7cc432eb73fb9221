/** Maps as pictures: colours from dark blue for the least to red for the most. */
import { OptionError } from "../errors";
import { Picture } from "../image/picture";
import type { ObjectSchema, Schema } from "../options/json-schema";
import { type Steps, inSlices } from "../slices";
import { type Grid, resizedRows } from "./grid";

/** Colours at equal distances, with straight lines between. */
const COLOURS = [
  [16, 16, 92],
  [24, 92, 220],
  [32, 192, 196],
  [240, 224, 64],
  [216, 32, 24],
] as const;

export interface Colouring {
  /** what the first and the last colour stand for; what lies beyond has theirs */
  range: readonly [number, number];
  /** how much of the picture the colours cover, 0 to 1 */
  opacity: number;
}

/** @param under the picture below the colours, of its size */
export async function paint(
  grid: Grid,
  size: { width: number; height: number },
  colouring: Colouring,
  under?: Uint8Array,
): Promise<Picture> {
  const rgb = new Uint8Array(3 * size.width * size.height);
  await inSlices(paintRows(grid, size, colouring, { rgb, under }), undefined);
  return new Picture(rgb, size.width, size.height);
}

function* paintRows(
  grid: Grid,
  { width, height }: { width: number; height: number },
  { range: [low, high], opacity }: Colouring,
  { rgb, under }: { rgb: Uint8Array; under: Uint8Array | undefined },
): Steps {
  const span = COLOURS.length - 1;
  const factor = high > low ? span / (high - low) : 0;
  const cover = under === undefined ? 1 : opacity;
  let at = 0;
  for (const row of resizedRows(grid, width, height)) {
    for (const value of row) {
      const place = Math.min(Math.max((value - low) * factor, 0), span);
      const index = Math.min(Math.floor(place), span - 1);
      for (let c = 0; c < 3; c++, at++) {
        const [from, to] = [COLOURS[index]?.[c] ?? 0, COLOURS[index + 1]?.[c] ?? 0];
        const colour = from + (to - from) * (place - index);
        rgb[at] = Math.round(cover * colour + (1 - cover) * (under?.[at] ?? 0));
      }
    }
    yield;
  }
}

const RANGE = {
  type: "array",
  items: { type: "number", description: "a map's value" },
  minItems: 2,
  maxItems: 2,
  description: "[low, high], the values that the first and the last colour stand for",
} as const satisfies Schema;

export const HeatmapSchema = {
  type: "object",
  title: "heatmap options",
  additionalProperties: false,
  properties: { range: RANGE },
} as const satisfies ObjectSchema;

export const OverlaySchema = {
  type: "object",
  title: "overlay options",
  additionalProperties: false,
  properties: {
    range: RANGE,
    opacity: { type: "number", minimum: 0, maximum: 1, default: 0.6, description: "how much the colours cover" },
  },
} as const satisfies ObjectSchema;

/** @throws OptionError for a range that has no width */
export function checkRange([low = 0, high = 0]: readonly number[]): [number, number] {
  if (low >= high || !Number.isFinite(high - low))
    throw new OptionError("range", `expected the smaller value first but received [${low}, ${high}]`);
  return [low, high];
}
