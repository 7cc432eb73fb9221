/** Pictures for structure controls, made without a network. */
import { throwIfAborted } from "./abort-signal";
import type { ImageInput } from "./image/input";
import { Picture } from "./image/picture";
import { nativePreprocess, type PreprocessOptions } from "./image/preprocessor";
import { CallPictures } from "./image/rules";
import { PictureSnapshot } from "./image/snapshot";
import { CallSite, startNative } from "./native/call";
import type { NativeAddon } from "./native/contract";
import { loadAddon } from "./native/load";
import type { Value } from "./options/json-schema";
import type { PreprocessName } from "./options/names";
import {
  FACE_KEYPOINTS,
  FaceKeypointsSchema,
  PreprocessCallSchema,
  PreprocessSchema,
} from "./options/preprocess-schema";
import { checkValue, readOptions } from "./options/validate";
import type { DrawFaceKeypointsOptions, FaceKeypoints, PreprocessCallOptions } from "./types";

/**
 * Makes of a picture what a structure control reads. A name stands for a preprocessor with its defaults: "canny" for
 * `{ canny: { low: 100, high: 200 } }`. "canny", "blur" and "scribble" compute what OpenCV does, "grey" and the enlarging of "tile" what
 * Pillow does. It runs on a thread of its own.
 * @throws OptionError, ImageError; ERR_IPA_NOT_FOUND, ERR_IPA_IO; signal.reason
 */
export async function preprocess(
  image: ImageInput,
  how: PreprocessName | PreprocessOptions,
  options: PreprocessCallOptions = {},
): Promise<Picture> {
  return preprocessWith(loadAddon(), image, how, options, new CallSite());
}

/** @internal */
export async function preprocessWith(
  addon: NativeAddon,
  image: ImageInput,
  how: PreprocessName | PreprocessOptions,
  options: PreprocessCallOptions,
  site: CallSite,
): Promise<Picture> {
  const { width, height, signal } = readOptions(PreprocessCallSchema, options);
  const read = checkValue(PreprocessSchema, how, "how") as Value<typeof PreprocessSchema>;
  const asked = nativePreprocess(read, "how");
  const snapshot = new PictureSnapshot(image, "image", new CallPictures());
  throwIfAborted(signal);
  const made = await snapshot.fit(
    { addon, site },
    (own) => ({ width: width ?? own.width, height: height ?? own.height, preprocess: asked }),
    signal,
  );
  return new Picture(made.rgb, made.width, made.height);
}

/**
 * Draws the five points of a face as InstantID's ControlNet reads them, on black: left eye, right eye, nose, left and right corner of the
 * mouth, `[x, y]` each, in pixels. Points may lie outside of the picture.
 * @throws OptionError, signal.reason
 */
export async function drawFaceKeypoints(points: FaceKeypoints, options: DrawFaceKeypointsOptions): Promise<Picture> {
  return drawFaceKeypointsWith(loadAddon(), points, options, new CallSite());
}

/** @internal */
export async function drawFaceKeypointsWith(
  addon: NativeAddon,
  points: FaceKeypoints,
  options: DrawFaceKeypointsOptions,
  site: CallSite,
): Promise<Picture> {
  const { width, height, signal } = readOptions(FaceKeypointsSchema, options);
  const read = checkValue(FACE_KEYPOINTS, points, "points") as Value<typeof FACE_KEYPOINTS>;
  throwIfAborted(signal);
  const { result } = startNative<ArrayBuffer>(site, signal, (done) =>
    addon.drawFaceKeypoints(Float64Array.from(read.flat()), width, height, done),
  );
  return new Picture(new Uint8Array(await result), width, height);
}
