/**
 * CLIP's byte-level BPE, id for id as transformers' CLIPTokenizer. JavaScript's \s and toLowerCase() differ from those of the
 * Rust library (U+0085, U+FEFF, final sigma), so that text is normalised by tables and letter by letter.
 */
import { clipVocabulary, readClipMerges } from "./clip-vocabulary";
import { OptionError, fileError } from "./errors";
import type { AbortSignalLike } from "./abort-signal";
import { type Steps, inSlices } from "./slices";
import { Bpe, END_OF_WORD, toByteCharacters } from "./tokenizer/bpe";
import { type SpecialTokens, type TokenizerFiles, broken, readTokenizerFiles } from "./tokenizer/files";
import { TextTrie } from "./tokenizer/text-trie";

/** What prompt encoding needs of a tokenizer. */
export interface PromptTokenizer {
  readonly startId: number;
  readonly endId: number;
  readonly padId: number;
  /** id of a comma as a word of its own, where long prompts are best cut; -1 when it is not one token */
  readonly commaId: number;
  /**
   * ids without start and end token
   * @param most it stops somewhere behind so many
   */
  encode(text: string, most?: number): number[];
  /** how many ids, from this one on, are one token's and better stay in one chunk; mostly 1 */
  spanOf(id: number): number;
  /** What these ids stand for, in the characters of a byte-level vocabulary: `</w>` ends a word. */
  textsOf(ids: Iterable<number>): Map<number, string>;
}

// Unicode White_Space, as the Rust library's \s.
const WHITE_SPACE = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/gu;
// Words, single digits, runs of symbols; white space is ' ' alone by then.
const PIECES = /'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^ \p{L}\p{N}]+/gu;

export class ClipTokenizer implements PromptTokenizer {
  readonly startId: number;
  readonly endId: number;
  readonly padId: number;
  readonly commaId: number;
  /** one more than the largest id */
  readonly size: number;
  readonly #bpe: Bpe;
  readonly #vocabulary: ReadonlyMap<string, number>;
  /** the ids that each stands for */
  readonly #added: TextTrie<readonly number[]>;
  /** textual inversions and others that are meant in any case, by their normalised text */
  readonly #learned: TextTrie<readonly number[]>;
  readonly #spans = new Map<number, number>();
  /** of what addToken() added, by its ids */
  readonly #texts = new Map<number, string>();
  /** what the tokenizer's files have beside the vocabulary */
  readonly #others: readonly Iterable<readonly [string, number]>[];

  private constructor(parts: {
    bpe: Bpe;
    files: TokenizerFiles;
    added: TextTrie<readonly number[]>;
    learned: TextTrie<readonly number[]>;
    size: number;
  }) {
    const { bpe, files, added, learned, size } = parts;
    this.#bpe = bpe;
    this.#vocabulary = files.vocabulary;
    this.#others = [files.added, files.normalised];
    this.#added = added;
    this.#learned = learned;
    this.size = size;
    this.startId = idOf(files, "bos");
    this.endId = idOf(files, "eos");
    this.padId = idOf(files, "pad");
    const comma = this.encode(",");
    this.commaId = comma.length === 1 ? (comma[0] ?? -1) : -1;
  }

