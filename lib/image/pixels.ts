/** Decoded pictures, and the size that the engine needs of them. */

/** Pixels as a decoder gives them, rows from the top, a byte per channel; of CMYK 0 is no ink. */
export interface NativePixels {
  data: Uint8Array;
  width: number;
  height: number;
  layout: "grey" | "grey_alpha" | "rgb" | "rgba" | "cmyk";
}

/** For an image encoder of `size` x `size` pixels, by CLIP's resize and crop; or for the VAE, by Lanczos. */
export type NativeFit = { size: number } | { width: number; height: number };
