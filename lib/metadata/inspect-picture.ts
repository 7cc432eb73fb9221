/** What inspect() says of a picture. */
import { sniff } from "../image/sniff";
import type { CallSite } from "../native/call";
import type { WeightInspection } from "../native/contract";
import { withRegularFile } from "../read-file";
import { type PictureMetadata, readMetadataAt } from "./read";

/** What inspect() found. */
export interface Inspection extends WeightInspection {
  /** of a picture: the settings it carries */
  metadata?: PictureMetadata;
}

/** A PNG, JPEG or WebP; undefined for anything else. */
export async function inspectPicture(path: string, bytes: number, site: CallSite): Promise<Inspection | undefined> {
  // What cannot be opened the engine says.
  const start = await withRegularFile(path, (file) => file.read(Buffer.alloc(16), 0, 16, 0)).catch(() => undefined);
  if (start === undefined) return undefined;
  const sniffed = sniff(start.buffer.subarray(0, start.bytesRead));
  if (!("format" in sniffed) || !["png", "jpeg", "webp"].includes(sniffed.format)) return undefined;
  const metadata = await readMetadataAt(path, {}, site);
  return {
    kind: "picture",
    format: metadata.format,
    family: "",
    variant: "",
    encoder: "",
    unsupported: "",
    tokens: 0,
    parameters: 0,
    bytes,
    tensors: 0,
    types: {},
    ignored: { count: 0, names: [] },
    components: [],
    metadata,
    path: "",
  };
}
