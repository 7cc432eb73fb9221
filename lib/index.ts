/** Image prompts for Stable Diffusion inside Node.js: the public API. */
import "./node-version";

export { Pipeline, type PipelineInfo } from "./pipeline";
export { GeneratedImage } from "./generated-image";
export type { AdapterVariant, Decided, Prediction } from "./native/contract";
export { convert, type Conversion, type ConvertProgress } from "./convert";
export { ImageEmbeds } from "./embeds/image-embeds";
export { loadEmbeds, saveEmbeds } from "./embeds/file";
export { combineEmbeds } from "./embeds/combine";
export { inspect, type Inspection } from "./inspect";
export { pull } from "./hub/pull";
export { setThreads, systemInfo, type SystemInfo } from "./system";
export { DisposedError, HubError, ImageError, InstallError, IpAdapterError, OptionError, type ErrorCode } from "./errors";
export type { ImagePrompt } from "./image-prompt";
export type { ImageInput, RawImage } from "./image/input";
export type { EncodeOptions, OutputFormat } from "./image/encode";
export type { DownloadProgressEvent, ProgressEvent } from "./progress";
export type { CombineMethod, ConvertType, PreviewDecoder, SchedulerName, SigmasName } from "./options/schema";
export type {
  AdapterOptions,
  ChangeOptions,
  ConvertOptions,
  EncodeImageOptions,
  EstimateOptions,
  FeatureCacheOptions,
  GenerateOptions,
  GenerateResult,
  HubAccessOptions,
  InspectOptions,
  LoadEmbedsOptions,
  LoadOptions,
  LoraOptions,
  MemoryEstimate,
  PreviewOptions,
  PullOptions,
  PullResult,
} from "./types";
