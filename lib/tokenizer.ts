/**
 * CLIP's byte-level BPE, id for id as transformers' CLIPTokenizer. Byte pairs are merged by @huggingface/tokenizers; the
 * text is normalised here, because JavaScript's \s and toLowerCase() differ from those of the Rust library (U+0085,
 * U+FEFF, final sigma).
 */
import { join } from "node:path";

import * as tokenizers from "@huggingface/tokenizers";

import { clipVocabulary } from "./clip-vocabulary";
import { IpAdapterError, OptionError, fileError, messageOf, systemCode } from "./errors";
import { NotAFileError, readRegularFile } from "./read-file";

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
}

/** The part of the library that is used; its own types do not resolve under Node's module rules. */
interface Bpe {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
}
const { Tokenizer } = tokenizers as unknown as { Tokenizer: new (tokenizer: object, config: object) => Bpe };

interface Files {
  vocab: Record<string, number>;
  merges: [string, string][];
  /** text of every added token, with its id */
  added: Map<string, number>;
  special: { bos: string; eos: string; unk: string; pad: string };
}

// Unicode White_Space, as the Rust library's \s.
const WHITE_SPACE = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/gu;
// Words, single digits, runs of symbols; white space is ' ' alone by then.
const PIECES = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^ \\p{L}\\p{N}]+";

export class ClipTokenizer implements PromptTokenizer {
  readonly startId: number;
  readonly endId: number;
  readonly padId: number;
  readonly commaId: number;
  /** one more than the largest id */
  readonly size: number;
  readonly #bpe: Bpe;
  readonly #vocab: Record<string, number>;
  readonly #added: Map<string, number>;
  readonly #split: RegExp;
  /** textual inversions, by their normalised text: the ids each stands for */
  readonly #learned = new Map<string, number[]>();
  readonly #spans = new Map<number, number>();
  #splitLearned: RegExp | undefined;

  private constructor(files: Files) {
    const { vocab, merges, added, special } = files;
    this.#vocab = vocab;
    this.#added = added;
    this.#split = anyOf(added.keys());
    this.#bpe = new Tokenizer(
      {
        version: "1.0",
        truncation: null,
        padding: null,
        added_tokens: [],
        normalizer: null,
        pre_tokenizer: {
          type: "Sequence",
          pretokenizers: [
            { type: "Split", pattern: { Regex: PIECES }, behavior: "Removed", invert: true },
            { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
          ],
        },
        post_processor: null,
        decoder: null,
        model: {
          type: "BPE",
          dropout: null,
          unk_token: special.unk,
          continuing_subword_prefix: "",
          end_of_word_suffix: "</w>",
          fuse_unk: false,
          byte_fallback: false,
          ignore_merges: false,
          vocab,
          merges,
        },
      },
      {},
    );
    this.startId = idOf(files, special.bos, "bos_token");
    this.endId = idOf(files, special.eos, "eos_token");
    this.padId = idOf(files, special.pad, "pad_token");
    let size = 0;
    for (const id of [...Object.values(vocab), ...added.values()]) size = Math.max(size, id + 1);
    this.size = size;
    const comma = this.encode(",");
    this.commaId = comma.length === 1 ? (comma[0] ?? -1) : -1;
  }

  /**
   * Reads tokenizer.json, or vocab.json and merges.txt, with tokenizer_config.json and special_tokens_map.json beside them.
   * @throws IpAdapterError ERR_IPA_NOT_FOUND, ERR_IPA_IO, ERR_IPA_TOKENIZER
   */
  static async load(folder: string): Promise<ClipTokenizer> {
    const files = await readFiles(folder);
    try {
      return new ClipTokenizer(files);
    } catch (error) {
      throw error instanceof IpAdapterError ? error : broken(folder, messageOf(error), error);
    }
  }

