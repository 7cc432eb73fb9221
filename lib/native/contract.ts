/**
 * What the native addon exports, as `lib/` sees it. The addon never creates errors or typed arrays: it hands over plain
 * `{ code, message }` objects and ArrayBuffers, and `lib/` builds what a user sees (so `instanceof` holds in every realm).
 * Paths are absolute. Callbacks run on the JS thread that made the call, exactly once for `done`.
 */

import type { NativeFit, NativePixels } from "../image/pixels";
import type { ControlMode, ConvertType, SchedulerName } from "../options/names";
import type { PlainLoadOptions, PlainOptions } from "../options/plain-options";

/** What convert() adds to before a user sees it. */
export type NativeConversion = Omit<Conversion, "path" | "type">;

export interface NativeError {
  /** `ERR_IPA_…`, see native/base/status.h */
  code: string;
  message: string;
  /** the path of the option that the message is about, which does not name it again */
  option?: string;
}

export type Done<T> = (error: NativeError | null, value?: T) => void;

/** The machine as the engine sees it. */
export interface SystemInfo {
  version: string;
  /** the instruction set in use: `scalar`, `avx2`, `avx512` or `neon` */
  isa: string;
  /** every instruction set this machine can run, weakest first */
  isas: string[];
  cpu: string;
  /** CPU features found, such as `avx512_bf16` */
  features: string[];
  cores: number;
  /** size of the process-wide thread pool */
  threads: number;
  memoryTotal: number;
  memoryAvailable: number;
}

export interface NativeAdapterRequest {
  file: string;
  /** folder or file of a CLIP vision encoder of its own */
  imageEncoder?: string;
  /** FaceID PlusV2; absent: its name tells */
  shortcut?: boolean;
  /** of the LoRA inside a FaceID file */
  loraWeight: number;
}

export interface NativeControlRequest {
  /** folder or file */
  file: string;
}

export interface NativeLoraRequest {
  file: string;
  weight: number;
}

/** What a configuration of the original layout beside a weight file says. */
export interface NativeOriginalConfig {
  /** its name */
  file: string;
  prediction: Prediction;
}

/** What a UNet's output means: the noise, a velocity (Salimans and Ho 2022), or the clean picture. */
export type Prediction = "epsilon" | "v" | "sample";

/** A property of a model that its weights do not show, and who said so. */
export interface Decided<T> {
  value: T;
  /**
   * `option`; `marker`: an empty tensor in the file; `metadata` of the file; `yaml`: a configuration of the original layout beside it;
   * `scheduler_config`; `weights`: a guess from the values of a tensor; `family`: nothing, so that what most models of the family are is taken
   */
  from: "option" | "marker" | "metadata" | "yaml" | "scheduler_config" | "weights" | "family";
  /** the name of the option, tensor, key, file or family */
  detail: string;
}

/** The plain options go through as they are; those that are left out have the defaults of native/pipeline/load/load_request.h. */
export interface NativeLoadRequest extends PlainLoadOptions {
  /** folder in the diffusers layout */
  model: string;
  adapters: NativeAdapterRequest[];
  /** LoRA files to add to the weights, each times its weight */
  loras: NativeLoraRequest[];
  controls?: NativeControlRequest[];
  /** Fooocus' inpainting, with the weight of the patch */
  inpaint?: { head: string; patch: string; weight: number };
  /** textual inversion files */
  embeddings: { file: string }[];
  /** folder or file of a UNet, when not `model`/unet */
  unet?: string;
  /** folder of a VAE, when not `model`/vae */
  vae?: string;
  /** folder or file of a CLIP vision encoder, when not `model`/image_encoder */
  imageEncoder?: string;
  /** beside a model, or a UNet, in one file */
  modelYaml?: NativeOriginalConfig;
  unetYaml?: NativeOriginalConfig;
}

/** A loaded text encoder. */
export interface TextEncoderInfo {
  /** tokens per chunk, start and end token included (77) */
  contextLength: number;
  vocabSize: number;
  /** folder name of its tokenizer in the model folder: `tokenizer` or `tokenizer_2`; of a model in one file, which of the shipped: `clip` or `open_clip` */
  tokenizer: string;
}

export type AdapterVariant =
  "base" | "plus" | "full" | "faceid" | "faceid_plus" | "faceid_portrait" | "faceid_portrait_unnorm";

