/** What a plugin for NVIDIA GPUs finds on this machine. */
export interface NativeCudaProbe {
  /** whether one of the devices can be used; where not, `code` and `message` say why, and what to do about it */
  ok: boolean;
  /** `ERR_IPA_…` */
  code?: string;
  message?: string;
  /** the newest CUDA that the driver runs, such as "13.0"; absent without a driver */
  driver?: string;
  /** by index: "cuda:0" is the first. None where driver or plugin do not work. */
  devices: NativeCudaDevice[];
}

export interface NativeCudaDevice {
  name: string;
  /** its compute capability */
  major: number;
  minor: number;
  memoryBytes: number;
  /** why it cannot be used; absent where it can */
  problem?: string;
}

/** One op of a GPU beside the CPU's, of one size, in one type. */
export interface NativeCheckLine {
  op: string;
  size: string;
  /** what it multiplies in and keeps activations in; int8: weights of 8 bits, with activations in f16 */
  type: "f32" | "f16" | "bf16" | "int8";
  ok: boolean;
  /** what is wrong; absent where it is ok */
  problem?: string;
  /** the largest, over the largest number that is right; Infinity where there are numbers that are none */
  difference: number;
  allowed: number;
  /** median, by the GPU's clock; 0: not timed */
  seconds: number;
  /** operations of products a second; 0: it is not about these */
  flops: number;
  /** bytes a second that it reads and writes, where that is its work; 0: it is not */
  bytes: number;
  /** share of what the GPU could do; 0: not known */
  ofPeak: number;
}

/** What came of checking a GPU. */
export interface NativeGpuCheck {
  name: string;
  /** its compute capability */
  major: number;
  minor: number;
  multiprocessors: number;
  memoryBytes: number;
  /** the newest CUDA that the driver runs */
  driver: string;
  /** operations a second of products in 16 bits with sums in f32, by NVIDIA's data sheet; 0: not known */
  peak: number;
  /** bytes a second that a copy within its memory reads and writes, measured */
  bandwidth: number;
  checks: number;
  failed: number;
  /** the failure after which nothing more could be checked */
  stopped?: string;
}
