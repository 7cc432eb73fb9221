import { Picture } from "./image/picture";

/** A finished picture. */
export class GeneratedImage extends Picture {
  /** the seed that gives this picture again, alone */
  readonly seed: number;

  constructor(data: Uint8Array, width: number, height: number, seed: number) {
    super(data, width, height);
    this.seed = seed;
  }
}
