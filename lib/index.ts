/** Image prompts for Stable Diffusion inside Node.js: the public API. */
export { Pipeline, type PipelineInfo } from "./pipeline";
export { GeneratedImage } from "./generated-image";
export { convert, type Conversion, type ConvertProgress } from "./convert";
export { inspect, type Inspection } from "./inspect";
export { setThreads, systemInfo, type SystemInfo } from "./system";
export { DisposedError, ImageError, InstallError, IpAdapterError, OptionError, type ErrorCode } from "./errors";
export type { ImagePrompt } from "./image-prompt";
export type { ImageInput, RawImage } from "./image/input";
export type { EncodeOptions, OutputFormat } from "./image/encode";
export type { ProgressEvent } from "./progress";
export type { ConvertType, PreviewDecoder, SchedulerName } from "./options/schema";
export type {
  ConvertOptions,
  EncodeImageOptions,
  EstimateOptions,
  FeatureCacheOptions,
  GenerateOptions,
  GenerateResult,
  InspectOptions,
  LoadOptions,
  MemoryEstimate,
  PreviewOptions,
} from "./types";
