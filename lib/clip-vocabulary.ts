/** CLIP's own vocabulary, for models that bring no tokenizer: single files. Shipped with the package, see NOTICE. */
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";

import { shippedFolder } from "./package-root";
import { readRegularFile } from "./read-file";
import type { Steps } from "./slices";
import { byteCharacters, isPrintable } from "./tokenizer/bpe";

export interface ClipVocabulary {
  vocabulary: Map<string, number>;
  /** the two parts of each, one after the other */
  merges: string[];
}

/** What clipVocabulary() is made of. */
export async function readClipMerges(): Promise<string> {
  const zipped = await readRegularFile(join(shippedFolder("clip-vocabulary"), "merges.txt.gz"));
  return (await promisify(gunzip)(zipped)).toString("utf8").trimEnd();
}

/** Built anew each time: it is large, and seldom wanted twice. */
export function* clipVocabulary(text: string): Steps<ClipVocabulary> {
  const vocabulary = new Map<string, number>();
  const merges: string[] = [];
  const add = (token: string): unknown => vocabulary.set(token, vocabulary.size);
  // Ids: every byte, every byte at the end of a word, what each merge gives, the two marks.
  const characters = byteCharacters();
  const printable = characters.filter((_, byte) => isPrintable(byte));
  const bytes = [...printable, ...characters.filter((_, byte) => !isPrintable(byte))];
  for (const byte of bytes) add(byte);
  for (const byte of bytes) add(`${byte}</w>`);
  for (let at = 0; at < text.length;) {
    const space = text.indexOf(" ", at);
    const newline = text.indexOf("\n", space);
    const end = newline < 0 ? text.length : newline;
    const [left, right] = [text.slice(at, space), text.slice(space + 1, end)];
    at = end + 1;
    merges.push(left, right);
    add(left + right);
    if (vocabulary.size % 512 === 0) yield;
  }
  add("<|startoftext|>");
  add("<|endoftext|>");
  return { vocabulary, merges };
}