  /**
   * Reads tokenizer.json, or vocab.json and merges.txt, with tokenizer_config.json, special_tokens_map.json and added_tokens.json beside
   * them, in slices between which the event loop turns.
   * @throws IpAdapterError ERR_IPA_NOT_FOUND, ERR_IPA_IO, ERR_IPA_LIMIT, ERR_IPA_TOKENIZER; signal.reason
   */
  static async load(folder: string, signal?: AbortSignalLike): Promise<ClipTokenizer> {
    const files = await readTokenizerFiles(folder, signal);
    return inSlices(ClipTokenizer.#build(files, folder), signal);
  }

  /**
   * CLIP's own, for models in one file.
   * @param pad what fills up a prompt: SD 1 and SDXL's first encoder were trained with "<|endoftext|>", open_clip's with "!"
   * @throws IpAdapterError ERR_IPA_IO when the package is damaged; signal.reason
   */
  static async shipped(pad: "<|endoftext|>" | "!", signal?: AbortSignalLike): Promise<ClipTokenizer> {
    const where = "models/clip-vocabulary";
    const text = await readClipMerges().catch((error: unknown) => {
      throw fileError("tokenizer", where, error);
    });
    const { vocabulary, merges } = await inSlices(clipVocabulary(text), signal);
    const special = { bos: "<|startoftext|>", eos: "<|endoftext|>", unk: "<|endoftext|>", pad };
    const added = new Map([special.bos, special.eos, special.pad].map((token) => [token, vocabulary.get(token) ?? -1]));
    return inSlices(ClipTokenizer.#build({ vocabulary, merges, added, normalised: [], special }, where), signal);
  }

  static *#build(files: TokenizerFiles, where: string): Steps<ClipTokenizer> {
    const [added, learned] = [new TextTrie<readonly number[]>(), new TextTrie<readonly number[]>()];
    let [size, count] = [0, 0];
    for (const id of files.vocabulary.values()) {
      size = Math.max(size, id + 1);
      if (++count % 4096 === 0) yield;
    }
    const add = (trie: TextTrie<readonly number[]>, text: string, id: number): boolean => {
      trie.add(text, [id]);
      size = Math.max(size, id + 1);
      return ++count % 256 === 0;
    };
    for (const [text, id] of files.added) if (add(added, text, id)) yield;
    for (const [text, id] of files.normalised) if (add(learned, normalise(text), id)) yield;
    const { eos, unk } = files.special;
    const unknownId = find(files, unk) ?? find(files, eos) ?? 0;
    const bpe = yield* Bpe.build(files.vocabulary, files.merges, unknownId);
    try {
      return new ClipTokenizer({ bpe, files, added, learned, size });
    } catch (error) {
      throw error instanceof MissingToken ? broken(where, error.message, error) : error;
    }
  }

  /**
   * A token that was learned by textual inversion: its text, anywhere in a prompt and in any case, stands for `count` ids from
   * `firstId` on. As in diffusers, those behind the first have names of their own too: token_1, token_2, and so on.
   * @param option where the token comes from, for messages
   * @throws OptionError for a token that there is already
   */
  addToken(token: string, firstId: number, count: number, option: string): void {
    if (token.trim() === "")
      throw new OptionError(option, `expected a token with letters but its name is ${JSON.stringify(token)}: pass one`);
    const ids = Array.from({ length: count }, (_, i) => firstId + i);
    const names = ids.map((_, i) => (i === 0 ? token : `${token}_${i}`));
    for (const name of [...names, `${token}_1`]) {
      if (!this.#vocabulary.has(name) && !this.#added.has(name) && !this.#learned.has(normalise(name))) continue;
      throw new OptionError(
        option,
        `the token ${JSON.stringify(name)} is in the model's vocabulary already: pass another name`,
      );
    }
    names.forEach((name, i) => this.#learned.add(normalise(name), i === 0 ? ids : ids.slice(i, i + 1)));
    this.#spans.set(firstId, count);
    for (const [i, id] of ids.entries())
      this.#texts.set(id, `${i === 0 ? toByteCharacters(token) : ""}${i === count - 1 ? END_OF_WORD : ""}`);
  }

  encode(text: string, most = Infinity): number[] {
    const ids: number[] = [];
    for (const piece of this.#added.pieces(text)) {
      if (ids.length > most) break;
      if (typeof piece === "string") this.#encodePlain(normalise(piece), ids, most);
      else append(ids, piece);
    }
    return ids;
  }

  spanOf(id: number): number {
    return this.#spans.get(id) ?? 1;
  }

  textsOf(ids: Iterable<number>): Map<number, string> {
    const wanted = new Set(ids);
    const texts = new Map<number, string>();
    for (const [text, id] of this.#vocabulary) if (wanted.has(id)) texts.set(id, text);
    for (const others of this.#others)
      for (const [text, id] of others) if (wanted.has(id)) texts.set(id, toByteCharacters(text) + END_OF_WORD);
    for (const id of wanted) {
      const text = this.#texts.get(id);
      if (text !== undefined) texts.set(id, text);
    }
    return texts;
  }

  #encodePlain(text: string, ids: number[], most: number): void {
    for (const piece of this.#learned.pieces(text)) {
      if (typeof piece !== "string") append(ids, piece);
      else {
        for (const [word] of piece.matchAll(PIECES)) {
          if (ids.length > most) return;
          this.#bpe.encode(word, ids);
        }
      }
      if (ids.length > most) return;
    }
  }
}

function append(ids: number[], more: readonly number[]): void {
  for (const id of more) ids.push(id);
}

/** NFC, white space as single spaces, each character lower case on its own. */
function normalise(text: string): string {
  let result = "";
  for (const character of text.normalize("NFC").replace(WHITE_SPACE, " ")) result += character.toLowerCase();
  return result;
}

class MissingToken extends Error {}

const find = ({ added, vocabulary }: TokenizerFiles, token: string): number | undefined =>
  added.get(token) ?? vocabulary.get(token);

function idOf(files: TokenizerFiles, name: keyof SpecialTokens): number {
  const token = files.special[name];
  const id = find(files, token);
  if (id === undefined) throw new MissingToken(`its ${name}_token ${JSON.stringify(token)} is not in the vocabulary`);
  return id;
}
