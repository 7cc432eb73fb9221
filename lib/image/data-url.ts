/** `data:` URLs (RFC 2397) as the bytes they carry. */
import { ImageError } from "../errors";
import { describe } from "../options/describe";
import { IMAGE_LIMITS } from "./limits";
import { sniff } from "./sniff";

/** Longest header in front of the comma: media types with their parameters are far shorter. */
const MOST_HEADER = 1024;

export const isDataUrl = (text: string): boolean => /^data:/i.test(text);

/** Characters of a string that are looked at to tell base64 from a path: paths have a dot among them. A shorter string than the least is no picture. */
const LOOKED_AT = { least: 100, most: 4096 };

/**
 * A picture in base64 as web pages and APIs hand it over, without the front of a data URL, would be taken for a path.
 * @throws ImageError ERR_IPA_IMAGE_FORMAT
 */
export function refuseBareBase64(text: string, option: string): void {
  const start = text.slice(0, LOOKED_AT.most).replace(/\s/g, "");
  if (text.length < LOOKED_AT.least || !/^[A-Za-z0-9+/]+={0,2}$/.test(start)) return;
  const found = sniff(Buffer.from(start, "base64"));
  if (!("format" in found)) return;
  throw new ImageError(
    "ERR_IPA_IMAGE_FORMAT",
    `${option}: ${describe(text)} is a ${found.format.toUpperCase()} picture in base64, not a path: write data:image/${found.format};base64, in front of it`,
  );
}

/**
 * The media type is not looked at: content decides, as with files.
 * @throws ImageError ERR_IPA_IMAGE_FORMAT, ERR_IPA_IMAGE_CORRUPT, ERR_IPA_IMAGE_LIMIT
 */
export function readDataUrl(url: string, option: string): Uint8Array {
  const comma = url.slice(0, MOST_HEADER).indexOf(",");
  if (comma < 0)
    throw new ImageError(
      "ERR_IPA_IMAGE_FORMAT",
      `${option}: a data URL without a comma in front of its data: write data:image/png;base64,…`,
    );
  const base64 = /;\s*base64\s*$/i.test(url.slice(0, comma));
  const length = url.length - comma - 1;
  // Four characters carry three bytes in base64; in the other form one character carries at most one.
  const most = Math.floor(base64 ? (length * 3) / 4 : length);
  if (most > IMAGE_LIMITS.encodedBytes + 2) throw tooLong(option);
  const bytes = base64 ? fromBase64(url.slice(comma + 1), option) : fromPercent(url.slice(comma + 1), option);
  if (bytes.length > IMAGE_LIMITS.encodedBytes) throw tooLong(option);
  if (bytes.length === 0) throw new ImageError("ERR_IPA_IMAGE_FORMAT", `${option}: the data URL is empty`);
  return bytes;
}

function tooLong(option: string): ImageError {
  return new ImageError(
    "ERR_IPA_IMAGE_LIMIT",
    `${option}: a data URL may carry at most ${IMAGE_LIMITS.encodedBytes} bytes: make the picture smaller`,
  );
}

/** Buffer.from() skips what is not base64, so that damage shows as missing bytes. */
function fromBase64(text: string, option: string): Uint8Array {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length === bytesOf(text)) return bytes;
  // Lines broken as in mail, and the escapes that URLs may have, are no damage.
  const plain = unescape(text, option).replace(/\s+/g, "");
  const again = Buffer.from(plain, "base64");
  if (again.length === bytesOf(plain)) return again;
  throw new ImageError("ERR_IPA_IMAGE_CORRUPT", `${option}: the base64 of the data URL is damaged or incomplete`);
}

/** Bytes that so many characters of base64 stand for; -1 where no number of bytes has such a length. */
function bytesOf(text: string): number {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const characters = text.length - padding;
  return characters % 4 === 1 ? -1 : Math.floor((characters * 3) / 4);
}

function fromPercent(text: string, option: string): Uint8Array {
  // Every escape is one byte, whatever characters they make together.
  if (/%(?![0-9a-f]{2})/i.test(text)) throw badEscape(option);
  return Buffer.from(
    text.replace(/%[0-9a-f]{2}/gi, (escape) => String.fromCharCode(parseInt(escape.slice(1), 16))),
    "latin1",
  );
}

function unescape(text: string, option: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badEscape(option);
  }
}

function badEscape(option: string): ImageError {
  return new ImageError("ERR_IPA_IMAGE_CORRUPT", `${option}: the data URL has a % that is no escape such as %20`);
}
