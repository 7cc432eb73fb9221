/** CLIP's own vocabulary, for models that bring no tokenizer: single files. Shipped with the package, see NOTICE. */
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";

import { shippedFolder } from "./package-root";
import { readRegularFile } from "./read-file";

export interface ClipVocabulary {
  vocab: Record<string, number>;
  merges: [string, string][];
}

/** Reads and builds it anew each time: it is large, and seldom wanted twice. */
export async function clipVocabulary(): Promise<ClipVocabulary> {
  const zipped = await readRegularFile(join(shippedFolder("clip-vocabulary"), "merges.txt.gz"));
  const lines = (await promisify(gunzip)(zipped)).toString("utf8").trimEnd().split("\n");
  const merges = lines.map((line) => line.split(" ") as [string, string]);
  // Ids: every byte, every byte at the end of a word, what each merge gives, the two marks.
  const bytes = byteCharacters();
  const tokens = [...bytes, ...bytes.map((byte) => `${byte}</w>`), ...merges.map(([left, right]) => left + right), "<|startoftext|>", "<|endoftext|>"];
  return { vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges };
}

/** The characters that stand for bytes, in the order of their ids: printable ones for themselves, then the others from U+0100 on. */
function byteCharacters(): string[] {
  const printable = (byte: number): boolean => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  const themselves = bytes.filter(printable).map((byte) => String.fromCharCode(byte));
  return [...themselves, ...bytes.filter((byte) => !printable(byte)).map((_, i) => String.fromCharCode(0x100 + i))];
}
