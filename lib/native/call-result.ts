/** What a call gets from the engine, on the way and at the end. */

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
  /** what of it is on each device that is not the CPU */
  devices: Record<string, { weights: number; working: number }>;
}
