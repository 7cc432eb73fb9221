/**
 * Image files to RGB as diffusers' load_image gives it: EXIF orientation applied, 8 bit, alpha dropped without blending (unless it is asked for),
 * first frame or page; CMYK without a profile channel by channel. Three differences to PIL: an embedded colour profile other than
 * sRGB is converted to sRGB, the transparent pixels of a GIF are black, because the decoder does not keep the colour below them, and
 * grey of 16 bits keeps its high byte, where PIL cuts off what is above 255.
 */
import type { Metadata, SharpOptions } from "sharp";

import { ImageError, fileError, messageOf } from "../errors";
import type { NativePixels } from "./pixels";
import { NotAFileError, readRegularFile } from "../read-file";
import { layoutOf } from "./input";
import { IMAGE_LIMITS } from "./limits";
import { loadSharp, type SharpModule } from "./sharp";
import type { CallPictures } from "./rules";
import { type ImageFormat, sniff } from "./sniff";

const READABLE = "PNG, JPEG, WebP, AVIF, GIF and TIFF are read";

/**
 * @param keepsAlpha whether the alpha of the file is among the pixels; else it is dropped
 * @param where the option or file, for messages
 * @param pictures of the call
 * @throws ImageError ERR_IPA_IMAGE_FORMAT, ERR_IPA_IMAGE_CORRUPT, ERR_IPA_IMAGE_LIMIT
 */
export async function decodeBytes(
  bytes: Uint8Array,
  where: string,
  pictures: CallPictures,
  keepsAlpha = false,
): Promise<NativePixels> {
  const format = checkFormat(bytes, where);
  const sharp = await loadSharp();
  // Not at warnings: what phones and tools get a little wrong opens everywhere. A file that ends too early is an error.
  const options: SharpOptions = { failOn: "error", limitInputPixels: pictures.rules.maxPixels };
  const metadata = await readHeader(sharp, bytes, options, where);
  if (
    metadata.format !== (format === "avif" ? "heif" : format) ||
    (format === "avif" && metadata.compression !== "av1")
  ) {
    throw new ImageError(
      "ERR_IPA_IMAGE_FORMAT",
      `${where}: begins like ${format.toUpperCase()} but is something else; ${READABLE}`,
    );
  }
  pictures.count(metadata.width, metadata.height, where);
  // Without a profile CMYK is the engine's work: sharp would take a profile of its own for it.
  const inks = metadata.space === "cmyk" && metadata.icc === undefined;
  try {
    const image = sharp(bytes, { ...options, ignoreIcc: isSrgb(metadata.icc) }).autoOrient();
    const plain = inks
      ? image.pipelineColourspace("cmyk").toColourspace("cmyk")
      : keepsAlpha
        ? image.toColourspace("srgb")
        : image.toColourspace("srgb").removeAlpha();
    const { data, info } = await plain.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
    return { data, width: info.width, height: info.height, layout: inks ? "cmyk" : layoutOf(info.channels) };
  } catch (error) {
    throw corrupt(where, error);
  }
}

/** @throws ImageError ERR_IPA_IMAGE_LIMIT; ERR_IPA_NOT_FOUND, ERR_IPA_IO */
export async function readImageFile(path: string, where: string): Promise<Uint8Array> {
  try {
    return await readRegularFile(path, ({ size }) => {
      if (size <= IMAGE_LIMITS.fileBytes) return;
      throw new ImageError(
        "ERR_IPA_IMAGE_LIMIT",
        `${where}: ${path} has ${size} bytes, at most ${IMAGE_LIMITS.fileBytes} are read`,
      );
    });
  } catch (error) {
    if (error instanceof NotAFileError)
      throw new ImageError("ERR_IPA_IO", `${where}: ${path} ${error.message}: pass an image file`);
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

async function readHeader(
  sharp: SharpModule,
  bytes: Uint8Array,
  options: SharpOptions,
  name: string,
): Promise<Metadata> {
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
  return new ImageError("ERR_IPA_IMAGE_CORRUPT", `${name}: the image is damaged or incomplete (${reason})`, {
    cause: error,
  });
}
