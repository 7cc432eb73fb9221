/** What the engine says of weight files, and writes. */
import type { ConvertType } from "../options/names";
import type { IgnoredTensors } from "./info";

/** What convert() adds to before a user sees it. */
export type NativeConversion = Omit<Conversion, "path" | "type">;

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
