/**
 * Image files to RGB as diffusers' load_image gives it: EXIF orientation applied, 8 bit, alpha dropped without blending,
 * first frame or page. Two differences to PIL: an embedded colour profile other than sRGB is converted to sRGB, and the
 * transparent pixels of a GIF are black, because the decoder does not keep the colour below them.
 */
import type { Metadata, SharpOptions } from "sharp";

import { ImageError, fileError, messageOf } from "../errors";
import type { AbortSignalLike } from "../native/call";
import { NotAFileError, readRegularFile } from "../read-file";
import type { ImageSnapshot, RgbImage } from "./input";
import { toRgb } from "./input";
import { IMAGE_LIMITS, checkSize } from "./limits";
import { loadSharp, type SharpModule } from "./sharp";
import type { CallPictures } from "./rules";
import { type ImageFormat, sniff } from "./sniff";

const READABLE = "PNG, JPEG, WebP, AVIF, GIF and TIFF are read";

/**
 * @param where the option or file, for messages
 * @param signal ends the reading of a stream
 * @throws ImageError ERR_IPA_IMAGE_FORMAT, ERR_IPA_IMAGE_CORRUPT, ERR_IPA_IMAGE_LIMIT; ERR_IPA_NOT_FOUND, ERR_IPA_IO; signal.reason
 */
export async function decodeImage(snapshot: ImageSnapshot, where: string, signal?: AbortSignalLike): Promise<RgbImage> {
  if ("rgb" in snapshot) return snapshot;
  const bytes = await readEncoded(snapshot, where, signal);
  const name = "path" in snapshot ? `${where} (${snapshot.path})` : where;
  const format = checkFormat(bytes, name);
  const sharp = await loadSharp();
  return decodeBytes(sharp, bytes, format, name);
}

/**
 * Reads the streams and Blobs among the pictures of a call; undefined: there are none. They come at the pace of whoever sends them, so
 * a call has no turn before: it would hold up the others.
 */
export function arrival(snapshots: readonly (ImageSnapshot | undefined)[], pictures: CallPictures): ((signal: AbortSignalLike) => Promise<void>) | undefined {
  const late = snapshots.flatMap((snapshot) => (snapshot !== undefined && "late" in snapshot ? snapshot : []));
  if (late.length === 0) return undefined;
  return async (signal) => {
    await Promise.all(
      late.map(async (snapshot) => {
        snapshot.arrived = await snapshot.late(signal);
        pictures.countBytes(snapshot.arrived.length, "image");
      }),
    );
  };
}

async function readEncoded(snapshot: Exclude<ImageSnapshot, RgbImage>, where: string, signal: AbortSignalLike | undefined): Promise<Uint8Array> {
  if ("bytes" in snapshot) return snapshot.bytes;
  if ("late" in snapshot) return snapshot.arrived ?? snapshot.late(signal);
  return readImageFile(snapshot.path, where);
}

async function readImageFile(path: string, where: string): Promise<Uint8Array> {
  try {
    return await readRegularFile(path, ({ size }) => {
      if (size <= IMAGE_LIMITS.fileBytes) return;
      throw new ImageError("ERR_IPA_IMAGE_LIMIT", `${where}: ${path} has ${size} bytes, at most ${IMAGE_LIMITS.fileBytes} are read`);
    });
  } catch (error) {
    if (error instanceof NotAFileError) throw new ImageError("ERR_IPA_IO", `${where}: ${path} ${error.message}: pass an image file`);
    throw error instanceof ImageError ? error : fileError(`${where}: image`, path, error);
  }
}

function checkFormat(bytes: Uint8Array, name: string): ImageFormat {
  if (bytes.length === 0) throw new ImageError("ERR_IPA_IMAGE_FORMAT", `${name}: the file is empty`);
  const found = sniff(bytes);
  if ("format" in found) return found.format;
  const what = found.other === "" ? "not an image format known here" : `this is ${found.other}`;
  throw new ImageError("ERR_IPA_IMAGE_FORMAT", `${name}: ${what}; ${READABLE}: convert it first`);
}

async function decodeBytes(sharp: SharpModule, bytes: Uint8Array, format: ImageFormat, name: string): Promise<RgbImage> {
  const options: SharpOptions = { failOn: "warning", limitInputPixels: IMAGE_LIMITS.pixels };
  const metadata = await readHeader(sharp, bytes, options, name);
  if (metadata.format !== (format === "avif" ? "heif" : format) || (format === "avif" && metadata.compression !== "av1")) {
    throw new ImageError("ERR_IPA_IMAGE_FORMAT", `${name}: begins like ${format.toUpperCase()} but is something else; ${READABLE}`);
  }
  checkSize(metadata.width, metadata.height, name);
  try {
    const image = sharp(bytes, { ...options, ignoreIcc: isSrgb(metadata.icc) });
    const { data, info } = await image.autoOrient().toColourspace("srgb").removeAlpha().raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
    const channels = info.channels === 1 ? 1 : 3;
    return { rgb: toRgb(data, channels), width: info.width, height: info.height };
  } catch (error) {
    throw corrupt(name, error);
  }
}

async function readHeader(sharp: SharpModule, bytes: Uint8Array, options: SharpOptions, name: string): Promise<Metadata> {
  try {
    return await sharp(bytes, { ...options, limitInputPixels: false }).metadata();
  } catch (error) {
    throw corrupt(name, error);
  }
}

/** sRGB by its description: converting it to itself would only add rounding. */
function isSrgb(icc: Buffer | undefined): boolean {
  if (icc === undefined) return false;
  return icc.includes("sRGB", 0, "latin1") || icc.includes(Buffer.from("sRGB", "utf16le").swap16());
}

function corrupt(name: string, error: unknown): ImageError {
  const reason = messageOf(error).split("\n")[0] ?? "";
  return new ImageError("ERR_IPA_IMAGE_CORRUPT", `${name}: the image is damaged or incomplete (${reason})`, { cause: error });
}
