/**
 * JSON read from its bytes piece by piece, by who knows what to expect. JSON.parse() would make objects of a whole file at once,
 * hundreds of thousands of properties with the event loop standing still, before any limit could be looked at.
 */
import type { Steps } from "../slices";
import { Malformed, TOKENIZER_LIMITS, checkToken, tooLong } from "./limits";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Members and entries between two points where the work may be interrupted. */
const EACH = 512;
const BYTES_EACH = 64 * 1024;
/** Characters of a number, or of true, false and null. */
const MOST_WORD = 64;

const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** What numbers, true, false and null are written with: by a table, for lists have millions. */
const WORD = Uint8Array.from({ length: 256 }, (_, byte) => (/[-+.\w]/.test(String.fromCharCode(byte)) ? 1 : 0));

export class JsonReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /**
   * The first character of the value that comes next; "" at the end.
   * @throws Malformed for so much white space that it should have been passed over in steps
   */
  peek(): string {
    if (!this.#spaces()) throw new Malformed(`more than ${BYTES_EACH} bytes of white space at byte ${this.#at}`);
    const byte = this.#bytes[this.#at];
    return byte === undefined ? "" : String.fromCharCode(byte);
  }

  /** Takes one character of punctuation. */
  take(character: string): boolean {
    if (this.peek() !== character) return false;
    this.#at++;
    return true;
  }

  expect(character: string): void {
    if (this.take(character)) return;
    const found = this.peek();
    throw new Malformed(
      `damaged JSON: expected ${character} but found ${found === "" ? "the end" : JSON.stringify(found)} at byte ${this.#at}`,
    );
  }

  /** Whether all the white space has been passed over, or so much that the work may be interrupted. */
  #spaces(): boolean {
    const end = this.#at + BYTES_EACH;
    while (isSpace(this.#bytes[this.#at])) if (this.#at++ >= end) return false;
    return true;
  }

  /** Passes over white space. */
  *spaces(): Steps {
    while (!this.#spaces()) yield;
  }

  /** That nothing follows. */
  *end(): Steps {
    while (!this.#spaces()) yield;
    if (this.peek() !== "") throw new Malformed(`damaged JSON: more behind its end at byte ${this.#at}`);
  }

  /** @param visit reads the value, at once or in steps */
  *object(visit: (key: string) => Steps | undefined): Steps {
    while (!this.#spaces()) yield;
    this.expect("{");
    while (!this.#spaces()) yield;
    if (this.take("}")) return;
    let count = 0;
    do {
      while (!this.#spaces()) yield;
      const key = this.string();
      while (!this.#spaces()) yield;
      this.expect(":");
      while (!this.#spaces()) yield;
      const steps = visit(key);
      if (steps !== undefined) yield* steps;
      if (++count % EACH === 0) yield;
      while (!this.#spaces()) yield;
    } while (this.take(","));
    this.expect("}");
  }

  /** @param visit reads an entry, at once or in steps */
  *array(visit: () => Steps | undefined): Steps {
    this.expect("[");
    while (!this.#spaces()) yield;
    if (this.take("]")) return;
    let count = 0;
    do {
      while (!this.#spaces()) yield;
      const steps = visit();
      if (steps !== undefined) yield* steps;
      if (++count % EACH === 0) yield;
      while (!this.#spaces()) yield;
    } while (this.take(","));
    this.expect("]");
  }

  /**
   * A string that may be a token, or the name of a member.
   * @param most bytes in UTF-8
   * @throws PastLimit for a longer one
   */
  string(most: number = TOKENIZER_LIMITS.tokenBytes): string {
    this.expect('"');
    const start = this.#at;
    const bytes = this.#bytes;
    let escaped = false;
    for (;;) {
      const byte = bytes[this.#at];
      if (byte === QUOTE) break;
      if (byte === undefined) throw new Malformed("damaged JSON: a string has no end");
      if (byte < 0x20) throw new Malformed(`damaged JSON: a control character in a string at byte ${this.#at}`);
      // As written, every byte may be an escape of six.
      if (this.#at - start > 6 * most) throw tooLong();
      if (byte === BACKSLASH) escaped = true;
      this.#at += byte === BACKSLASH ? 2 : 1;
    }
    const end = this.#at++;
    if (!escaped) return checkToken(bytes.toString("utf8", start, end), most);
    try {
      return checkToken(JSON.parse(bytes.toString("utf8", start - 1, end + 1)) as string, most);
    } catch (error) {
      throw error instanceof SyntaxError ? new Malformed(`damaged JSON: a bad escape at byte ${start}`) : error;
    }
  }

  /** NaN for any other value, which is then not read. */
  number(): number {
    if (!/[-0-9]/.test(this.peek())) return NaN;
    const start = this.#at;
    while (/[-+.0-9eE]/.test(String.fromCharCode(this.#bytes[this.#at] ?? 0)))
      if (this.#at++ - start >= MOST_WORD) throw tooLongWord(start);
    return Number(this.#bytes.toString("latin1", start, this.#at));
  }

  /** Passes over a value of any kind; of what it holds only strings, words and brackets are looked at. */
  *skip(): Steps {
    let depth = 0;
    let rest = BYTES_EACH;
    do {
      const start = this.#at;
      while (!this.#spaces()) yield;
      const first = this.peek();
      if (first === "") throw new Malformed("damaged JSON: it has no end");
      this.#at++;
      if (first === '"') while (!this.#stringEnds()) yield;
      else if (first === "{" || first === "[") depth++;
      else if (first === "}" || first === "]") depth--;
      else if (first !== "," && first !== ":") this.#skipWord();
      if (depth < 0) throw new Malformed(`damaged JSON: expected a value at byte ${this.#at - 1}`);
      rest -= this.#at - start;
      if (rest > 0) continue;
      rest = BYTES_EACH;
      yield;
    } while (depth > 0);
  }

  /**
   * A small value of any kind, as JSON.parse() gives it.
   * @throws Malformed for one of more than so many bytes
   */
  *value(most: number): Steps<unknown> {
    while (!this.#spaces()) yield;
    const start = this.#at;
    yield* this.skip();
    if (this.#at - start > most) throw new Malformed(`the value at byte ${start} has more than ${most} bytes`);
    try {
      return JSON.parse(this.#bytes.toString("utf8", start, this.#at)) as unknown;
    } catch {
      throw new Malformed(`damaged JSON: no value at byte ${start}`);
    }
  }

  /** Whether the string has been passed over, or so much of it that the work may be interrupted. */
  #stringEnds(): boolean {
    const bytes = this.#bytes;
    const until = this.#at + BYTES_EACH;
    while (bytes[this.#at] !== QUOTE) {
      if (this.#at >= bytes.length) throw new Malformed("damaged JSON: a string has no end");
      if (this.#at >= until) return false;
      this.#at += bytes[this.#at] === BACKSLASH ? 2 : 1;
    }
    this.#at++;
    return true;
  }

  /** The rest of a number, or of true, false or null. */
  #skipWord(): void {
    const start = this.#at;
    while (WORD[this.#bytes[this.#at] ?? 0] === 1) if (this.#at++ - start >= MOST_WORD) throw tooLongWord(start);
  }
}

const tooLongWord = (at: number): Malformed =>
  new Malformed(`a number of more than ${MOST_WORD} characters at byte ${at}`);
