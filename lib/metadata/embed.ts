/** Puts a picture's texts into its file. */
import type { ImageFormat } from "../image/sniff";
import { PARAMETERS_KEY, type PictureTexts, RECORD_KEY } from "./call-texts";
import { exifBlock, withJpegExif, withWebpExif } from "./exif";
import { withTexts } from "./png-text";

/** @param file of that format; a WebP with a block of EXIF to replace */
export function embedTexts(
  file: Buffer,
  format: Extract<ImageFormat, "png" | "jpeg" | "webp">,
  { parameters, record }: PictureTexts,
): Buffer {
  switch (format) {
    case "png":
      return withTexts(file, [
        [PARAMETERS_KEY, parameters],
        [RECORD_KEY, record],
      ]);
    case "webp":
      return withWebpExif(file, exifBlock({ description: record, comment: parameters }));
    case "jpeg":
      // A segment has 64 KB: what is too long for it is left out, our record last.
      return (
        withJpegExif(file, exifBlock({ description: record, comment: parameters })) ??
        withJpegExif(file, exifBlock({ description: record })) ??
        file
      );
  }
}
