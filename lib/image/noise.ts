/** Pictures of noise for the negative half: what an image prompt is told apart from. */
import type { NegativeKind } from "../options/names";

/** Tiles of a side that "shuffle" moves. */
const TILES = 8;

/** Numbers from 0 to below 1 that depend on the seed alone (mulberry32). */
function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Noise made of a square picture, by a seed that is the sum of its bytes, so that the same picture gives the same noise.
 * "fade" mixes it with even noise; "dissolve" puts even noise in the place of single pixels; "gaussian" adds normal noise of deviation
 * `strength`; "shuffle" moves its tiles about and turns them upside down.
 * @param rgb of a square
 * @param strength 0: the picture itself, 1: noise alone
 */
export function makeNoise(rgb: Uint8Array, kind: NegativeKind, strength: number): Uint8Array {
  const random = uniform(rgb.reduce((sum, value) => (sum + value) % 1_000_000_007, 0));
  if (kind === "shuffle") return shuffle(rgb, strength, random);
  const made = new Uint8Array(rgb.length);
  for (let i = 0; i < rgb.length; i += 3) {
    const replaced = kind === "dissolve" && random() < strength;
    for (let c = i; c < i + 3; c++) {
      const value = rgb[c] ?? 0;
      made[c] = clamp(
        kind === "fade"
          ? (1 - strength) * value + strength * 255 * random()
          : kind === "gaussian"
            ? value + 255 * strength * normal(random)
            : replaced
              ? 255 * random()
              : value,
      );
    }
  }
  return made;
}

const clamp = (value: number): number => Math.round(Math.min(255, Math.max(0, value)));

const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** The share `strength` of the tiles change places. */
function shuffle(rgb: Uint8Array, strength: number, random: () => number): Uint8Array {
  const side = Math.sqrt(rgb.length / 3);
  const edge = Math.floor(side / TILES);
  const moved = Array.from({ length: TILES * TILES }, (_, i) => i).filter(() => random() < strength);
  const order = [...moved];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
  }
  const made = Uint8Array.from(rgb);
  moved.forEach((to, i) => {
    const from = order[i] ?? to;
    for (let y = 0; y < edge; y++)
      for (let x = 0; x < edge; x++) {
        const at = pixelOf(to, x, y, edge, side);
        const source = pixelOf(from, edge - 1 - x, edge - 1 - y, edge, side);
        for (let c = 0; c < 3; c++) made[at + c] = rgb[source + c] ?? 0;
      }
  });
  return made;
}

const pixelOf = (tile: number, x: number, y: number, edge: number, side: number): number =>
  3 * ((Math.floor(tile / TILES) * edge + y) * side + (tile % TILES) * edge + x);
