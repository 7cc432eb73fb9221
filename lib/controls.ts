/** Pictures that give the structure: read when a call starts, then decoded to the size of the picture to make. */
import type { AbortSignalLike } from "./abort-signal";
import { OptionError } from "./errors";
import type { ImageInput } from "./image/input";
import type { CallPictures } from "./image/rules";
import { type Fitter, PictureSnapshot } from "./image/snapshot";
import type { NativeControlUse, PipelineInfo } from "./native/contract";
import type { ControlMode } from "./options/names";

/** A picture that gives the structure, for one of the loaded controls. */
export interface ControlUse {
  /** index into the loaded controls, default 0 */
  control?: number | undefined;
  /** what the control reads, such as edges or a depth map, in any of the forms of an ImageInput; resized to width x height */
  image?: ImageInput | undefined;
  /** ControlNet-Union: the kind of picture that `image` is; `scribble` is as `hed`, `lineart` as `canny`, `repaint` as `inpaint` */
  mode?: ControlMode | undefined;
  /**
   * InstantID, in place of `image`: [x, y] of the left eye, right eye, nose, left and right corner of the mouth, as InsightFace lists them, in
   * pixels of the picture to make. The face itself is an image prompt with `faceEmbeds`.
   */
  faceKeypoints?: readonly (readonly [number, number])[] | undefined;
  /** strength, -5 to 5, default 1; 0 leaves it out */
  scale?: number | undefined;
  /** share of the steps at which it begins to count, 0 (default) to 1: it is off in step i of n where i / n < start */
  start?: number | undefined;
  /** share of the steps at which it ends to count, 0 to 1 (default): it is off in step i of n where (i + 1) / n > end */
  end?: number | undefined;
  /** diffusers' guess mode, default false: for the prompt's half of guidance alone, and the finest layers a tenth as strong */
  guess?: boolean | undefined;
}

/** The same as it was when the call started. */
export interface ControlSnapshot {
  use: Omit<NativeControlUse, "image">;
  /** for messages, such as `controls[0]` */
  option: string;
  image: PictureSnapshot | undefined;
}

/** Copies what the caller could still change. */
export function snapshotControls(controls: readonly ControlUse[], pictures: CallPictures): ControlSnapshot[] {
  return controls.map(({ control = 0, image, mode, faceKeypoints, ...numbers }, i) => {
    const option = `controls[${i}]`;
    const { scale = 1, start = 0, end = 1, guess = false } = numbers;
    if ((image === undefined) === (faceKeypoints === undefined))
      throw new OptionError(
        option,
        `expected image, or faceKeypoints for InstantID, but received ${image === undefined ? "neither: add image" : "both: leave one out"}`,
      );
    if (start >= end)
      throw new OptionError(
        `${option}.start`,
        `expected less than end (${end}) but received ${start}: use a smaller one`,
      );
    return {
      use: {
        control,
        scale,
        start,
        end,
        guess,
        ...(mode === undefined ? {} : { mode }),
        ...(faceKeypoints === undefined ? {} : { faceKeypoints: Float32Array.from(faceKeypoints.flat()) }),
      },
      option,
      image: image === undefined ? undefined : new PictureSnapshot(image, `${option}.image`, pictures),
    };
  });
}

/** That each is loaded. */
function checkLoaded(controls: readonly ControlSnapshot[], { controls: { length } }: PipelineInfo): void {
  for (const { use, option } of controls) {
    if (use.control < length) continue;
    if (length === 0)
      throw new OptionError(option, "no control is loaded: pass controls: [{ file }] to Pipeline.load()");
    throw new OptionError(
      `${option}.control`,
      `expected ${length === 1 ? "0 (one control is loaded)" : `an integer between 0 and ${length - 1}`} but received ${use.control}`,
    );
  }
}

/** All in the size of the picture to make, as the engine would resize them. */
export async function toControls(
  controls: readonly ControlSnapshot[],
  { width, height }: { width: number; height: number },
  info: PipelineInfo,
  fitter: Fitter,
  signal?: AbortSignalLike,
): Promise<NativeControlUse[]> {
  checkLoaded(controls, info);
  return Promise.all(
    controls.map(async ({ use, image }) => ({
      ...use,
      ...(image && { image: await image.fit(fitter, () => ({ width, height }), signal) }),
    })),
  );
}

/** The same without pixels, for what only asks for sizes. */
export function toControlSizes(controls: readonly ControlSnapshot[], info: PipelineInfo): NativeControlUse[] {
  checkLoaded(controls, info);
  return controls.map(({ use, image }) => ({ ...use, ...(image && { image: {} }) }));
}
