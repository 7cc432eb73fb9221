import { ImageError } from "../errors";

/** What a picture may be; checked from its header, before its pixels are decoded. */
export const IMAGE_LIMITS = {
  /** pixels along a side */
  side: 16384,
  /** pixels in all */
  pixels: 64_000_000,
  /** long side over short side */
  aspect: 200,
  /** bytes of an encoded picture passed as bytes */
  encodedBytes: 20 * 1024 * 1024,
  /** the same of all pictures of a call */
  callBytes: 256 * 1024 * 1024,
  /** bytes of a picture file named by its path */
  fileBytes: 256 * 1024 * 1024,
} as const;

/** Pixels along a side of what a model makes, whose VAE covers `vaeScale` of them with a latent. */
export const leastSide = (vaeScale: number): number => (vaeScale < 8 ? 16 : 64);
export const MOST_SIDE = 4096;

/** @throws ImageError ERR_IPA_IMAGE_LIMIT */
export function checkSize(width: number, height: number, where: string, maxPixels: number = IMAGE_LIMITS.pixels): void {
  const limit = (what: string): ImageError =>
    new ImageError(
      "ERR_IPA_IMAGE_LIMIT",
      `${where}: the picture is ${width}x${height}, ${what}: scale or crop it first`,
    );
  if (width > IMAGE_LIMITS.side || height > IMAGE_LIMITS.side)
    throw limit(`sides may have at most ${IMAGE_LIMITS.side} pixels`);
  if (width * height > maxPixels) throw limit(`at most ${maxPixels / 1e6} megapixels are read`);
  if (Math.max(width, height) > IMAGE_LIMITS.aspect * Math.min(width, height)) {
    throw limit(`the long side may be at most ${IMAGE_LIMITS.aspect} times the short one`);
  }
}
