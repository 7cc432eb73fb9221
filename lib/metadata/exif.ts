/** Two texts in EXIF blocks, and these blocks in JPEG and WebP files. */

/** What is written: a description in ASCII, and a comment in any letters. */
export interface ExifTexts {
  description?: string | undefined;
  comment?: string | undefined;
}

const DESCRIPTION = 0x010e;
const EXIF_FOLDER = 0x8769;
const COMMENT = 0x9286;
const ASCII = 2;
const LONG = 4;
const UNDEFINED = 7;
/** Bytes before a JPEG segment's data: a mark and a length, which counts itself. */
const EXIF_MARK = Buffer.from("Exif\0\0", "latin1");
const MOST_SEGMENT = 65533;

/** A TIFF block, big-endian, with both texts; the comment as AUTOMATIC1111 writes it, in UTF-16. */
export function exifBlock({ description, comment }: ExifTexts): Buffer {
  const utf16 = Buffer.from(comment ?? "", "utf16le").swap16();
  const texts: [tag: number, type: number, data: Buffer][] = [];
  if (description !== undefined) texts.push([DESCRIPTION, ASCII, Buffer.from(`${description}\0`, "latin1")]);
  if (comment !== undefined) texts.push([COMMENT, UNDEFINED, Buffer.concat([Buffer.from("UNICODE\0"), utf16])]);
  // Folder 0 has the description and leads to the one of EXIF, which has the comment.
  const first = texts.filter(([tag]) => tag === DESCRIPTION);
  const second = texts.filter(([tag]) => tag === COMMENT);
  const size = (entries: number): number => 2 + 12 * entries + 4;
  const firstSize = size(first.length + 1);
  const secondAt = 8 + firstSize;
  let dataAt = secondAt + size(second.length);
  const data: Buffer[] = [];
  const place = ([tag, type, bytes]: (typeof texts)[number]): Buffer => {
    const padded = Buffer.concat([bytes, Buffer.alloc(bytes.length % 2)]);
    const written = bytes.length <= 4 ? entry(tag, type, bytes.length, bytes) : entry(tag, type, bytes.length, dataAt);
    if (bytes.length > 4) {
      data.push(padded);
      dataAt += padded.length;
    }
    return written;
  };
  const folder = (entries: Buffer[]): Buffer => {
    const count = Buffer.alloc(2);
    count.writeUInt16BE(entries.length);
    return Buffer.concat([count, ...entries, Buffer.alloc(4)]);
  };
  const head = Buffer.from([0x4d, 0x4d, 0, 42, 0, 0, 0, 8]);
  const firstFolder = folder([...first.map(place), entry(EXIF_FOLDER, LONG, 1, secondAt)]);
  return Buffer.concat([head, firstFolder, folder(second.map(place)), ...data]);
}

function entry(tag: number, type: number, count: number, value: number | Buffer): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt16BE(tag, 0);
  bytes.writeUInt16BE(type, 2);
  bytes.writeUInt32BE(count, 4);
  if (typeof value === "number") bytes.writeUInt32BE(value, 8);
  else value.copy(bytes, 8);
  return bytes;
}

/** The texts of a TIFF block, in either order of bytes; what does not fit in it is passed over. */
export function readExif(block: Buffer): ExifTexts {
  const order = block.toString("latin1", 0, 2);
  if (block.length < 8 || (order !== "MM" && order !== "II")) return {};
  const short = (at: number): number => (order === "MM" ? block.readUInt16BE(at) : block.readUInt16LE(at));
  const long = (at: number): number => (order === "MM" ? block.readUInt32BE(at) : block.readUInt32LE(at));
  const find = (folder: number, tag: number): Buffer | number | undefined => {
    if (folder < 8 || folder + 2 > block.length) return undefined;
    for (let i = 0, at = folder + 2; i < short(folder) && at + 12 <= block.length; i++, at += 12) {
      if (short(at) !== tag) continue;
      if (short(at + 2) === LONG) return long(at + 8);
      const count = long(at + 4);
      const start = count <= 4 ? at + 8 : long(at + 8);
      return start + count <= block.length ? block.subarray(start, start + count) : undefined;
    }
    return undefined;
  };
  const root = long(4);
  const description = find(root, DESCRIPTION);
  const folder = find(root, EXIF_FOLDER);
  const comment = typeof folder === "number" ? find(folder, COMMENT) : undefined;
  return {
    description: Buffer.isBuffer(description) ? description.toString("utf8").replace(/\0+$/, "") : undefined,
    comment: Buffer.isBuffer(comment) ? commentText(comment, order === "MM") : undefined,
  };
}