/** A loaded adapter. */
export interface AdapterInfo {
  variant: AdapterVariant;
  /** image tokens one picture or face becomes */
  tokens: number;
  /** size of the image embedding it takes (base), or of a hidden state (plus, full, faceid_plus); 0: it takes no pictures */
  embedSize: number;
  /** whether its embeddings of a picture are hidden states of the image encoder (plus, full, faceid_plus), not one embedding */
  hiddenStates: boolean;
  /** size of the face embedding it takes; 0: it takes no faces */
  faceSize: number;
  /** what InsightFace calls that embedding; "": it takes no faces */
  faceEmbedding: "normed_embedding" | "embedding" | "";
  /** faceid_plus: whether it is used as PlusV2 */
  shortcut: boolean;
  /** whether it has an image encoder to read pictures with */
  hasImageEncoder: boolean;
  /** pixels of a side at which its image encoder reads pictures; 0: it has none */
  imageSize: number;
}

/** A loaded structure control. */
export interface ControlInfo {
  kind: "controlnet" | "controlnet-union" | "control-lora" | "t2i-adapter";
  /** of a ControlNet-Union: how many kinds of pictures it reads; 0: it is none */
  modes: number;
}

/** What a textual inversion brought, from a file of its own or along with a LoRA. */
export interface EmbeddingInfo {
  /** what stands for it in prompts; from the addon as the file has it, "" when it has none */
  token: string;
  /** the LoRA of load() that it came along with, counted from 0; absent for a file of its own */
  lora?: number;
  /** its first token id in each text encoder */
  ids: number[];
  /** its token ids in each text encoder, 0 where it has none */
  vectors: number[];
}

/** Tensors of a file that nothing reads. */
export interface IgnoredTensors {
  count: number;
  /** the first twenty of them */
  names: string[];
}

export interface IgnoredTensorsOfFile extends IgnoredTensors {
  /** file or folder */
  path: string;
}

/** What setAdapters(), setControls() and setLoras() change of a pipeline's info. */
export interface LoadedParts {
  adapters: AdapterInfo[];
  controls: ControlInfo[];
  parameters: number;
  memoryBytes: number;
  /** of files that hold tensors outside of what is recognised: skipped, and listed here */
  ignored: IgnoredTensorsOfFile[];
}

/** Options of generate() that only some models take. */
export type ModelOption =
  | "image"
  | "mask"
  | "strength"
  | "imageGuidance"
  | "originalSize"
  | "targetSize"
  | "cropOffset"
  | "aestheticScore"
  | "negativeAestheticScore";

/** What generate() takes for options that are left out. */
export interface ModelDefaults {
  steps: number;
  /** 5 for SDXL, 7.5 for others */
  guidance: number;
  /** of instruct models */
  imageGuidance: number;
  /** of the samplers that have an eta; all others have none */
  eta: Partial<Record<SchedulerName, number>>;
  /** what guidance leads away from without a negative prompt: the features of an empty prompt, or zeros in their place (most SDXL models) */
  negativePrompt: "empty" | "zeros";
  /** of SDXL's refiner */
  aestheticScore: number;
  negativeAestheticScore: number;
}

/** What was loaded. */
export interface PipelineInfo extends LoadedParts {
  family: "sd1" | "sd2" | "sdxl";
  /** SDXL's refiner */
  refiner: boolean;
  /** what the UNet reads beside the prompts: nothing, a picture and where to repaint it, or a picture to change */
  task: "text-to-image" | "inpainting" | "instruct";
  /** pixels the model was trained at */
  width: number;
  height: number;
  /** the UNet's modules of cross-attention in the order in which they run, such as `down_blocks.0.attentions.1` */
  attentions: string[];
  /** pixels a latent covers along a side (8) */
  vaeScale: number;
  latentChannels: number;
  /** scheduler named by the model's scheduler_config.json, as an API name (`ddim`, …) */
  scheduler: SchedulerName;
  prediction: Decided<Prediction>;
  /** whether the noise schedule is rescaled to end at a signal of zero (Lin et al. 2023) */
  zeroSnr: Decided<boolean>;
  /** what the VAE's latents are multiplied by for the UNet */
  vaeScalingFactor: number;
  /** what generate() takes for options that are left out */
  defaults: ModelDefaults;
  /** which options of generate() this model takes; those that are not named here all models do */
  supports: Record<ModelOption, boolean>;
  /** why it does not take an option, and what to do instead, for those that it does not */
  refusals: Partial<Record<ModelOption, string>>;
  textEncoders: TextEncoderInfo[];
  /** numbers of a token's text features, as the UNet's cross-attention reads them: 768, 1024, SDXL 2048 */
  textSize: number;
  /** numbers of SDXL's pooled text features (1280); 0: the model has none */
  pooledSize: number;
  /** textual inversions: those asked for in their order, then those that LoRAs brought along */
  embeddings: EmbeddingInfo[];
  hasImageEncoder: boolean;
  /** Fooocus' inpainting, with the weight of its patch; absent where it is not loaded */
  inpaint?: { weight: number };
}

