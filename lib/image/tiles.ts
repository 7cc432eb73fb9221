/** Squares of a picture that is not square, each with its place in the picture to make. */
import type { NativePicture } from "../native/contract";
import type { NativePixels } from "./pixels";

/** In pixels of the picture that it is cut from. */
export interface PlacedTile {
  left: number;
  top: number;
  /** of a side */
  side: { width: number; height: number };
  of: { width: number; height: number };
}

const MOST_TILES = 4;

/**
 * As ComfyUI_IPAdapter_plus tiles references: a picture that is nearly square in quarters; others in squares along their longer side, at
 * most four, which overlap so that they reach from end to end.
 */
export function tilesOf(of: { width: number; height: number }): PlacedTile[] {
  const { width, height } = of;
  const ratio = width / height;
  if (ratio > 0.75 && ratio < 4 / 3 && width > 1 && height > 1) {
    const side = { width: Math.floor(width / 2), height: Math.floor(height / 2) };
    return [0, 1].flatMap((y) => [0, 1].map((x) => ({ left: x * side.width, top: y * side.height, side, of })));
  }
  const [long, short] = width > height ? [width, height] : [height, width];
  const count = Math.min(MOST_TILES, Math.ceil(long / short));
  const side = { width: short, height: short };
  return Array.from({ length: count }, (_, i) => {
    const at = count > 1 ? Math.round((i * (long - short)) / (count - 1)) : 0;
    return width > height ? { left: at, top: 0, side, of } : { left: 0, top: at, side, of };
  });
}

/** The pixels of one tile. */
export function cutTile(pixels: NativePixels, { left, top, side }: PlacedTile): NativePixels {
  const each = pixels.data.length / (pixels.width * pixels.height);
  const data = new Uint8Array(side.width * side.height * each);
  for (let y = 0; y < side.height; y++) {
    const from = ((top + y) * pixels.width + left) * each;
    data.set(pixels.data.subarray(from, from + side.width * each), y * side.width * each);
  }
  return { ...pixels, data, width: side.width, height: side.height };
}

/** White in the tile's place in a picture of that size, or what `rgb` has there; black elsewhere. */
export function maskOfTile(
  { left, top, side, of }: PlacedTile,
  { width, height }: { width: number; height: number },
  rgb?: Uint8Array,
): NativePicture {
  const edge = (at: number, from: number, to: number): number => Math.round((at * to) / from);
  const [x0, x1] = [edge(left, of.width, width), edge(left + side.width, of.width, width)];
  const [y0, y1] = [edge(top, of.height, height), edge(top + side.height, of.height, height)];
  const mask = new Uint8Array(3 * width * height);
  for (let y = y0; y < y1; y++) {
    const [from, to] = [3 * (y * width + x0), 3 * (y * width + x1)];
    if (rgb === undefined) mask.fill(255, from, to);
    else mask.set(rgb.subarray(from, to), from);
  }
  return { rgb: mask, width, height };
}
