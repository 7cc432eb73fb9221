/** What the engine says of itself and of a loaded model. */
import type { DevicePart } from "../options/device";
import type { Dtype, SchedulerName } from "../options/names";

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

/** What the engine of a pipeline does now, and has done. */
export interface PipelineStats {
  /** calls that wait for others to end */
  queued: number;
  /** calls that advance */
  active: number;
  /** of these, the ones that wait for their turn at this moment */
  waiting: number;
  /** runs of networks so far, by the number of calls that ran as one: `{ 1: 950, 4: 40 }` */
  batches: Record<string, number>;
  /** seconds of a call's own share of a step of the UNet, a mean of the last ones; undefined before the first */
  stepSeconds: number | undefined;
  /** bytes of working memory that active calls may take together, by their estimates */
  workingMemory: number;
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
  /** where the UNet runs: "cpu", or "cuda:0" for the first GPU and so on */
  device: string;
  /** where each part runs */
  devices: Record<DevicePart, string>;
  /** why "auto" took the CPU although CUDA support is installed; absent where it did not */
  deviceNote?: string;
  /** what the UNet multiplies in. Parts on another kind of device have what fits there */
  dtype: Dtype;
  /** calls that advance together, as load() was told */
  concurrency: number;
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