/** One prompt for one text encoder, already cut in chunks of contextLength with start, end and pad tokens. */
export interface NativeText {
  /** chunks * contextLength token ids */
  ids: Int32Array;
  /** one weight per token, 1 where the prompt gives none */
  weights: Float32Array;
}

/** Text features in place of a prompt's tokens. */
export interface NativeTextEmbeds {
  /** chunks * contextLength * textSize floats */
  features: Float32Array;
  /** SDXL, of the prompt of a whole call: pooledSize floats */
  pooled?: Float32Array;
}

/** The prompts of a call, or of a region; all of them have the same number of chunks. */
export interface NativePrompts {
  /** one entry per text encoder; with embeds, none */
  prompt: NativeText[];
  promptEmbeds?: NativeTextEmbeds;
  /** absent, as are negativeEmbeds: zeros in place of its features, where the model's `defaults.negativePrompt` says so */
  negative?: NativeText[];
  negativeEmbeds?: NativeTextEmbeds;
}

/** What text encoders made of prompts. */
export interface NativeEncodedPrompts {
  prompt: { features: ArrayBuffer; pooled?: ArrayBuffer };
  negative?: { features: ArrayBuffer; pooled?: ArrayBuffer };
}

/** A picture for an adapter, as raw RGB or as the encoder's output computed before; a face; or both. */
export interface NativeImage {
  rgb?: Uint8Array;
  width?: number;
  height?: number;
  /** base adapters: embedSize floats; plus and full: tokens * embedSize floats */
  embeds?: Float32Array;
  /** one face embedding: faceSize floats */
  face?: Float32Array;
  /** of what the encoder makes of it; absent: 1 */
  weight?: number;
  /** RGB of the same size: black hides a pixel from the encoder */
  imageMask?: Uint8Array;
  /** index of the image prompt among all of the call, which has an attention map of its own */
  source?: number;
}

/** Without picture and embeds: what the reference has in place of no picture. */
export type NativeNegativeImage = NativeImage & { adapter: number };

export interface NativeRegion extends NativePrompts {
  mask: NativePicture;
  scale: number;
}

/** A picture to change, or its mask; without pixels where only sizes are asked for. */
export type NativePicture = Pick<NativeImage, "rgb" | "width" | "height">;

/** Pictures of one adapter that share one softmax (their tokens are concatenated) and one scale. */
export interface NativeImageBranch {
  adapter: number;
  scale: number;
  /** factors of the scale, one for each of `attentions`; absent: all 1 */
  layers?: Float32Array;
  /** whether the negative half gets the pictures, and the other half none */
  contrary: boolean;
  /** shares of the model calls: call i of n is left out when i / n < start or (i + 1) / n > end */
  start: number;
  end: number;
  /** where they count, resized to the picture's size; without pixels where only sizes are asked for */
  mask?: NativePicture;
  softMask: boolean;
  /** index into `regions`, to whose place they are kept; absent: none */
  region?: number;
  /** index into COMBINE_METHODS */
  combine: number;
  /** index into KV_SCALINGS */
  kvScaling: number;
  /** [share, factor, share, factor, …] with shares ascending; absent: 1 throughout */
  curve?: Float32Array;
  /** FaceID PlusV2: of what its Resampler makes of the picture */
  structureScale: number;
  images: NativeImage[];
}

/** A picture that gives the structure. */
export interface NativeControlUse {
  /** index into the loaded controls */
  control: number;
  /** of the size of the picture to make */
  image?: NativePicture;
  /** InstantID, in place of the picture: x and y of five points */
  faceKeypoints?: Float32Array;
  /** in place of the picture: the call's own, masked */
  inpaint?: boolean;
  /** of a ControlNet-Union */
  mode?: ControlMode;
  scale: number;
  /** shares of the model calls */
  start: number;
  end: number;
  guess: boolean;
}

