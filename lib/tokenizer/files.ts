/**
 * A tokenizer's files: tokenizer.json, or vocab.json and merges.txt, with tokenizer_config.json, special_tokens_map.json and
 * added_tokens.json beside them. They are read and taken apart in slices, within TOKENIZER_LIMITS.
 */
import { join } from "node:path";

import { IpAdapterError, fileError, systemCode } from "../errors";
import type { AbortSignalLike } from "../abort-signal";
import { NotAFileError, TooLargeError, readSmallFile } from "../read-file";
import { type Steps, inSlices } from "../slices";
import { checkModelType, checkNormalizer, checkPreTokenizer, checkWordEnd } from "./clip-form";
import { TOKENIZER_FILES } from "./file-names";
import { JsonReader } from "./json-reader";
import { Malformed, NotClip, PastLimit, TOKENIZER_LIMITS, checkEntries } from "./limits";
import { MOST_LINE, mergeOf, readMergesText } from "./merges";

export interface TokenizerFiles {
  vocabulary: Map<string, number>;
  /** the two parts of each, one after the other, best first */
  merges: string[];
  /** text of every added token, with its id */
  added: Map<string, number>;
  /** those that are meant in any case */
  normalised: readonly [string, number][];
  special: SpecialTokens;
}

export interface SpecialTokens {
  bos: string;
  eos: string;
  unk: string;
  pad: string;
}

/** What one file says; the whole of a tokenizer is put together of several. */
class Part {
  vocabulary: Map<string, number> | undefined;
  merges: string[] | undefined;
  added: [string, number][] = [];
  readonly special = new Map<string, string>();
}

/** @throws IpAdapterError ERR_IPA_NOT_FOUND, ERR_IPA_IO, ERR_IPA_LIMIT, ERR_IPA_TOKENIZER; signal.reason */
export async function readTokenizerFiles(folder: string, signal: AbortSignalLike | undefined): Promise<TokenizerFiles> {
  const reader = new FolderReader(folder, signal);
  const whole = await reader.read(TOKENIZER_FILES.whole, readTokenizerJson);
  const config = await reader.read(TOKENIZER_FILES.config, readConfig);
  const map = await reader.read(TOKENIZER_FILES.special, readConfig);
  const model =
    whole?.vocabulary === undefined ? await reader.read(TOKENIZER_FILES.vocabulary, readVocabularyFile) : whole;
  if (model?.vocabulary === undefined) {
    throw new IpAdapterError(
      "ERR_IPA_NOT_FOUND",
      `tokenizer not found: ${folder} has neither tokenizer.json nor vocab.json`,
    );
  }
  const merges =
    whole?.vocabulary === undefined
      ? (await reader.read(TOKENIZER_FILES.merges, readMergesFile))?.merges
      : (whole.merges ?? []);
  if (merges === undefined)
    throw new IpAdapterError(
      "ERR_IPA_NOT_FOUND",
      `tokenizer not found: ${join(folder, TOKENIZER_FILES.merges)} is missing beside vocab.json`,
    );
  const lists = [whole?.added ?? [], config?.added ?? []];
  // What older files have in its place; transformers looks for these in the normalised text.
  const older = lists.some((list) => list.length > 0)
    ? undefined
    : await reader.read(TOKENIZER_FILES.added, readAddedFile);
  const special = await inSlices(specialTokens(model.vocabulary, lists, [config, map]), signal);
  return { vocabulary: model.vocabulary, merges, normalised: older?.added ?? [], ...special };
}

/** The special tokens, and with them all that are found in text as it is written. */
function* specialTokens(
  vocabulary: Map<string, number>,
  lists: readonly (readonly [string, number][])[],
  configs: readonly (Part | undefined)[],
): Steps<Pick<TokenizerFiles, "added" | "special">> {
  const token = (name: string, otherwise: string): string =>
    configs.map((part) => part?.special.get(name)).find((text) => text !== undefined) ?? otherwise;
  const special = {
    bos: token("bos_token", "<|startoftext|>"),
    eos: token("eos_token", "<|endoftext|>"),
    unk: token("unk_token", "<|endoftext|>"),
    pad: token("pad_token", "<|endoftext|>"),
  };
  const added = new Map<string, number>();
  for (const text of Object.values(special)) {
    const id = vocabulary.get(text);
    if (id !== undefined) added.set(text, id);
  }
  let count = 0;
  for (const list of lists) {
    for (const [text, id] of list) {
      added.set(text, id);
      if (++count % 1024 === 0) yield;
    }
  }
  return { added, special };
}

