import { lazily } from "./load-failure";
import type { PictureMetadata, ReadMetadataOptions } from "./metadata/read";
import { CallSite } from "./native/call";

const reader = lazily(() => require("./metadata/read") as typeof import("./metadata/read"));

/**
 * Reads the settings that a PNG, JPEG or WebP carries. Nothing of the picture is decoded.
 * @param picture a path, a file: URL, or the bytes of the file
 * @throws ERR_IPA_NOT_FOUND, ERR_IPA_IO; ERR_IPA_UNSUPPORTED for another format; ERR_IPA_SYNTAX for settings that are damaged;
 * with `verify` ERR_IPA_NOT_FOUND or ERR_IPA_CHANGED for a file that is missing or has changed
 */
export async function readMetadata(
  picture: string | URL | Uint8Array,
  options: ReadMetadataOptions = {},
): Promise<PictureMetadata> {
  const site = new CallSite();
  return reader().readMetadataAt(picture, options, site);
}
