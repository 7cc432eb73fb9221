/** The picture that a call changes, with its mask: read when the call starts, then decoded. */
import { OptionError } from "./errors";
import type { ImageInput } from "./image/input";
import { leastSide, MOST_SIDE } from "./image/limits";
import type { CallPictures } from "./image/rules";
import { type FitterOrSizes, PictureSnapshot } from "./image/snapshot";
import type { AbortSignalLike } from "./abort-signal";
import type { NativeGenerateRequest, NativePicture, PipelineInfo } from "./native/contract";

/** Options of generate() about the picture to change. */
export interface SourceOptions {
  image?: ImageInput | undefined;
  mask?: ImageInput | undefined;
  maskCrop?: number | undefined;
  outpaint?:
    | { left?: number | undefined; top?: number | undefined; right?: number | undefined; bottom?: number | undefined }
    | undefined;
  width?: number | undefined;
  height?: number | undefined;
}

/** The pictures as they were when the call started. */
export interface SourceSnapshot {
  image: PictureSnapshot | undefined;
  mask: PictureSnapshot | undefined;
  /** whether a part is painted, which the engine cuts out of the whole picture */
  cropped: boolean;
  /** pixels that it grows by, across and down; undefined: it does not */
  margins: Required<Sides> | undefined;
  width: number | undefined;
  height: number | undefined;
}

/** What of a request the pictures decide; sides only where the caller named none. */
export type NativeSource = Partial<Pick<NativeGenerateRequest, "image" | "mask" | "width" | "height">>;

/** Copies what the caller could still change. Whether the model takes these pictures the engine says. */
export function snapshotSource(
  { image, mask, maskCrop, outpaint, width, height }: SourceOptions,
  pictures: CallPictures,
): SourceSnapshot {
  const { left = 0, top = 0, right = 0, bottom = 0 } = outpaint ?? {};
  return {
    image: image === undefined ? undefined : new PictureSnapshot(image, "image", pictures, true),
    mask: mask === undefined ? undefined : new PictureSnapshot(mask, "mask", pictures),
    cropped: maskCrop !== undefined,
    margins: outpaint && { width: left + right, height: top + bottom },
    width,
    height,
  };
}

/** Both in the size of the picture to make, as the engine would resize them; with maskCrop in the picture's own size. */
export async function toSource(
  source: SourceSnapshot,
  info: PipelineInfo,
  fitter: FitterOrSizes,
  signal?: AbortSignalLike,
): Promise<NativeSource> {
  let sides = sidesOf(source);
  const fitOf = ({ width, height }: Required<Sides>): Required<Sides> => {
    if (source.cropped) return { width, height };
    const made = ownSides(source, { width, height }, info);
    sides = made;
    return source.margins === undefined ? made : { width, height };
  };
  const image = await source.image?.fit(fitter, givenSize(source) ?? fitOf, signal);
  // Without image the engine refuses the mask, whatever its size.
  const { width, height } = source.cropped && image !== undefined ? image : { ...modelSize(info), ...sides };
  const mask = await source.mask?.fit(fitter, { width, height }, signal);
  return request(sides, image, mask);
}

/** Whether the picture's own size counts. */
export const readsSize = (source: SourceSnapshot): boolean => givenSize(source) === undefined;

/** Of the pictures, where the caller named both sides. */
const givenSize = ({ cropped, width, height }: SourceSnapshot): Required<Sides> | undefined =>
  cropped || width === undefined || height === undefined ? undefined : { width, height };

const modelSize = ({ width, height }: PipelineInfo): Required<Sides> => ({ width, height });

interface Sides {
  width?: number;
  height?: number;
}

function sidesOf({ width, height }: SourceSnapshot): Sides {
  return { ...(width === undefined ? {} : { width }), ...(height === undefined ? {} : { height }) };
}

function ownSides(
  { margins, width, height }: SourceSnapshot,
  picture: Required<Sides>,
  { vaeScale }: PipelineInfo,
): Required<Sides> {
  if (margins !== undefined) {
    const larger = (side: "width" | "height"): number =>
      Math.ceil((picture[side] + margins[side]) / vaeScale) * vaeScale;
    const grown = { width: larger("width"), height: larger("height") };
    checkGrown(grown, picture, vaeScale);
    return grown;
  }
  return {
    width: width ?? ownSide(picture, "width", vaeScale),
    height: height ?? ownSide(picture, "height", vaeScale),
  };
}

/** That a picture and its margins have a size that the model can paint. */
function checkGrown({ width, height }: Required<Sides>, picture: Required<Sides>, unit: number): void {
  const least = leastSide(unit);
  if (Math.min(width, height) >= least && Math.max(width, height) <= MOST_SIDE) return;
  throw new OptionError(
    "outpaint",
    `image is ${picture.width}x${picture.height}, and ${width}x${height} with its margins, but sides must be between ${least} and ${MOST_SIDE}: use other margins, or resize image`,
  );
}

function request(sides: Sides, image: NativePicture | undefined, mask: NativePicture | undefined): NativeSource {
  return { ...sides, ...(image === undefined ? {} : { image }), ...(mask === undefined ? {} : { mask }) };
}

/** A side of the picture, rounded down to what the VAE can make. */
function ownSide(picture: Required<Sides>, option: "width" | "height", unit: number): number {
  const side = Math.floor(picture[option] / unit) * unit;
  const least = leastSide(unit);
  if (side >= least && side <= MOST_SIDE) return side;
  throw new OptionError(
    option,
    `without it the picture keeps its own, but image is ${picture.width}x${picture.height} and sides must be between ${least} and ${MOST_SIDE}: add ${option}`,
  );
}