/** Reads files of one folder, whose bytes are counted together. */
class FolderReader {
  #left: number = TOKENIZER_LIMITS.fileBytes;

  constructor(
    readonly folder: string,
    readonly signal: AbortSignalLike | undefined,
  ) {}

  /** undefined when the file does not exist */
  async read(name: string, take: (bytes: Buffer, part: Part) => Steps): Promise<Part | undefined> {
    const path = join(this.folder, name);
    const bytes = await this.#bytes(path);
    if (bytes === undefined) return undefined;
    this.#left -= bytes.length;
    const part = new Part();
    try {
      await inSlices(take(bytes, part), this.signal);
    } catch (error) {
      if (error instanceof PastLimit)
        throw new IpAdapterError(
          "ERR_IPA_LIMIT",
          `tokenizer ${path}: ${error.message}, the most that are read: pass the tokenizer of a CLIP text encoder`,
        );
      if (error instanceof NotClip)
        throw new IpAdapterError(
          "ERR_IPA_UNSUPPORTED",
          `tokenizer ${path}: ${error.message}: pass the tokenizer of a CLIP text encoder`,
        );
      throw error instanceof Malformed ? broken(path, error.message, error) : error;
    }
    return part;
  }

  async #bytes(path: string): Promise<Buffer | undefined> {
    try {
      return await readSmallFile(path, this.#left, this.signal);
    } catch (error) {
      if (systemCode(error) === "ENOENT") return undefined;
      if (error instanceof NotAFileError) throw broken(path, error.message, error);
      if (error instanceof TooLargeError) {
        throw new IpAdapterError(
          "ERR_IPA_LIMIT",
          `tokenizer ${path}: more than ${TOKENIZER_LIMITS.fileBytes} bytes with the files beside it, the most that are read: pass the tokenizer of a CLIP text encoder`,
        );
      }
      if (this.signal?.aborted === true) throw this.signal.reason;
      throw fileError("tokenizer", path, error);
    }
  }
}

function* readTokenizerJson(bytes: Buffer, part: Part): Steps {
  const reader = new JsonReader(bytes);
  yield* reader.object((key) => {
    if (key === "model") return readModel(reader, part);
    if (key === "normalizer") return check(reader, checkNormalizer);
    if (key === "pre_tokenizer") return check(reader, checkPreTokenizer);
    return key === "added_tokens" && reader.peek() === "[" ? readAddedList(reader, part) : reader.skip();
  });
  yield* reader.end();
}

/** Bytes of such a value; CLIP's have a few hundred. */
const MOST_CHECKED = 64 * 1024;

function* check(reader: JsonReader, isClips: (value: unknown) => void): Steps {
  isClips(yield* reader.value(MOST_CHECKED));
}

function* readModel(reader: JsonReader, part: Part): Steps {
  if (reader.peek() !== "{") throw new Malformed("its model is no table");
  yield* reader.object((key) => {
    if (key === "type") return check(reader, checkModelType);
    if (key === "end_of_word_suffix") return check(reader, checkWordEnd);
    if (key === "vocab") return readVocabulary(reader, part);
    return key === "merges" ? readMerges(reader, part) : reader.skip();
  });
  if (part.vocabulary === undefined) throw new Malformed("the model has no vocabulary");
  if (part.merges === undefined) throw new Malformed("the merges are not a list");
}

function* readVocabularyFile(bytes: Buffer, part: Part): Steps {
  const reader = new JsonReader(bytes);
  yield* reader.spaces();
  yield* readVocabulary(reader, part);
  yield* reader.end();
}

