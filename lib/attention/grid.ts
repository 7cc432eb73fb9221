/** Values in rows and columns, and the same in another size. */

export interface Grid {
  /** rows from the top, width * height values */
  data: Float32Array;
  width: number;
  height: number;
}

/** Of each target: the two source places, and how much the second counts. PyTorch's bilinear rule with align_corners false. */
function places(from: number, to: number): { low: Int32Array; high: Int32Array; share: Float32Array } {
  const [low, high, share] = [new Int32Array(to), new Int32Array(to), new Float32Array(to)];
  for (let i = 0; i < to; i++) {
    const at = Math.max(0, ((i + 0.5) * from) / to - 0.5);
    low[i] = Math.min(from - 1, Math.floor(at));
    high[i] = Math.min(from - 1, Math.floor(at) + 1);
    share[i] = at - Math.floor(at);
  }
  return { low, high, share };
}

/** Rows of a grid in another size, one after the other, so that long work may be cut. */
export function* resizedRows(
  { data, width, height }: Grid,
  toWidth: number,
  toHeight: number,
): Generator<Float32Array> {
  const [x, y] = [places(width, toWidth), places(height, toHeight)];
  const row = new Float32Array(toWidth);
  for (let j = 0; j < toHeight; j++) {
    const [above, below] = [(y.low[j] as number) * width, (y.high[j] as number) * width];
    const down = y.share[j] as number;
    for (let i = 0; i < toWidth; i++) {
      const [left, right, across] = [x.low[i] as number, x.high[i] as number, x.share[i] as number];
      const top = (data[above + left] as number) * (1 - across) + (data[above + right] as number) * across;
      const bottom = (data[below + left] as number) * (1 - across) + (data[below + right] as number) * across;
      row[i] = top * (1 - down) + bottom * down;
    }
    yield row;
  }
}

/** Each brought to the size of the largest by bilinear interpolation, and the mean of all; at least one. */
export function meanOf(grids: readonly Grid[]): Grid {
  const [width, height] = (["width", "height"] as const).map((side) =>
    Math.max(...grids.map((grid) => grid[side])),
  ) as [number, number];
  const data = new Float32Array(width * height);
  for (const grid of grids) {
    let at = 0;
    for (const row of resizedRows(grid, width, height)) {
      for (const value of row) data[at] = (data[at++] as number) + value / grids.length;
    }
  }
  return { data, width, height };
}
