/** Tells an image format from its first bytes; names and extensions are never trusted. */

export type ImageFormat = "png" | "jpeg" | "webp" | "gif" | "tiff" | "avif";

/** One of the formats read here, or what else it seems to be (`SVG`, `PDF`, …; "" when unknown). */
export type Sniffed = { format: ImageFormat } | { other: string };

const ascii = (bytes: Uint8Array, start: number, end: number): string =>
  String.fromCharCode(...bytes.subarray(start, end));

const starts = (bytes: Uint8Array, ...prefix: number[]): boolean =>
  bytes.length >= prefix.length && prefix.every((byte, i) => bytes[i] === byte);

export function sniff(bytes: Uint8Array): Sniffed {
  if (starts(bytes, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return { format: "png" };
  if (starts(bytes, 0xff, 0xd8, 0xff)) return { format: "jpeg" };
  if (ascii(bytes, 0, 4) === "RIFF" && ascii(bytes, 8, 12) === "WEBP") return { format: "webp" };
  if (/^GIF8[79]a$/.test(ascii(bytes, 0, 6))) return { format: "gif" };
  if (starts(bytes, 0x49, 0x49, 42, 0) || starts(bytes, 0x4d, 0x4d, 0, 42)) return { format: "tiff" };
  if (starts(bytes, 0x49, 0x49, 43, 0) || starts(bytes, 0x4d, 0x4d, 0, 43)) return { format: "tiff" };
  if (ascii(bytes, 4, 8) === "ftyp") return sniffIsoMedia(bytes);
  return { other: sniffOther(bytes) };
}

/** ISO base media: AVIF by its brands, otherwise a HEIC picture or a film. */
function sniffIsoMedia(bytes: Uint8Array): Sniffed {
  const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);
  const brands = new Set<string>();
  for (let at = 8; at + 4 <= Math.min(size, bytes.length, 256); at += 4)
    if (at !== 12) brands.add(ascii(bytes, at, at + 4));
  if (brands.has("avif") || brands.has("avis")) return { format: "avif" };
  if (["heic", "heix", "hevc", "heim", "heis"].some((brand) => brands.has(brand))) return { other: "HEIC" };
  return { other: "a film or another ISO media file" };
}

function sniffOther(bytes: Uint8Array): string {
  if (ascii(bytes, 0, 5) === "%PDF-") return "PDF";
  if (ascii(bytes, 0, 2) === "BM") return "BMP";
  if (ascii(bytes, 0, 4) === "8BPS") return "Photoshop";
  if (starts(bytes, 0xff, 0x0a) || ascii(bytes, 4, 8) === "JXL ") return "JPEG XL";
  if (starts(bytes, 0x50, 0x4b, 3, 4)) return "a ZIP archive";
  const head = ascii(bytes, 0, Math.min(bytes.length, 1024)).trimStart().toLowerCase();
  if (head.includes("<svg")) return "SVG";
  if (head.startsWith("<!doctype html") || head.startsWith("<html")) return "an HTML page";
  if (head.startsWith("<?xml")) return "XML";
  return "";
}