/** The plain options go through as they are; those that are left out have the defaults of native/pipeline/request.h. */
export interface NativeGenerateRequest extends PlainOptions, NativePrompts {
  branches: NativeImageBranch[];
  controls?: NativeControlUse[];
  regions: NativeRegion[];
  negativeImages: NativeNegativeImage[];
  /** the picture to change, resized to width x height */
  image?: NativePicture;
  /** white is repainted */
  mask?: NativePicture;
  /** API name, or "" for the model's own */
  scheduler: string;
  /** API name, or "" for the model's own */
  sigmas: string;
  /** noise levels of the caller's own, one per step, in place of a name */
  sigmaValues?: Float32Array;
  /** timesteps of training, one per step, descending, in place of both */
  timesteps?: Int32Array;
  /** indices into `attentions`, ascending, of those that are mapped; absent: none */
  attentionLayers?: Int32Array;
  steps: number;
  guidance: number;
  eta: number;
  /** one image per seed */
  seeds: number[];
  width: number;
  height: number;
  /** whether the progress callback gets every step's latents, too, and answers each */
  eachStep?: true;
  /** to start from: none, one for all pictures or one each; channel-major */
  latents: Float32Array[];
}

/** A plain option as native/pipeline/load/load_fields.cc or request_fields.cc has it. */
export interface NativeField {
  /** with dots to what is inside: `featureCache.every`, `guidanceInterval.0` */
  path: string;
  /** what stands for an option left out: a number, which may be outside of the range, or a name; absent where none does */
  default?: number | string | boolean;
  /** of booleans */
  boolean?: true;
  /** of numbers */
  integer?: boolean;
  minimum?: number;
  maximum?: number;
  /** of options of names */
  names?: string[];
}

export interface NativeProgress {
  /** index into seeds */
  image: number;
  /** model calls done and in all, over all images */
  step: number;
  total: number;
  /** RGB, previewWidth * previewHeight * 3 bytes */
  preview?: ArrayBuffer;
  /** tiles of the picture decoded and in all, after its last step, when it is decoded in tiles */
  tile?: number;
  tiles?: number;
  previewWidth?: number;
  previewHeight?: number;
}

/** Instead of a progress event, where the request has `eachStep`: the engine waits for the reply. */
export interface NativeStep {
  image: number;
  /** of this picture's model calls */
  step: number;
  steps: number;
  timestep: number;
  /** f32, channel-major */
  latents: ArrayBuffer;
  /** once; other latents take the place of these */
  reply: (latents?: Float32Array) => void;
}

export interface NativeResult {
  /** RGB, 3 * width * height bytes each; empty for output "latents" */
  images: ArrayBuffer[];
  width: number;
  height: number;
  /** f32, latentChannels * (height / vaeScale) * (width / vaeScale) each, channel-major */
  latents: ArrayBuffer[];
  /** of each picture, for the modules asked for; absent where none are */
  attention?: NativeModuleMaps[][];
}

/** Attention maps of one of `attentions`: means over the model calls, heads and layers of the conditional half. f32, a row a query from the top left. */
export interface NativeModuleMaps {
  module: number;
  width: number;
  height: number;
  /** probabilities of all tokens: of the prompt, of each region, of each branch; empty where there is none in this module */
  prompt: ArrayBuffer;
  regions: ArrayBuffer[];
  branches: ArrayBuffer[];
  /** of each `source`, a number a query: the norm of what it adds over that of what all text adds */
  sources: ArrayBuffer[];
}

export interface NativeMemoryEstimate {
  /** bytes of all that is loaded */
  weights: number;
  /** bytes a call adds at its peak */
  working: number;
  /** pixels of the decoder's tiles, 0 = whole */
  tile: number;
}

export interface NativeJob {
  /** asks the job to stop; `done` then gets ERR_IPA_CANCELLED */
  cancel(): void;
}

export interface NativePipeline {
  /** as it was loaded */
  info(): PipelineInfo;
  generate(
    request: NativeGenerateRequest,
    progress: ((event: NativeProgress | NativeStep) => void) | null,
    done: Done<NativeResult>,
  ): NativeJob;
  /** the image encoder's output for one adapter: f32, embedSize or tokens * embedSize floats */
  encodeImage(image: NativeImage, adapter: number, done: Done<ArrayBuffer>): NativeJob;
  /** the features of a prompt, and of a negative one in the same number of chunks; `clipSkip` is the prompt's */
  encodePrompts(
    texts: { prompt: NativeText[]; negative?: NativeText[]; clipSkip?: number },
    done: Done<NativeEncodedPrompts>,
  ): NativeJob;
  /** what generate() would take; images may be empty objects, which stand for pictures */
  estimateMemory(request: NativeGenerateRequest, done: Done<NativeMemoryEstimate>): NativeJob;
  /** replace all adapters, all controls, or all LoRAs, between other jobs; on an error nothing has changed */
  setAdapters(adapters: NativeAdapterRequest[], done: Done<LoadedParts>): NativeJob;
  setControls(controls: NativeControlRequest[], done: Done<LoadedParts>): NativeJob;
  setLoras(loras: NativeLoraRequest[], done: Done<LoadedParts>): NativeJob;
  /** refuses new work, cancels and waits for what runs, frees the weights */
  close(done: Done<void>): void;
}

