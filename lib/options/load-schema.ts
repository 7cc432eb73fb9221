/** The options of Pipeline.load(), setAdapters(), setControls() and setLoras(). */
import { IMAGE_LIMITS } from "../image/limits";
import { IMAGE_SOURCES } from "../image/rules";
import { HUB, SIGNAL } from "./common-schema";
import { DeviceSchema, DevicesSchema } from "./device-schema";
import type { ObjectSchema, Schema } from "./json-schema";
import { DTYPES, PREDICTIONS } from "./names";

export const AdapterSchema = {
  type: "object",
  title: "adapter",
  "x-shorthand": "file",
  additionalProperties: false,
  required: ["file"],
  properties: {
    file: { "x-kind": "path", description: "IP-Adapter file (.safetensors, .bin or .gguf)" },
    imageEncoder: {
      "x-kind": "path",
      description: "folder or file of a CLIP vision encoder for this adapter alone",
      "x-default": "the pipeline's",
    },
    shortcut: {
      type: "boolean",
      description: "FaceID Plus files: whether it is PlusV2, which has the same tensors as Plus",
      "x-default": "whether the file's name has `plusv2` in it",
    },
    loraWeight: {
      type: "number",
      minimum: -10,
      maximum: 10,
      default: 1,
      description: "strength of the LoRA inside a FaceID file; 0 leaves it out",
    },
  },
} as const satisfies ObjectSchema;

export const LoraSchema = {
  type: "object",
  title: "LoRA",
  "x-shorthand": "file",
  additionalProperties: false,
  required: ["file"],
  properties: {
    file: { "x-kind": "path", description: "LoRA file (.safetensors, .bin or .pt)" },
    weight: {
      type: "number",
      minimum: -10,
      maximum: 10,
      default: 1,
      description: "strength of the LoRA; 0 changes nothing",
    },
  },
} as const satisfies ObjectSchema;

export const EmbeddingSchema = {
  type: "object",
  title: "embedding",
  "x-shorthand": "file",
  additionalProperties: false,
  required: ["file"],
  properties: {
    file: { "x-kind": "path", description: "textual inversion file (.safetensors, .bin or .pt)" },
    token: {
      type: "string",
      maxLength: 256,
      description: "what stands for it in prompts",
      "x-default": "the token in the file, else the file's name without its ending",
    },
  },
} as const satisfies ObjectSchema;

export const AdaptersSchema = {
  type: "array",
  items: AdapterSchema,
  maxItems: 8,
  description: "IP-Adapters to load",
  "x-default": "the shipped one with the shipped model, else none",
} as const satisfies Schema;

export const LorasSchema = {
  type: "array",
  items: LoraSchema,
  maxItems: 16,
  default: [],
  description: "LoRAs to add to the UNet and the text encoders",
} as const satisfies Schema;

export const ControlSchema = {
  type: "object",
  title: "control",
  "x-shorthand": "file",
  additionalProperties: false,
  required: ["file"],
  properties: {
    file: {
      "x-kind": "path",
      description: "ControlNet, Control-LoRA or T2I-Adapter: its folder in the diffusers layout, or its file",
    },
  },
} as const satisfies ObjectSchema;

export const ControlsSchema = {
  type: "array",
  items: ControlSchema,
  maxItems: 8,
  default: [],
  description: "structure controls to load: ControlNets, Control-LoRAs, T2I-Adapters",
} as const satisfies Schema;

export const InpaintSchema = {
  type: "object",
  title: "inpaint",
  additionalProperties: false,
  required: ["head", "patch"],
  properties: {
    head: { "x-kind": "path", description: "Fooocus' inpaint head for SDXL (fooocus_inpaint_head.pth)" },
    patch: {
      "x-kind": "path",
      description: "Fooocus' patch of SDXL's UNet (inpaint_v26.fooocus.patch), for calls with a mask",
    },
    weight: {
      type: "number",
      minimum: -10,
      maximum: 10,
      default: 1,
      description: "strength of the patch; 0 leaves the UNet as it is",
    },
  },
} as const satisfies ObjectSchema;

export const ChangeSchema = {
  type: "object",
  title: "options",
  additionalProperties: false,
  properties: { ...HUB, signal: SIGNAL },
} as const satisfies ObjectSchema;

