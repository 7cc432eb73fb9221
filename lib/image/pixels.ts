/** Decoded pictures, and the size that the engine needs of them. */

import type { PreprocessName } from "../options/names";

/** Pixels as a decoder gives them, rows from the top, a byte per channel; of CMYK 0 is no ink. */
export interface NativePixels {
  data: Uint8Array;
  width: number;
  height: number;
  layout: "grey" | "grey_alpha" | "rgb" | "rgba" | "cmyk";
}

/** A preprocessor. Numbers that are left out have the engine's defaults, which are those of the schema. */
export interface NativePreprocess {
  name: PreprocessName;
  /** canny */
  low?: number | undefined;
  high?: number | undefined;
  /** blur */
  sigma?: number | undefined;
  /** tile */
  factor?: number | undefined;
  /** scribble */
  threshold?: number | undefined;
}

/**
 * For an image encoder of `size` x `size` pixels, by CLIP's resize and crop or with all of the picture; or by Lanczos, and then perhaps
 * through a preprocessor. `onWhite`: what is transparent lies on white; else alpha is dropped.
 */
export type NativeFit =
  | { size: number; how?: "crop" | "pad" | "squash" }
  | { width: number; height: number; onWhite?: boolean; preprocess?: NativePreprocess };
