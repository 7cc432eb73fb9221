/** The tokens of a prompt as text, and the words that they are of. */
import type { NativeText } from "../native/contract";
import type { PromptEncoder } from "../prompt/encode";
import { END_OF_WORD, fromByteCharacters } from "../tokenizer/bpe";
import type { AttentionToken } from "./types";

/** Of one prompt of a call; all of its pictures share it, and nothing is computed before it is asked for. */
export class PromptText {
  readonly #text: NativeText;
  readonly #encoder: PromptEncoder;
  #texts: ReadonlyMap<number, string> | undefined;
  #tokens: readonly AttentionToken[] | undefined;
  #words: readonly string[] | undefined;

  /** @param text as the first text encoder has it: SDXL joins the features of both, token by token */
  constructor(text: NativeText, encoder: PromptEncoder) {
    this.#text = text;
    this.#encoder = encoder;
  }

  get tokens(): readonly AttentionToken[] {
    this.#tokens ??= this.#readTokens();
    return this.#tokens;
  }

  /** In their order, each once; those without a letter or digit aside. */
  get words(): readonly string[] {
    this.#words ??= this.#readWords();
    return this.#words;
  }

  /** Places of the tokens of each run that is this word, or these words, start, end and padding left out. */
  find(word: string): number[] {
    const ids = this.#encoder.tokenizer.encode(word, this.tokens.length);
    const places = this.tokens.flatMap(({ kind }, i) => (kind === "text" ? [i] : []));
    const found: number[] = [];
    if (ids.length === 0) return found;
    for (let i = 0; i + ids.length <= places.length;) {
      const run = places.slice(i, i + ids.length);
      const same = run.every((place, j) => this.tokens[place]?.id === ids[j]);
      if (same) found.push(...run);
      i += same ? ids.length : 1;
    }
    return found;
  }

  /** As the vocabulary has it. */
  #textOf(id: number): string {
    this.#texts ??= this.#encoder.tokenizer.textsOf(this.#text.ids);
    return this.#texts.get(id) ?? "";
  }

  #readTokens(): AttentionToken[] {
    const { tokenizer, contextLength } = this.#encoder;
    const { ids, weights } = this.#text;
    let ended = false;
    return Array.from(ids, (id, i) => {
      const first = i % contextLength === 0;
      if (first) ended = false;
      const kind = first ? "start" : ended ? "padding" : id === tokenizer.endId ? "end" : "text";
      if (kind === "end") ended = true;
      const text = kind === "text" ? fromByteCharacters(this.#textOf(id).replace(END_OF_WORD, "")) : "";
      return { text, id, kind, weight: weights[i] ?? 1 };
    });
  }

  #readWords(): string[] {
    const words = new Set<string>();
    let word = "";
    for (const { kind, id } of this.tokens) {
      if (kind !== "text") continue;
      word += this.#textOf(id);
      if (!word.endsWith(END_OF_WORD)) continue;
      const whole = fromByteCharacters(word.slice(0, -END_OF_WORD.length));
      if (/[\p{L}\p{N}]/u.test(whole)) words.add(whole);
      word = "";
    }
    return [...words];
  }
}
