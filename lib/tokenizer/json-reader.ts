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

const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

export class JsonReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The first character of the value that comes next; "" at the end. */
  peek(): string {
    while (isSpace(this.#bytes[this.#at])) this.#at++;
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
    throw new Malformed(`damaged JSON: expected ${character} but found ${found === "" ? "the end" : JSON.stringify(found)} at byte ${this.#at}`);
  }

  /** That nothing follows. */
  end(): void {
    if (this.peek() !== "") throw new Malformed(`damaged JSON: more behind its end at byte ${this.#at}`);
  }

  /** @param visit reads the value, at once or in steps */
  *object(visit: (key: string) => Steps | undefined): Steps {
    this.expect("{");
    if (this.take("}")) return;
    let count = 0;
    do {
      const key = this.string();
      this.expect(":");
      const steps = visit(key);
      if (steps !== undefined) yield* steps;
      if (++count % EACH === 0) yield;
    } while (this.take(","));
    this.expect("}");
  }

  /** @param visit reads an entry, at once or in steps */
  *array(visit: () => Steps | undefined): Steps {
    this.expect("[");
    if (this.take("]")) return;
    let count = 0;
    do {
      const steps = visit();
      if (steps !== undefined) yield* steps;
      if (++count % EACH === 0) yield;
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
    while (this.#at - start < 32 && /[-+.0-9eE]/.test(String.fromCharCode(this.#bytes[this.#at] ?? 0))) this.#at++;
    return Number(this.#bytes.toString("latin1", start, this.#at));
  }

  /** Passes over a value of any kind; of what it holds only strings and brackets are looked at. */
  *skip(): Steps {
    let depth = 0;
    let rest = BYTES_EACH;
    do {
      const start = this.#at;
      const first = this.peek();
      if (first === "") throw new Malformed("damaged JSON: it has no end");
      if (first === '"') this.#skipString();
      else {
        this.#at++;
        if (first === "{" || first === "[") depth++;
        else if (first === "}" || first === "]") depth--;
        else if (depth === 0) this.#skipWord();
      }
      if (depth < 0) throw new Malformed(`damaged JSON: expected a value at byte ${this.#at - 1}`);
      rest -= this.#at - start;
      if (rest > 0) continue;
      rest = BYTES_EACH;
      yield;
    } while (depth > 0);
  }

  #skipString(): void {
    const bytes = this.#bytes;
    this.#at++;
    while (bytes[this.#at] !== QUOTE) {
      if (this.#at >= bytes.length) throw new Malformed("damaged JSON: a string has no end");
      this.#at += bytes[this.#at] === BACKSLASH ? 2 : 1;
    }
    this.#at++;
  }

  /** The rest of a number, or of true, false or null. */
  #skipWord(): void {
    while (/[-+.\w]/.test(String.fromCharCode(this.#bytes[this.#at] ?? 0))) this.#at++;
  }
}
