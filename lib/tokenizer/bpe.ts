/**
 * Byte pair encoding of words, as the Rust library does it: of all neighbours in a word the pair of lowest rank is merged first, of
 * equal ones the leftmost. Built in steps: the npm library's constructor holds the event loop for 100 ms with CLIP's vocabulary.
 */
import type { Steps } from "../slices";
import { MinHeap } from "./min-heap";

export const END_OF_WORD = "</w>";
/** In place of a symbol that was merged into the one before it. */
const GONE = -1;
/** Symbols are token ids; a text that is in merges but not in the vocabulary has a number below this. */
const NO_TOKEN = -2;
/** So that two symbols make one exact number: ids are below 2^24, and there are fewer than 2^20 symbols that are no tokens. */
const SHIFT = 2 ** 20;
const RANGE = 2 ** 25;

const pairOf = (left: number, right: number): number => (left + SHIFT) * RANGE + right + SHIFT;

/** What stands for each byte in a vocabulary: printable characters for themselves, then others from U+0100 on, in the order of the bytes. */
export function byteCharacters(): string[] {
  let others = 0;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : 0x100 + others++));
}

/** A text in the characters of a vocabulary. */
export function toByteCharacters(text: string): string {
  const characters = byteCharacters();
  return Array.from(new TextEncoder().encode(text), (byte) => characters[byte]).join("");
}

/** What such characters are the bytes of. */
export function fromByteCharacters(text: string): string {
  const bytes = new Map(byteCharacters().map((character, byte) => [character, byte]));
  return new TextDecoder().decode(Uint8Array.from(text, (character) => bytes.get(character) ?? 0x3f));
}

export function isPrintable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
}

export class Bpe {
  /** of every byte within a word, and at its end */
  readonly #inner = new Int32Array(256);
  readonly #last = new Int32Array(256);
  readonly #ranks = new Map<number, number>();
  /** what a merge makes, by its rank */
  readonly #merged: Int32Array;
  readonly #unknownId: number;
  readonly #utf8 = new TextEncoder();

  private constructor(merges: number, unknownId: number) {
    this.#merged = new Int32Array(merges);
    this.#unknownId = unknownId;
  }

  /**
   * @param merges the two parts of each, one after the other, best first
   * @param unknownId stands for what is not in the vocabulary
   */
  static *build(vocabulary: ReadonlyMap<string, number>, merges: readonly string[], unknownId: number): Steps<Bpe> {
    const bpe = new Bpe(merges.length / 2, unknownId);
    const others = new Map<string, number>();
    const symbolOf = (text: string): number => {
      const known = vocabulary.get(text) ?? others.get(text);
      if (known !== undefined) return known;
      const symbol = NO_TOKEN - others.size;
      others.set(text, symbol);
      return symbol;
    };
    byteCharacters().forEach((character, byte) => {
      bpe.#inner[byte] = symbolOf(character);
      bpe.#last[byte] = symbolOf(character + END_OF_WORD);
    });
    for (let rank = 0; rank < bpe.#merged.length; rank++) {
      const [left = "", right = ""] = [merges[2 * rank], merges[2 * rank + 1]];
      bpe.#ranks.set(pairOf(symbolOf(left), symbolOf(right)), rank);
      bpe.#merged[rank] = symbolOf(left + right);
      if (rank % 256 === 0) yield;
    }
    return bpe;
  }

  /** Appends the ids of one word. */
  encode(word: string, ids: number[]): void {
    const bytes = this.#utf8.encode(word);
    const count = bytes.length;
    const symbols = Int32Array.from(bytes, (byte, i) => (i === count - 1 ? this.#last : this.#inner)[byte] ?? 0);
    if (count > 1) this.#merge(symbols);
    for (const symbol of symbols) if (symbol !== GONE) ids.push(symbol < 0 ? this.#unknownId : symbol);
  }

  #merge(symbols: Int32Array): void {
    const count = symbols.length;
    const next = Int32Array.from(symbols, (_, i) => i + 1);
    const previous = Int32Array.from(symbols, (_, i) => i - 1);
    const rankAt = (at: number): number | undefined =>
      this.#ranks.get(pairOf(symbols[at] ?? 0, symbols[next[at] ?? 0] ?? 0));
    // Rank and place in one number, so that the least is the next to merge.
    const waiting = new MinHeap();
    const offer = (at: number): void => {
      if (at < 0 || (next[at] ?? count) >= count) return;
      const rank = rankAt(at);
      if (rank !== undefined) waiting.push(rank * count + at);
    };
    for (let at = 0; at < count - 1; at++) offer(at);
    for (let entry = waiting.pop(); entry !== undefined; entry = waiting.pop()) {
      const at = entry % count;
      const rank = (entry - at) / count;
      const right = next[at] ?? count;
      // Since it was offered one of the two may have become part of another.
      if (symbols[at] === GONE || right >= count || rankAt(at) !== rank) continue;
      symbols[at] = this.#merged[rank] ?? 0;
      symbols[right] = GONE;
      next[at] = next[right] ?? count;
      if ((next[at] ?? count) < count) previous[next[at] ?? 0] = at;
      offer(at);
      offer(previous[at] ?? -1);
    }
  }
}