function* readVocabulary(reader: JsonReader, part: Part): Steps {
  const vocabulary = (part.vocabulary = new Map<string, number>());
  if (reader.peek() !== "{") throw new Malformed("the vocabulary is not a table of token ids");
  yield* reader.object((token) => {
    checkEntries(vocabulary.size, "tokens");
    vocabulary.set(token, checkId(reader.number()));
    return undefined;
  });
  if (vocabulary.size === 0) throw new Malformed("the vocabulary is not a table of token ids");
}

function checkId(id: number): number {
  if (!Number.isInteger(id) || id < 0) throw new Malformed("the vocabulary is not a table of token ids");
  if (id >= TOKENIZER_LIMITS.ids) throw new PastLimit(`a token id of ${TOKENIZER_LIMITS.ids} or more`);
  return id;
}

/** Each as "left right", or as ["left", "right"]. */
function* readMerges(reader: JsonReader, part: Part): Steps {
  const merges: string[] = (part.merges = []);
  if (reader.peek() !== "[") throw new Malformed("the merges are not a list");
  yield* reader.array(() => {
    checkEntries(merges.length / 2, "merges");
    if (reader.take("[")) {
      const left = reader.string();
      reader.expect(",");
      merges.push(left, reader.string());
      reader.expect("]");
    } else merges.push(...mergeOf(reader.string(MOST_LINE)));
    return undefined;
  });
}

function* readMergesFile(bytes: Buffer, part: Part): Steps {
  part.merges = [];
  yield* readMergesText(bytes, part.merges);
}

function* readAddedList(reader: JsonReader, part: Part): Steps {
  yield* reader.array(() => (reader.peek() === "{" ? readAdded(reader, part, NaN) : reader.skip()));
}

/** @param id when the entry does not say it itself */
function* readAdded(reader: JsonReader, part: Part, id: number): Steps {
  checkEntries(part.added.length, "added tokens");
  let [text, ownId] = ["", id];
  yield* reader.object((key) => {
    const first = reader.peek();
    if (key === "content" && first === '"') text = reader.string();
    else if (key === "id" && /[-0-9]/.test(first)) ownId = reader.number();
    else return reader.skip();
    return undefined;
  });
  add(part, text, ownId);
}

function add(part: Part, text: string, id: number): void {
  if (text !== "" && Number.isInteger(id) && id >= 0) part.added.push([text, checkId(id)]);
}

/** Those of tokenizer_config.json and special_tokens_map.json. */
function* readConfig(bytes: Buffer, part: Part): Steps {
  const reader = new JsonReader(bytes);
  yield* reader.object((key) => {
    if (/^(?:bos|eos|unk|pad)_token$/.test(key)) return readSpecial(reader, part, key);
    if (key !== "added_tokens_decoder" || reader.peek() !== "{") return reader.skip();
    return reader.object((id) =>
      reader.peek() === "{" ? readAdded(reader, part, Number(id)) : readDecoded(reader, part, Number(id)),
    );
  });
  yield* reader.end();
}

function* readDecoded(reader: JsonReader, part: Part, id: number): Steps {
  checkEntries(part.added.length, "added tokens");
  if (reader.peek() === '"') add(part, reader.string(), id);
  else yield* reader.skip();
}

/** A token by its text, or by what it is added as. */
function* readSpecial(reader: JsonReader, part: Part, name: string): Steps {
  if (reader.peek() === '"') {
    part.special.set(name, reader.string());
    return;
  }
  if (reader.peek() !== "{") return yield* reader.skip();
  yield* reader.object((key) => {
    if (key !== "content" || reader.peek() !== '"') return reader.skip();
    part.special.set(name, reader.string());
    return undefined;
  });
}

/** added_tokens.json: a table of ids, as vocab.json is. */
function* readAddedFile(bytes: Buffer, part: Part): Steps {
  const reader = new JsonReader(bytes);
  yield* reader.object((text) => {
    checkEntries(part.added.length, "added tokens");
    add(part, text, reader.number());
    return undefined;
  });
  yield* reader.end();
}

export function broken(where: string, problem: string, cause?: unknown): IpAdapterError {
  return new IpAdapterError(
    "ERR_IPA_TOKENIZER",
    `tokenizer ${where}: ${problem}`,
    cause === undefined ? undefined : { cause },
  );
}