/** What a weight file or model folder holds. */
export interface WeightInspection {
  kind:
    | "model"
    | "ip-adapter"
    | "lora"
    | "embedding"
    | "unet"
    | "vae"
    | "text_encoder"
    | "image_encoder"
    | "controlnet"
    | "control-lora"
    | "t2i-adapter"
    | "inpaint-head"
    | "inpaint-patch"
    | "tensors"
    | "picture";
  format: "safetensors" | "pytorch" | "gguf" | "diffusers" | "png" | "jpeg" | "webp";
  /** `sd1`, `sd2`, `sdxl`, or "" */
  family: string;
  /** adapters: `base`, `plus`, `full`, `faceid`, …; or "" */
  variant: string;
  /** adapters: the image encoder they need, such as `ViT-H/14 (1024)`; or "" */
  encoder: string;
  /** what of another family of models it is, which this engine does not run, such as `FLUX adapter`; or "" */
  unsupported: string;
  /** image tokens of an adapter, 0 otherwise */
  tokens: number;
  parameters: number;
  bytes: number;
  tensors: number;
  /** tensors by storage type, `{ F16: 686 }` */
  types: Record<string, number>;
  /** tensors outside of what is recognised */
  ignored: IgnoredTensors;
  components: WeightInspection[];
  /** file or folder, relative to what was inspected; "" for itself */
  path: string;
}

export interface NativeConvertRequest {
  /** weight file or component folder */
  input: string;
  /** `.gguf` or `.safetensors` */
  output: string;
  type: ConvertType;
  overwrite: boolean;
}

/** What `onProgress` of convert() gets after every tensor. */
export interface ConvertProgress {
  /** written, and of how many */
  tensors: number;
  totalTensors: number;
  /** of the file */
  bytes: number;
  totalBytes: number;
}

/** The file that convert() wrote. */
export interface Conversion {
  /** absolute */
  path: string;
  type: ConvertType;
  format: "safetensors" | "gguf";
  tensors: number;
  /** of the file */
  bytes: number;
  /** tensors by storage type, `{ Q8_0: 268, F16: 418 }` */
  types: Record<string, number>;
}

export interface NativeAddon {
  system(): SystemInfo;
  /** resizes the process-wide pool; running work goes on with the threads there are */
  setThreads(threads: number, done: Done<void>): NativeJob;
  load(request: NativeLoadRequest, done: Done<NativePipeline>): NativeJob;
  /** writes a weight file as another type; after a cancel nothing of it is left */
  convert(
    request: NativeConvertRequest,
    progress: ((event: ConvertProgress) => void) | null,
    done: Done<NativeConversion>,
  ): NativeJob;
  /** which files of a model's folder are read, by name, see lib/hub/layout.ts */
  modelLayout(): unknown;
  inspect(path: string, done: Done<WeightInspection>): NativeJob;
  /** PIL-exact CLIP preprocessing: shortest edge to `size`, bicubic antialiased, centre crop. Returns size*size*3 RGB bytes. */
  clipResize(rgb: Uint8Array, width: number, height: number, size: number): ArrayBuffer;
  /**
   * RGB of the size that the engine needs: what it would make of the whole picture itself, bit for bit. `data` is given up: it is read
   * on another thread, and empty when `done` is called if it is large.
   */
  fitPicture(pixels: NativePixels, fit: NativeFit, done: Done<ArrayBuffer>): NativeJob;
  /** what InstantID's ControlNet reads: x and y of five points. RGB. */
  drawFaceKeypoints(points: Float64Array, width: number, height: number, done: Done<ArrayBuffer>): NativeJob;
  /** the plain options of load() and generate(), with ranges and defaults */
  fields(): Record<"load" | "generate", NativeField[]>;
  /** PyTorch's CPU randn for a seed: count f32 */
  randn(seed: number, count: number): ArrayBuffer;
  /** names and shapes of all tensors of a weight file */
  listTensors(path: string, done: Done<{ name: string; shape: number[] }[]>): NativeJob;
  /** one tensor of a weight file as f32, with its shape */
  readTensor(path: string, name: string, done: Done<{ shape: number[]; data: ArrayBuffer }>): NativeJob;
  /** writes f32 tensors as a safetensors file (temporary file, then rename) */
  writeTensors(
    path: string,
    tensors: { name: string; shape: number[]; data: Float32Array }[],
    done: Done<void>,
  ): NativeJob;
}
