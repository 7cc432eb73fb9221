import { OptionError } from "./errors";
import type { GeneratedImage } from "./generated-image";

/** What `onProgress` of load(), inspect() and pull() gets while files come from the Hugging Face hub. */
export interface DownloadProgressEvent {
  type: "download";
  /** `owner/name` */
  repo: string;
  commit: string;
  /** path in the repository */
  file: string;
  /** bytes of the file that are there, those of an earlier attempt included */
  fileBytes: number;
  fileSize: number;
  /** the same over all files that had to be fetched from this repository */
  bytes: number;
  size: number;
}

/** What `onProgress` gets after every step. */
export interface ProgressEvent {
  /** index of the picture this step belongs to */
  image: number;
  /** its seed */
  seed: number;
  /** model calls done, over all pictures of the call and both passes of hires; onStep counts those of its picture */
  step: number;
  /** model calls in all */
  total: number;
  /** the picture as it would look if sampling ended here, every `preview.every` steps; its own width and height say how large */
  preview?: GeneratedImage;
  /** after a picture's last step, when it is decoded in tiles: how many are done, and of how many */
  tile?: number;
  tiles?: number;
}

/** Previews come with the events of onProgress. */
export function checkPreviewSeen(preview: object | undefined, onProgress: unknown): void {
  if (preview !== undefined && onProgress === undefined)
    throw new OptionError(
      "preview",
      "previews come with the events of onProgress: add onProgress, or leave preview out",
    );
}

/**
 * Calls a caller's onProgress until it throws.
 * @param fail called once with what it throws, or what its promise rejects with
 */
export function progressCaller<Event>(
  onProgress: (event: Event) => unknown,
  fail: (reason: unknown) => void,
): (event: Event) => void {
  let failed = false;
  const end = (reason: unknown): void => {
    if (!failed) fail(reason);
    failed = true;
  };
  return (event) => {
    if (failed) return;
    try {
      // An async callback's rejection counts like a throw.
      Promise.resolve(onProgress(event)).catch(end);
    } catch (error) {
      end(error);
    }
  };
}
