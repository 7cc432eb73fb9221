import type { TextsOf } from "./image/encode";
import { Picture } from "./image/picture";

/** A finished picture. */
export class GeneratedImage extends Picture {
  /** the seed that gives this picture again, alone */
  readonly seed: number;

  /** @param texts what its files carry of how it was made */
  constructor(data: Uint8Array, width: number, height: number, seed: number, texts?: TextsOf) {
    super(data, width, height, texts);
    this.seed = seed;
  }
}
