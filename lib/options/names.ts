/** The names that options of names take. */

/** Samplers by their names in this API. */
export const SCHEDULERS = [
  "ddim",
  "pndm",
  "euler",
  "euler_a",
  "heun",
  "dpm2",
  "dpm2_a",
  "lms",
  "deis",
  "dpm++2m",
  "dpm++2m_sde",
  "dpm++3m_sde",
  "dpm++_sde",
  "unipc",
  "lcm",
  "tcd",
] as const;
export type SchedulerName = (typeof SCHEDULERS)[number];

/** Spacings of the noise levels by their names in this API. */
export const SIGMAS = ["normal", "karras", "exponential", "beta", "sgm_uniform", "ays"] as const;
export type SigmasName = (typeof SIGMAS)[number];

/** Whether the VAE decodes a picture in tiles. */
export const VAE_TILINGS = ["auto", "on", "off"] as const;

/** What networks multiply in. */
export const DTYPES = ["f32", "f16", "bf16", "int16", "int8"] as const;
export type Dtype = (typeof DTYPES)[number];

/** What a UNet's output means. */
export const PREDICTIONS = ["epsilon", "v", "sample"] as const;

/** Kinds of pictures that ControlNet-Unions tell apart. */
export const CONTROL_MODES = [
  "openpose",
  "depth",
  "hed",
  "scribble",
  "canny",
  "lineart",
  "normal",
  "segment",
  "tile",
  "repaint",
  "inpaint",
] as const;
export type ControlMode = (typeof CONTROL_MODES)[number];

/** Axes along which the edges of a picture meet. */
export const SEAMLESS_AXES = ["x", "y", "both"] as const;

/** What the picture to change has where it is repainted, before the steps begin. */
export const MASK_FILLS = ["original", "neutral", "blur"] as const;
export type MaskFill = (typeof MASK_FILLS)[number];

/** Who makes a preview's pixels. */
export const PREVIEW_DECODERS = ["vae", "linear"] as const;
export type PreviewDecoder = (typeof PREVIEW_DECODERS)[number];

/** Which attentions an image prompt counts in, and how much. */
export const SCALE_PRESETS = [
  "style",
  "composition",
  "style-composition",
  "strong-style",
  "precise-style",
  "precise-composition",
  "weak-input",
  "weak-middle",
  "weak-output",
  "strong-middle",
  "ease-in",
  "ease-out",
  "ease-in-out",
  "reverse-in-out",
] as const;
export type ScalePreset = (typeof SCALE_PRESETS)[number];

/** How a picture becomes the square that an image encoder reads. */
export const IMAGE_FITS = ["crop", "pad", "squash", "tile"] as const;
export type ImageFit = (typeof IMAGE_FITS)[number];

/** How a mask of an image prompt is read. */
export const MASK_MODES = ["binary", "soft"] as const;

/** What the scale of an image prompt multiplies, in the order of the engine's. */
export const KV_SCALINGS = ["v", "kv", "kv-penalty", "k-mean-v-penalty"] as const;
export type KvScaling = (typeof KV_SCALINGS)[number];

/** Pictures of noise, and stand-ins for one. */
export const NEGATIVE_KINDS = ["fade", "dissolve", "gaussian", "shuffle", "black", "zeros"] as const;
export type NegativeKind = (typeof NEGATIVE_KINDS)[number];

/** How combineEmbeds() combines, in the order of the engine's. */
export const COMBINE_METHODS = ["concat", "average", "add", "subtract", "norm-average"] as const;
export type CombineMethod = (typeof COMBINE_METHODS)[number];
/** As ComfyUI_IPAdapter_plus writes them. */
export const COMBINE_ALIASES = { "norm average": "norm-average" } as const satisfies Record<string, CombineMethod>;

/** Types that convert() writes; those after bf16 in GGUF files only. */
export const CONVERT_TYPES = ["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"] as const;
export type ConvertType = (typeof CONVERT_TYPES)[number];

/** What preprocess() makes of a picture. */
export const PREPROCESSORS = ["canny", "invert", "blur", "tile", "scribble", "grey"] as const;
export type PreprocessName = (typeof PREPROCESSORS)[number];