  /**
   * CLIP's own, for models in one file.
   * @param pad what fills up a prompt: SD 1 and SDXL's first encoder were trained with "<|endoftext|>", open_clip's with "!"
   * @throws IpAdapterError ERR_IPA_IO when the package is damaged
   */
  static async shipped(pad: "<|endoftext|>" | "!"): Promise<ClipTokenizer> {
    const { vocab, merges } = await clipVocabulary().catch((error: unknown) => {
      throw error instanceof IpAdapterError ? error : fileError("tokenizer", "models/clip-vocabulary", error);
    });
    const special = { bos: "<|startoftext|>", eos: "<|endoftext|>", unk: "<|endoftext|>", pad };
    const added = new Map([special.bos, special.eos, special.pad].map((token) => [token, vocab[token] ?? -1]));
    return new ClipTokenizer({ vocab, merges, added, special });
  }

  /**
   * A token that was learned by textual inversion: its text, anywhere in a prompt and in any case, stands for `count` ids from
   * `firstId` on. As in diffusers, those behind the first have names of their own too: token_1, token_2, and so on.
   * @param option where the token comes from, for messages
   * @throws OptionError (ERR_IPA_DUPLICATE) for a token that there is already
   */
  addToken(token: string, firstId: number, count: number, option: string): void {
    if (token.trim() === "") throw new OptionError(option, `expected a token with letters but its name is ${JSON.stringify(token)}: pass one`);
    const ids = Array.from({ length: count }, (_, i) => firstId + i);
    const names = ids.map((_, i) => (i === 0 ? token : `${token}_${i}`));
    for (const name of [...names, `${token}_1`]) {
      if (!Object.hasOwn(this.#vocab, name) && !this.#added.has(name) && !this.#learned.has(normalise(name))) continue;
      throw new OptionError(option, `the token ${JSON.stringify(name)} is in the model's vocabulary already: pass another name`, { code: "ERR_IPA_DUPLICATE" });
    }
    names.forEach((name, i) => this.#learned.set(normalise(name), i === 0 ? ids : ids.slice(i, i + 1)));
    this.#spans.set(firstId, count);
    this.#splitLearned = anyOf(this.#learned.keys());
  }

  encode(text: string, most = Infinity): number[] {
    const ids: number[] = [];
    for (const part of text.split(this.#split)) {
      if (ids.length > most) break;
      const added = this.#added.get(part);
      if (added !== undefined) ids.push(added);
      else if (part !== "") this.#encodePlain(normalise(part), ids, most);
    }
    return ids;
  }

  spanOf(id: number): number {
    return this.#spans.get(id) ?? 1;
  }

  #encodePlain(text: string, ids: number[], most: number): void {
    for (const part of this.#splitLearned === undefined ? [text] : text.split(this.#splitLearned)) {
      if (ids.length > most) return;
      const learned = this.#learned.get(part) ?? (part === "" ? [] : this.#bpe.encode(part, { add_special_tokens: false }).ids);
      for (const id of learned) ids.push(id);
    }
  }
}

/** Splits at any of these texts; where one begins another, the longer one is meant. */
function anyOf(texts: Iterable<string>): RegExp {
  const longest = [...texts].sort((a, b) => b.length - a.length);
  return new RegExp(`(${longest.map(escapeRegExp).join("|")})`, "u");
}

/** NFC, white space as single spaces, each character lower case on its own. */
function normalise(text: string): string {
  let result = "";
  for (const character of text.normalize("NFC").replace(WHITE_SPACE, " ")) result += character.toLowerCase();
  return result;
}

const escapeRegExp = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");

function idOf(files: Files, token: string, name: string): number {
  const id = files.added.get(token) ?? (Object.hasOwn(files.vocab, token) ? files.vocab[token] : undefined);
  if (id === undefined) throw new IpAdapterError("ERR_IPA_TOKENIZER", `tokenizer: its ${name} ${JSON.stringify(token)} is not in the vocabulary`);
  return id;
}

async function readFiles(folder: string): Promise<Files> {
  const [whole, config, map] = await Promise.all([
    readJson(folder, "tokenizer.json"),
    readJson(folder, "tokenizer_config.json"),
    readJson(folder, "special_tokens_map.json"),
  ]);
  const model = whole === undefined ? undefined : asObject(whole["model"]);
  const vocab = readVocab(folder, model === undefined ? await readJson(folder, "vocab.json") : asObject(model["vocab"]));
  const merges = model === undefined ? await readMerges(folder) : pairs(folder, model["merges"]);
  const token = (name: string, otherwise: string): string => tokenText(config?.[name]) ?? tokenText(map?.[name]) ?? otherwise;
  const special = {
    bos: token("bos_token", "<|startoftext|>"),
    eos: token("eos_token", "<|endoftext|>"),
    unk: token("unk_token", "<|endoftext|>"),
    pad: token("pad_token", "<|endoftext|>"),
  };
  const added = new Map<string, number>();
  for (const text of Object.values(special)) {
    const id = Object.hasOwn(vocab, text) ? vocab[text] : undefined;
    if (id !== undefined) added.set(text, id);
  }
  for (const [id, entry] of addedTokens(whole, config)) {
    const text = tokenText(entry);
    if (text !== undefined && text !== "" && Number.isInteger(id) && id >= 0) added.set(text, id);
  }
  return { vocab, merges, added, special };
}

function* addedTokens(whole: JsonObject | undefined, config: JsonObject | undefined): Generator<[number, unknown]> {
  const list = whole?.["added_tokens"];
  if (Array.isArray(list)) for (const entry of list as unknown[]) yield [Number(asObject(entry)?.["id"]), entry];
  for (const [id, entry] of Object.entries(asObject(config?.["added_tokens_decoder"]) ?? {})) yield [Number(id), entry];
}

function readVocab(folder: string, value: JsonObject | undefined): Record<string, number> {
  if (value === undefined) {
    throw new IpAdapterError("ERR_IPA_NOT_FOUND", `tokenizer not found: ${folder} has neither tokenizer.json nor vocab.json`);
  }
  const ids = Object.values(value);
  if (ids.length === 0 || !ids.every((id) => typeof id === "number" && Number.isInteger(id) && id >= 0)) {
    throw broken(folder, "the vocabulary is not a table of token ids");
  }
  return value as Record<string, number>;
}

async function readMerges(folder: string): Promise<[string, string][]> {
  const text = await readText(folder, "merges.txt");
  if (text === undefined) throw new IpAdapterError("ERR_IPA_NOT_FOUND", `tokenizer not found: ${join(folder, "merges.txt")} is missing beside vocab.json`);
  const lines = text.split(/\r?\n/).filter((line, i) => line !== "" && !(i === 0 && line.startsWith("#version")));
  return pairs(folder, lines);
}

function pairs(folder: string, value: unknown): [string, string][] {
  if (!Array.isArray(value)) throw broken(folder, "the merges are not a list");
  return value.map((entry: unknown) => {
    const pair: unknown[] = typeof entry === "string" ? entry.split(" ") : Array.isArray(entry) ? (entry as unknown[]) : [];
    const [left, right] = pair;
    if (pair.length !== 2 || typeof left !== "string" || typeof right !== "string") throw broken(folder, `a merge is not two tokens: ${JSON.stringify(entry)}`);
    return [left, right];
  });
}

type JsonObject = Record<string, unknown>;

const asObject = (value: unknown): JsonObject | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;

function tokenText(value: unknown): string | undefined {
  const text = typeof value === "string" ? value : asObject(value)?.["content"];
  return typeof text === "string" ? text : undefined;
}

/** undefined when the file does not exist */
async function readText(folder: string, name: string): Promise<string | undefined> {
  try {
    return (await readRegularFile(join(folder, name))).toString("utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    if (error instanceof NotAFileError) throw broken(folder, `${name} ${error.message}`, error);
    throw fileError("tokenizer", join(folder, name), error);
  }
}

async function readJson(folder: string, name: string): Promise<JsonObject | undefined> {
  const text = await readText(folder, name);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw broken(join(folder, name), messageOf(error), error);
  }
  const object = asObject(value);
  if (object === undefined) throw broken(join(folder, name), "not a JSON object");
  return object;
}

function broken(where: string, problem: string, cause?: unknown): IpAdapterError {
  return new IpAdapterError("ERR_IPA_TOKENIZER", `tokenizer ${where}: ${problem}`, cause === undefined ? undefined : { cause });
}
