/** The picture that an inpainting or instruct model changes, with its mask: read when a call starts, then decoded. */
import { OptionError } from "./errors";
import { decodeImage } from "./image/decode";
import { type ImageInput, type ImageSnapshot, type RgbImage, snapshotImage } from "./image/input";
import { leastSide, MOST_SIDE } from "./image/limits";
import type { CallPictures } from "./image/rules";
import type { AbortSignalLike } from "./native/call";
import type { NativeGenerateRequest, NativePicture, NativePipelineInfo } from "./native/contract";

/** Options of generate() about the picture to change. */
export interface SourceOptions {
  image?: ImageInput | undefined;
  mask?: ImageInput | undefined;
  imageGuidance?: number | undefined;
  width?: number | undefined;
  height?: number | undefined;
}

/** The pictures as they were when the call started. */
export interface SourceSnapshot {
  image: ImageSnapshot | undefined;
  mask: ImageSnapshot | undefined;
  width: number | undefined;
  height: number | undefined;
}

/** What of a request the pictures decide; sides only where the caller named none. */
export type NativeSource = Partial<Pick<NativeGenerateRequest, "image" | "mask" | "width" | "height">>;

/** Copies what the caller could still change. Whether the model takes these pictures the engine says. */
export function snapshotSource(options: SourceOptions, info: NativePipelineInfo, pictures: CallPictures): SourceSnapshot {
  const { image, mask, imageGuidance, width, height } = options;
  if (imageGuidance !== undefined && info.task !== "instruct") {
    throw new OptionError("imageGuidance", `only instruct models have it, this is ${info.task === "inpainting" ? "an inpainting" : "a text-to-image"} model: leave it out`);
  }
  return {
    image: image === undefined ? undefined : snapshotImage(image, "image", pictures),
    mask: mask === undefined ? undefined : snapshotImage(mask, "mask", pictures),
    width,
    height,
  };
}

export async function toSource(source: SourceSnapshot, info: NativePipelineInfo, signal?: AbortSignalLike): Promise<NativeSource> {
  const [image, mask] = await Promise.all([decode(source.image, "image", signal), decode(source.mask, "mask", signal)]);
  return request(source, info, image, image, mask);
}

/** Whether the picture's own size counts. */
export const readsSize = ({ width, height }: SourceSnapshot): boolean => width === undefined || height === undefined;

/** The same without pixels, for what only asks for sizes; a picture is read only where its own size counts. */
export async function toSourceSizes(source: SourceSnapshot, info: NativePipelineInfo, signal?: AbortSignalLike): Promise<NativeSource> {
  const read = readsSize(source) ? await decode(source.image, "image", signal) : undefined;
  return request(source, info, read, source.image && {}, source.mask && {});
}

async function decode(picture: ImageSnapshot | undefined, option: string, signal: AbortSignalLike | undefined): Promise<RgbImage | undefined> {
  return picture === undefined ? undefined : decodeImage(picture, option, signal);
}

function request(
  { width, height }: SourceSnapshot,
  { vaeScale }: NativePipelineInfo,
  decoded: RgbImage | undefined,
  image: NativePicture | undefined,
  mask: NativePicture | undefined,
): NativeSource {
  const result: NativeSource = {};
  if (image !== undefined) result.image = image;
  if (mask !== undefined) result.mask = mask;
  if (decoded === undefined) return result;
  if (width === undefined) result.width = ownSide(decoded, "width", vaeScale);
  if (height === undefined) result.height = ownSide(decoded, "height", vaeScale);
  return result;
}

/** A side of the picture, rounded down to what the VAE can make. */
function ownSide(picture: RgbImage, option: "width" | "height", unit: number): number {
  const side = Math.floor(picture[option] / unit) * unit;
  const least = leastSide(unit);
  if (side >= least && side <= MOST_SIDE) return side;
  throw new OptionError(option, `without it the picture keeps its own, but image is ${picture.width}x${picture.height} and sides must be between ${least} and ${MOST_SIDE}: add ${option}`);
}
