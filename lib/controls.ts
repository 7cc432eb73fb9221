/** Pictures that give the structure: read when a call starts, then decoded to the size of the picture to make. */
import type { AbortSignalLike } from "./abort-signal";
import { OptionError } from "./errors";
import type { ImageInput } from "./image/input";
import type { CallPictures } from "./image/rules";
import { type FitterOrSizes, PictureSnapshot } from "./image/snapshot";
import type { NativePreprocess } from "./image/pixels";
import { type ControlPreprocessOptions, nativePreprocess } from "./image/preprocessor";
import type { NativeControlUse, PipelineInfo } from "./native/contract";
import type { ControlMode, PreprocessName } from "./options/names";

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
  /**
   * what `image` is made into before the control reads it, in the size of the picture to make, as by preprocess(): a name, or an object of one with
   * its numbers. "inpaint" goes without an image: it is the call's `image`, with -1 where its `mask` is white
   */
  preprocess?: PreprocessName | "inpaint" | ControlPreprocessOptions | undefined;
  /** strength, -5 to 5, default 1; 0 leaves it out */
  scale?: number | undefined;
  /** share of the steps at which it begins to count, 0 (default) to 1: it is off in step i of n where i / n < start */
  start?: number | undefined;
  /** share of the steps at which it ends to count, 0 to 1 (default): it is off in step i of n where (i + 1) / n > end */
  end?: number | undefined;
  /** diffusers' guess mode, default false: for the prompt's half of guidance alone, and the finest layers a tenth as strong */
  guess?: boolean | undefined;
}

/** With its preprocessor written out. */
export type ReadControlUse = Omit<ControlUse, "preprocess"> & { preprocess?: ControlPreprocessOptions | undefined };

/** The same as it was when the call started. */
export interface ControlSnapshot {
  use: Omit<NativeControlUse, "image">;
  /** for messages, such as `controls[0]` */
  option: string;
  image: PictureSnapshot | undefined;
  preprocess: NativePreprocess | undefined;
}

/** Copies what the caller could still change. */
export function snapshotControls(controls: readonly ReadControlUse[], pictures: CallPictures): ControlSnapshot[] {
  return controls.map(({ control = 0, image, mode, faceKeypoints, preprocess, ...numbers }, i) => {
    const option = `controls[${i}]`;
    const { scale = 1, start = 0, end = 1, guess = false } = numbers;
    const inpaint = preprocess?.inpaint !== undefined;
    checkPicture({ image, faceKeypoints, preprocess }, option);
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
        ...(inpaint ? { inpaint } : {}),
        ...(faceKeypoints === undefined ? {} : { faceKeypoints: Float32Array.from(faceKeypoints.flat()) }),
      },
      option,
      image: image === undefined ? undefined : new PictureSnapshot(image, `${option}.image`, pictures),
      preprocess:
        preprocess === undefined || inpaint ? undefined : nativePreprocess(preprocess, `${option}.preprocess`),
    };
  });
}

/** That there is one thing for the control to read. */
function checkPicture(
  { image, faceKeypoints, preprocess }: Pick<ReadControlUse, "image" | "faceKeypoints" | "preprocess">,
  option: string,
): void {
  const inpaint = preprocess?.inpaint !== undefined;
  if (inpaint && Object.values(preprocess).filter((one) => one !== undefined).length > 1)
    throw new OptionError(`${option}.preprocess`, "expected inpaint alone: leave the others out");
  if (inpaint && (image !== undefined || faceKeypoints !== undefined))
    throw new OptionError(
      `${option}.preprocess`,
      `"inpaint" is made of the call's image and mask: leave ${image === undefined ? "faceKeypoints" : "image"} of this control out`,
    );
  if (preprocess !== undefined && faceKeypoints !== undefined)
    throw new OptionError(`${option}.preprocess`, "faceKeypoints are drawn as they are: leave it out");
  if (!inpaint && (image === undefined) === (faceKeypoints === undefined))
    throw new OptionError(
      option,
      `expected image, or faceKeypoints for InstantID, but received ${image === undefined ? "neither: add image" : "both: leave one out"}`,
    );
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
  fitter: FitterOrSizes,
  signal?: AbortSignalLike,
): Promise<NativeControlUse[]> {
  checkLoaded(controls, info);
  return Promise.all(
    controls.map(async ({ use, image, preprocess }) => {
      const fit = { width, height, ...(preprocess && { preprocess }) };
      return { ...use, ...(image && { image: await image.fit(fitter, fit, signal) }) };
    }),
  );
}
