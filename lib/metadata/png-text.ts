/** Texts in PNG files: the chunks tEXt, iTXt and zTXt. */
import { lazily } from "../load-failure";

const zlib = lazily(() => require("node:zlib") as typeof import("node:zlib"));

/** Bytes of the signature, and of length, type and checksum around a chunk's data. */
const SIGNATURE = 8;
const FRAME = 12;
/** Bytes of a text that are read; longer ones are passed over. */
export const MOST_TEXT = 1024 * 1024;
/** Chunks that are looked at. */
const MOST_CHUNKS = 65536;

/** A text with its keyword, which has 1 to 79 letters of ASCII. */
export type Text = readonly [key: string, value: string];

/** The PNG with these texts in front of its pixels: Latin-1 in tEXt, everything else in iTXt, as PIL writes them. */
export function withTexts(png: Buffer, texts: readonly Text[]): Buffer {
  const header = SIGNATURE + FRAME + png.readUInt32BE(SIGNATURE);
  return Buffer.concat([png.subarray(0, header), ...texts.map(textChunk), png.subarray(header)]);
}

function textChunk([key, value]: Text): Buffer {
  // eslint-disable-next-line no-control-regex
  if (/^[\x01-\xff]*$/.test(value)) return chunk("tEXt", Buffer.from(`${key}\0${value}`, "latin1"));
  return chunk("iTXt", Buffer.concat([Buffer.from(`${key}\0\0\0\0\0`, "latin1"), Buffer.from(value, "utf8")]));
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const result = Buffer.alloc(body.length + 8);
  result.writeUInt32BE(data.length, 0);
  body.copy(result, 4);
  result.writeUInt32BE(crc32(body), body.length + 4);
  return result;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** Of ISO 3309, which zlib has only in newer Nodes. */
function crc32(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = (TABLE[(crc ^ byte) & 255] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** The texts of a PNG that can be read; the first of each keyword. Damaged chunks end the search. */
export function textsOf(png: Buffer): Map<string, string> {
  const texts = new Map<string, string>();
  let at = SIGNATURE;
  for (let i = 0; i < MOST_CHUNKS && at + FRAME <= png.length; i++) {
    const length = png.readUInt32BE(at);
    const type = png.toString("latin1", at + 4, at + 8);
    if (length > png.length - at - FRAME || type === "IEND") break;
    const text = readText(type, png.subarray(at + 8, at + 8 + length));
    if (text !== undefined && !texts.has(text[0])) texts.set(...text);
    at += FRAME + length;
  }
  return texts;
}

function readText(type: string, data: Buffer): Text | undefined {
  if ((type !== "tEXt" && type !== "iTXt" && type !== "zTXt") || data.length > MOST_TEXT) return undefined;
  const end = data.indexOf(0);
  if (end < 1 || end > 79) return undefined;
  const key = data.toString("latin1", 0, end);
  const rest = data.subarray(end + 1);
  if (type === "tEXt") return [key, rest.toString("latin1")];
  if (type === "zTXt") return inflated(key, rest.subarray(1), "latin1");
  // Two bytes about compression, a language, a keyword in it.
  const language = rest.indexOf(0, 2);
  const translated = language < 0 ? -1 : rest.indexOf(0, language + 1);
  if (translated < 0) return undefined;
  const text = rest.subarray(translated + 1);
  return rest[0] === 1 ? inflated(key, text, "utf8") : [key, text.toString("utf8")];
}

function inflated(key: string, data: Buffer, encoding: BufferEncoding): Text | undefined {
  try {
    return [key, zlib().inflateSync(data, { maxOutputLength: MOST_TEXT }).toString(encoding)];
  } catch {
    return undefined;
  }
}