/** By the eight letters in front of it; the order of UTF-16 is a byte order mark's, else that with more Latin letters. */
function commentText(bytes: Buffer, bigEndian: boolean): string {
  const kind = bytes.toString("latin1", 0, 8);
  const text = bytes.subarray(8);
  if (kind !== "UNICODE\0") return text.toString("utf8").replace(/\0+$/, "");
  const even = Buffer.from(text.subarray(0, text.length & ~1));
  const zeros = [0, 0];
  for (let i = 0; i < Math.min(even.length, 256); i++) if (even[i] === 0) zeros[i & 1] = (zeros[i & 1] ?? 0) + 1;
  const [high = 0, low = 0] = zeros;
  return (high === low ? bigEndian : high > low) ? even.swap16().toString("utf16le") : even.toString("utf16le");
}

/** The JPEG with the block behind its first mark; undefined where it is too long for a JPEG. */
export function withJpegExif(jpeg: Buffer, block: Buffer): Buffer | undefined {
  const length = EXIF_MARK.length + block.length;
  if (length > MOST_SEGMENT) return undefined;
  const head = Buffer.from([0xff, 0xe1, 0, 0]);
  head.writeUInt16BE(length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), head, EXIF_MARK, block, jpeg.subarray(2)]);
}

/** The block of a JPEG's first EXIF segment. */
export function jpegExif(jpeg: Buffer): Buffer | undefined {
  for (let at = 2; at + 4 <= jpeg.length && jpeg[at] === 0xff;) {
    const mark = jpeg[at + 1] ?? 0;
    const length = jpeg.readUInt16BE(at + 2);
    if (mark === 0xda || length < 2 || at + 2 + length > jpeg.length) return undefined;
    const data = jpeg.subarray(at + 4, at + 2 + length);
    if (mark === 0xe1 && data.subarray(0, EXIF_MARK.length).equals(EXIF_MARK)) return data.subarray(EXIF_MARK.length);
    at += 2 + length;
  }
  return undefined;
}

/** The WebP, which has a block of EXIF, with this one in its place. */
export function withWebpExif(webp: Buffer, block: Buffer): Buffer {
  const chunks = webpChunks(webp).map(({ type, data }) => (type === "EXIF" ? { type, data: block } : { type, data }));
  const body = chunks.flatMap(({ type, data }) => {
    const head = Buffer.from(`${type}\0\0\0\0`, "latin1");
    head.writeUInt32LE(data.length, 4);
    return [head, data, Buffer.alloc(data.length % 2)];
  });
  const file = Buffer.concat([webp.subarray(0, 12), ...body]);
  file.writeUInt32LE(file.length - 8, 4);
  return file;
}

/** The block of a WebP's EXIF; some programs write JPEG's mark in front of it. */
export function webpExif(webp: Buffer): Buffer | undefined {
  const data = webpChunks(webp).find(({ type }) => type === "EXIF")?.data;
  return data?.subarray(0, EXIF_MARK.length).equals(EXIF_MARK) === true ? data.subarray(EXIF_MARK.length) : data;
}

function webpChunks(webp: Buffer): { type: string; data: Buffer }[] {
  const chunks = [];
  for (let at = 12; at + 8 <= webp.length && chunks.length < 4096;) {
    const length = webp.readUInt32LE(at + 4);
    if (length > webp.length - at - 8) break;
    chunks.push({ type: webp.toString("latin1", at, at + 4), data: webp.subarray(at + 8, at + 8 + length) });
    at += 8 + length + (length % 2);
  }
  return chunks;
}
