import type { GeneratedImage } from "./generated-image";

/** What `onProgress` gets after every step. */
export interface ProgressEvent {
  /** index of the picture this step belongs to */
  image: number;
  /** its seed */
  seed: number;
  /** model calls done, over all pictures of the call */
  step: number;
  /** model calls in all */
  total: number;
  /** the picture as it would look if sampling ended here, every `preview.every` steps; its own width and height say how large */
  preview?: GeneratedImage;
  /** after a picture's last step, when it is decoded in tiles: how many are done, and of how many */
  tile?: number;
  tiles?: number;
}