export const LoadSchema = {
  type: "object",
  title: "Pipeline.load options",
  additionalProperties: false,
  properties: {
    model: {
      "x-kind": "path",
      description:
        "model folder in the diffusers layout, file (.safetensors, .ckpt, .gguf) of a whole model in the original layout, or owner/name on the Hugging Face hub",
      "x-default": "the small model that ships with the package",
    },
    adapters: AdaptersSchema,
    loras: LorasSchema,
    controls: ControlsSchema,
    inpaint: {
      ...InpaintSchema,
      description: "Fooocus' inpainting for SDXL models: the head, and the patch of the UNet for calls with a mask",
      "x-default": "none",
    },
    embeddings: {
      type: "array",
      items: EmbeddingSchema,
      maxItems: 64,
      default: [],
      description: "textual inversions: tokens for prompts, learned from pictures",
    },
    unet: {
      "x-kind": "path",
      description: "folder or file of a UNet fine-tuned from the same base, instead of the model's own",
      "x-default": "`unet/` in the model folder",
    },
    vae: {
      "x-kind": "path",
      description:
        "folder, or file in the original layout, of another VAE of the same latents: AutoencoderKL, or AutoencoderTiny (TAESD), much faster",
      "x-default": "`vae/` in the model folder",
    },
    imageEncoder: {
      "x-kind": "path",
      description: "folder or file of the CLIP vision encoder",
      "x-default": "`image_encoder/` in the model folder",
    },
    prediction: {
      type: "string",
      enum: PREDICTIONS,
      description:
        "what the UNet predicts: epsilon (the noise), v (velocities) or sample (the clean picture); info.prediction tells which it is",
      "x-help": "what the UNet predicts: epsilon (the noise), v (velocities) or sample (the clean picture)",
      "x-default": "told from the files",
    },
    zeroSnr: {
      type: "boolean",
      description:
        "rescale the noise schedule to a zero terminal SNR, as diffusers' rescale_betas_zero_snr; info.zeroSnr tells whether it is",
      "x-help": "rescale the noise schedule to a zero terminal SNR, as diffusers' rescale_betas_zero_snr",
      "x-default": "told from the files",
    },
    vaeScalingFactor: {
      type: "number",
      minimum: 0.001,
      maximum: 1000,
      description:
        "what the VAE's latents are multiplied by for the UNet; a VAE in a file by itself has that of the family (0.18215, SDXL 0.13025)",
      "x-default": "that of the VAE's `config.json`",
    },
    device: DeviceSchema,
    devices: {
      ...DevicesSchema,
      description: "devices of single parts",
      "x-default": "`device` for each",
    },
    offload: {
      type: "boolean",
      default: false,
      description:
        "on a GPU: the weights of the text encoders, the image encoder and the VAE are there only while they are used, else in the machine's memory",
    },
    dtype: {
      type: "string",
      enum: DTYPES,
      description:
        "what the networks multiply in: f32 exact, f16 for GPUs, int16 faster and nearly exact, bf16 for processors and GPUs that have it, int8 faster still and in less memory",
      "x-default": '`"f16"` on a GPU, else `"f32"`',
    },
    threads: {
      type: "integer",
      minimum: 0,
      maximum: 1024,
      default: 0,
      description: "threads of the process-wide pool",
      "x-default": "0, which means one per core",
    },
    concurrency: {
      type: "integer",
      minimum: 1,
      maximum: 1024,
      default: 16,
      description: "calls that advance together, step by step; those behind them wait. 1: one after the other",
    },
    maxBatch: {
      type: "integer",
      minimum: 0,
      maximum: 64,
      default: 0,
      description: "calls that may share one run of the UNet; no result depends on it",
      "x-default": "0, which means as many as are faster",
    },
    images: {
      type: "string",
      enum: IMAGE_SOURCES,
      default: "any",
      description:
        "where pictures of calls may come from; bytes: no paths and file URLs, for servers that hand over what clients send",
    },
    maxPixels: {
      type: "integer",
      minimum: 1,
      maximum: IMAGE_LIMITS.side ** 2,
      default: IMAGE_LIMITS.pixels,
      description: "pixels of a picture that a call may have; all its pictures together may have twice as many",
    },
    maxQueue: {
      type: "integer",
      minimum: 0,
      maximum: 1_000_000,
      description: "calls that may wait while `concurrency` others run; one more is refused with ERR_IPA_BUSY",
      "x-default": "any number",
    },
    ...HUB,
    signal: SIGNAL,
  },
} as const satisfies ObjectSchema;
