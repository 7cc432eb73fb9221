/** Which pictures a pipeline takes, and how many pixels per call. */
import { ImageError, OptionError } from "../errors";
import { IMAGE_LIMITS, checkSize } from "./limits";

/** Where pictures may come from: "bytes" names no file of this machine. */
export const IMAGE_SOURCES = ["any", "bytes"] as const;
export type ImageSources = (typeof IMAGE_SOURCES)[number];

export interface PictureRules {
  images: ImageSources;
  /** pixels of one picture; a call may have twice as many in all */
  maxPixels: number;
}

export function pictureRules({
  images = "any",
  maxPixels = IMAGE_LIMITS.pixels,
}: {
  images?: ImageSources | undefined;
  maxPixels?: number | undefined;
}): PictureRules {
  return { images, maxPixels };
}

/** The pictures of one call, which have a limit together: each is counted before its pixels are copied or decoded. */
export class CallPictures {
  readonly rules: PictureRules;
  #pixels = 0;
  #bytes = 0;

  constructor(rules: PictureRules = pictureRules({})) {
    this.rules = rules;
  }

  /** Nothing is said of the file: not even whether it exists. */
  checkPath(option: string): void {
    if (this.rules.images === "any") return;
    throw new OptionError(
      option,
      'expected the bytes of a picture (a Uint8Array, a Blob, a stream, a data: URL or raw pixels) but received a path or another URL, which images: "bytes" of Pipeline.load() refuses',
    );
  }

  /** @throws ImageError ERR_IPA_IMAGE_LIMIT */
  count(width: number, height: number, where: string): void {
    const { maxPixels } = this.rules;
    checkSize(width, height, where, maxPixels);
    this.#pixels += width * height;
    if (this.#pixels <= 2 * maxPixels) return;
    throw new ImageError(
      "ERR_IPA_IMAGE_LIMIT",
      `${where}: the pictures of this call have more than ${(2 * maxPixels) / 1e6} megapixels together: make them smaller, or pass embeds made by encodeImage()`,
    );
  }

  /** Bytes of encoded pictures. @throws ImageError ERR_IPA_IMAGE_LIMIT */
  countBytes(bytes: number, option: string): void {
    const { encodedBytes, callBytes } = IMAGE_LIMITS;
    if (bytes > encodedBytes)
      throw new ImageError(
        "ERR_IPA_IMAGE_LIMIT",
        `${option}: ${bytes} encoded bytes, at most ${encodedBytes} are read: make the picture smaller`,
      );
    this.#bytes += bytes;
    if (this.#bytes <= callBytes) return;
    throw new ImageError(
      "ERR_IPA_IMAGE_LIMIT",
      `${option}: the pictures of this call have more than ${callBytes} encoded bytes together: make them smaller, or pass embeds made by encodeImage()`,
    );
  }
}
