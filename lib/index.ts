/** Image prompts for Stable Diffusion inside Node.js: the public API. */
import "./node-version";

export { Pipeline } from "./pipeline";
export { EnginePool } from "./pool/engine-pool";
export type {
  ChildHealth,
  ChildState,
  ChildStats,
  EnginePoolOptions,
  PoolFailure,
  PoolHealth,
  PoolStats,
} from "./pool/types";
export type {
  AttentionLayerMap,
  AttentionMap,
  AttentionMaps,
  AttentionToken,
  HeatmapOptions,
  ImageAttention,
  OverlayOptions,
  RegionAttention,
  TextAttention,
} from "./attention/types";
export { BatchError } from "./batch";
export type { BatchOptions, BatchProgressEvent } from "./batch";
export { GeneratedImage } from "./generated-image";
export type { ControlPreprocessOptions, PreprocessOptions } from "./image/preprocessor";
export { Picture } from "./image/picture";
export type {
  AdapterInfo,
  AdapterVariant,
  ControlInfo,
  Conversion,
  ConvertProgress,
  Decided,
  EmbeddingInfo,
  IgnoredTensors,
  IgnoredTensorsOfFile,
  ModelDefaults,
  ModelOption,
  PipelineInfo,
  PipelineStats,
  Prediction,
  SystemInfo,
  TextEncoderInfo,
} from "./native/contract";
export type { AbortSignalLike } from "./abort-signal";
export { convert } from "./convert";
export { ImageEmbeds } from "./embeds/image-embeds";
export { loadEmbeds, saveEmbeds } from "./embeds/file";
export { combineEmbeds } from "./embeds/combine";
export { inspect } from "./inspect";
export { drawFaceKeypoints, preprocess } from "./preprocess";
export type { Inspection } from "./metadata/inspect-picture";
export { readMetadata } from "./read-metadata";
export type { PictureMetadata, PictureSettings, ReadMetadataOptions } from "./metadata/read";
export type { FileRecord } from "./metadata/record";
export { pull } from "./hub/pull";
export { setThreads, systemInfo } from "./system";
export { CrashError, DisposedError, HubError, ImageError, InstallError, IpAdapterError, OptionError } from "./errors";
export type { ChildDeath, ErrorCode, HubErrorCode, ImageErrorCode, InstallErrorCode, OptionErrorCode } from "./errors";
export type { ControlUse } from "./controls";
export type { NegativeImagePrompt } from "./negative-prompts";
export type { EncodedPrompts, PromptEmbeds } from "./prompt/prompt-embeds";
export type { Region } from "./regions";
export type { EmbedsPrompt, FacePrompt, ImagePrompt, PicturePrompt } from "./image-prompt";
export type { AttentionLayers } from "./options/attention-layers";
export type { Device, DevicePart } from "./options/device";
export type { BlockScale, ImageScale, ScaleByBlock } from "./options/image-scale";
export type { ImageInput, RawImage, SharpOutput } from "./image/input";
export type { BlobLike, NodeStreamLike, WebStreamLike } from "./image/late-bytes";
export type { EncodeOptions, OutputFormat } from "./image/encode";
export type { DownloadProgressEvent, ProgressEvent } from "./progress";
export type {
  CombineMethod,
  ControlMode,
  ConvertType,
  Dtype,
  PreprocessName,
  ImageFit,
  KvScaling,
  MaskFill,
  NegativeKind,
  PreviewDecoder,
  ScalePreset,
  SchedulerName,
  SigmasName,
} from "./options/names";
export type {
  AdapterOptions,
  AttentionMapsOptions,
  ChangeOptions,
  ControlOptions,
  ConvertOptions,
  DevicesOptions,
  DrawFaceKeypointsOptions,
  EmbeddingOptions,
  EncodeImageOptions,
  EncodePromptOptions,
  EncodeTextOptions,
  EstimateOptions,
  FaceKeypoints,
  FeatureCacheOptions,
  GenerateOptions,
  GenerateOutput,
  GenerateResult,
  HiresOptions,
  HubAccessOptions,
  InpaintOptions,
  InspectOptions,
  LoadEmbedsOptions,
  LoadOptions,
  LoraOptions,
  MemoryEstimate,
  OutpaintOptions,
  PreprocessCallOptions,
  PreviewOptions,
  PullOptions,
  PullResult,
  StepCallback,
  StepInfo,
  VariationOptions,
} from "./types";
