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
