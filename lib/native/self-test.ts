/** What the engine finds of itself on this machine. */

/** Cases of one op, or of a kernel by itself, in one type of numbers, against references in double precision. */
export interface NativeSelfTestLine {
  /** such as `linear`, `conv2d (Winograd)` or, of a kernel by itself, `bf16.round_rows` */
  name: string;
  /** what is multiplied, such as `bf16`; "" where that is all one */
  type: string;
  /** kernels of the instruction set that ran */
  kernels: string[];
  cases: number;
  ok: boolean;
  /** of the case that is nearest to its limit, or furthest beyond */
  size: string;
  /** the largest, over the largest number that is right; Infinity where there are numbers that are none */
  error: number;
  limit: number;
  /** of the first case that fails, in words; absent where none does */
  problem?: string;
}

export interface NativeSelfTest {
  isa: string;
  cases: number;
  /** lines */
  failed: number;
  /** the kernels that explain what failed, as far as that can be told */
  suspects: string[];
  seconds: number;
}

/** How long a picture of a well-known model would take, with an image prompt and guidance, once the model is loaded. All times in seconds. */
export interface NativePictureTime {
  model: "sd15" | "sdxl";
  dtype: "f32" | "bf16";
  width: number;
  height: number;
  steps: number;
  /** of prompts and picture, once */
  encoders: number;
  step: number;
  decoder: number;
  whole: number;
}
