/** Which files of a model's folder in the diffusers layout the engine reads, by name. A test compares this with what the engine says. */

/** A folder of one network. */
export interface NetworkFolder {
  folder: string;
  /** files that may hold its weights: the first that is there does, and an index stands for its shards */
  weights: readonly string[];
  /** of a text encoder: the folder of its tokenizer */
  tokenizer?: string;
  required: boolean;
  /** not required beside this folder */
  unless?: string;
}

const DIFFUSERS = weightFiles("diffusion_pytorch_model", "diffusion_pytorch_model");
const TRANSFORMERS = weightFiles("model", "pytorch_model");

export const MODEL_LAYOUT = {
  index: "model_index.json",
  scheduler: "scheduler/scheduler_config.json",
  preprocessor: "feature_extractor/preprocessor_config.json",
  /** in a network's folder, or beside a file of one */
  config: "config.json",
  /** the same, of image encoders */
  ownPreprocessor: "preprocessor_config.json",
  networks: [
    {
      folder: "text_encoder",
      weights: TRANSFORMERS,
      tokenizer: "tokenizer",
      required: true,
      unless: "text_encoder_2",
    },
    { folder: "text_encoder_2", weights: TRANSFORMERS, tokenizer: "tokenizer_2", required: false },
    { folder: "unet", weights: DIFFUSERS, required: true },
    { folder: "vae", weights: DIFFUSERS, required: true },
    { folder: "image_encoder", weights: TRANSFORMERS, required: false },
  ] as readonly NetworkFolder[],
  /** of a network in a folder by itself, whichever kind it is */
  anyNetwork: [DIFFUSERS, TRANSFORMERS],
};

/** In the order in which the engine looks: f32 before f16, safetensors before the rest. */
function weightFiles(stem: string, torchStem: string): string[] {
  const inFormat = (name: string, extension: string): string[] => [
    `${name}.${extension}`,
    `${name}.${extension}.index.json`,
    `${name}.fp16.${extension}`,
    `${name}.${extension}.index.fp16.json`,
  ];
  return [...inFormat(stem, "safetensors"), `${stem}.gguf`, ...inFormat(torchStem, "bin")];
}
