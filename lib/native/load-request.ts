/** What load() asks the engine for. */
import type { PlainLoadOptions } from "../options/plain-load-options";
import type { Device, DevicePart } from "../options/device";
import type { Prediction } from "./info";

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
  /** absent: "auto" */
  device?: Device;
  /** of parts that are elsewhere */
  devices?: Partial<Record<DevicePart, Device>>;
  /** beside a model, or a UNet, in one file */
  modelYaml?: NativeOriginalConfig;
  unetYaml?: NativeOriginalConfig;
}
