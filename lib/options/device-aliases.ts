/** Devices as other programs write them: the message says how ours are written. */
import { fold } from "./suggest";

/** A GPU's name, with a number behind it or none. */
const CUDA =
  /^(?:cuda|gpu|nvidia|nvidiagpu|geforce|rtx|cudnn|tensorrt|trt|cudaexecutionprovider|tensorrtexecutionprovider)?[:#]?(\d{0,3})$/;
const CPU = /^(?:cpu|cpu:\d+|host|none|off|wasm|x86|cpuexecutionprovider)$/;
const AUTO = /^(?:automatic|default|best|any|balanced|detect)$/;

/** What there is not, as it is called. */
const OTHERS: Record<string, string> = {
  mps: "Metal",
  metal: "Metal",
  coreml: "Core ML",
  ane: "Core ML",
  vulkan: "Vulkan",
  webgpu: "WebGPU",
  directml: "DirectML",
  dml: "DirectML",
  privateuseone: "DirectML",
  rocm: "ROCm",
  hip: "ROCm",
  amd: "ROCm",
  opencl: "OpenCL",
  sycl: "SYCL",
  xpu: "SYCL",
  intel: "SYCL",
  openvino: "OpenVINO",
  tpu: "TPU",
  xla: "TPU",
  npu: "NPU",
};

/** How a value that is no device is written here; undefined where nobody has it. */
export function deviceAlias(value: unknown): string | undefined {
  if (typeof value === "boolean") return `use "${value ? "cuda" : "cpu"}"`;
  if (typeof value === "number")
    return Number.isInteger(value) && value >= 0 && value < 1000 ? `use "cuda:${value}"` : undefined;
  if (typeof value !== "string" || value.length > 64) return undefined;
  const name = fold(value.trim());
  if (name === "" || AUTO.test(name)) return 'use "auto", or leave it out';
  if (CPU.test(name)) return 'use "cpu"';
  const [, index] = CUDA.exec(name) ?? [];
  if (index !== undefined) return `use "cuda${index === "" ? "" : `:${Number(index)}`}"`;
  const other = name.replace(/(?:executionprovider)?(?::\d+)?$/, "");
  return Object.hasOwn(OTHERS, other)
    ? `${OTHERS[other] ?? ""} is not there: use "cuda" with an NVIDIA GPU, else "cpu"`
    : undefined;
}

const SWITCHES: Record<string, string> = { cpu: "cpu", usecpu: "cpu", forcecpu: "cpu", nocuda: "cpu", nogpu: "cpu" };

/** `use_gpu: true`, `device_map: "cuda:0"` and `provider: "DirectML"` of others as `device`. */
export function deviceFix(value: unknown, key: string): string {
  const device = typeof value === "string" && /^(?:auto|cpu|cuda(?::\d+)?)$/.test(value) ? `use "${value}"` : undefined;
  const own = Object.hasOwn(SWITCHES, fold(key)) ? SWITCHES[fold(key)] : undefined;
  if (own !== undefined) return value === false ? "use device" : `use device: "${own}"`;
  const isSwitch = /cuda|gpu/.test(fold(key));
  const ours = device ?? deviceAlias(value) ?? (isSwitch ? 'use "cuda"' : undefined);
  return ours === undefined ? "use device" : ours.replace(/^use (?=")/, "use device: ");
}
