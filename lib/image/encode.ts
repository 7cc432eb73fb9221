/** RGB to image files. */
import { rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";

import { IpAdapterError, OptionError, fileError, systemCode } from "../errors";
import { lazily } from "../load-failure";
import { describe } from "../options/describe";
import { EncodeOptionsSchema } from "../options/file-schema";
import { readOptions } from "../options/validate";
import type { PictureTexts } from "../metadata/call-texts";
import type { RgbImage } from "./input";

const crypto = lazily(() => require("node:crypto") as typeof import("node:crypto"));
const names = lazily(() => require("../options/suggest") as typeof import("../options/suggest"));
const texts = lazily(() => require("../metadata/embed") as typeof import("../metadata/embed"));
const pictures = lazily(() => require("./sharp") as typeof import("./sharp"));

export const OUTPUT_FORMATS = ["png", "jpeg", "webp"] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

export interface EncodeOptions {
  /** JPEG and WebP, 1 to 100; default 92 */
  quality?: number | undefined;
  /** WebP without loss */
  lossless?: boolean | undefined;
  /** PNG, 0 (fast) to 9 (small); default 6 */
  compressionLevel?: number | undefined;
}

const EXTENSIONS: Record<string, OutputFormat> = { ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp" };

/** The format a file name asks for. */
export function formatOfPath(path: string, option: string): OutputFormat {
  const extension = extname(path).toLowerCase();
  const format = EXTENSIONS[extension];
  if (format !== undefined) return format;
  throw new OptionError(
    option,
    `expected a name ending in .png, .jpg or .webp but received ${describe(basename(path))}`,
  );
}

export function readFormat(value: unknown): OutputFormat {
  if (value === "jpg") return "jpeg";
  const format = OUTPUT_FORMATS.find((name) => name === value);
  if (format !== undefined) return format;
  const near = typeof value === "string" ? names().nearest(value, OUTPUT_FORMATS) : undefined;
  throw new OptionError(
    "format",
    `expected "png", "jpeg" or "webp" but received ${describe(value)}${near === undefined ? "" : `: did you mean "${near}"?`}`,
  );
}

/** The texts of a picture, when its file is made. */
export type TextsOf = () => Promise<PictureTexts>;

/** @returns a new buffer with the encoded file */
export async function encodeImage(
  image: RgbImage,
  format: OutputFormat,
  options: EncodeOptions = {},
  textsOf?: TextsOf,
): Promise<Buffer> {
  const { quality = 92, lossless = false, compressionLevel = 6 } = readOptions(EncodeOptionsSchema, options);
  const sharp = await pictures().loadSharp();
  const pixels = sharp(image.rgb, { raw: { width: image.width, height: image.height, channels: 3 } });
  switch (format) {
    case "png":
      pixels.png({ compressionLevel });
      break;
    case "jpeg":
      // 4:4:4: the thin coloured edges of generated pictures smear otherwise.
      pixels.jpeg({ quality, chromaSubsampling: "4:4:4" });
      break;
    case "webp":
      pixels.webp({ quality, lossless });
      // A WebP that says that it has EXIF; the texts take its place.
      if (textsOf !== undefined) pixels.withExif({ IFD0: { ImageDescription: "-" } });
      break;
  }
  const file = await pixels.toBuffer();
  return textsOf === undefined ? file : texts().embedTexts(file, format, await textsOf());
}

/** Writes a whole file or nothing: a reader never sees half of it, and a failure leaves the old one. */
export async function writeFileAtomically(path: string, data: Uint8Array): Promise<void> {
  const temporary = join(
    dirname(path),
    `.${basename(path).slice(0, 200)}.${crypto().randomBytes(6).toString("hex")}.tmp`,
  );
  try {
    await writeFile(temporary, data, { flag: "wx" });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    if (systemCode(error) === "ENOENT") {
      throw new IpAdapterError("ERR_IPA_NOT_FOUND", `output folder not found: ${dirname(path)}: create it first`, {
        cause: error,
      });
    }
    throw fileError("output", path, error);
  }
}
