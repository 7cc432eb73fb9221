/** Tokenizer files, whole or damaged: a tokenizer or a typed error, and of whole ones what JSON.parse() reads. */
import { strict as assert } from "node:assert";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { IpAdapterError } from "../../../lib/errors";
import { ClipTokenizer } from "../../../lib/tokenizer";
import { readTokenizerFiles } from "../../../lib/tokenizer/files";
import { MINI } from "../../support/load";
import type { Random } from "./random";

const FILES = [
  "tokenizer.json",
  "vocab.json",
  "merges.txt",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
];
const CODES = ["ERR_IPA_TOKENIZER", "ERR_IPA_LIMIT", "ERR_IPA_NOT_FOUND"];
const ODD = [
  '"',
  "\\",
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "\n",
  " ",
  "null",
  "1e400",
  "-1",
  "2147483648",
  "\\u0000",
  "\\ud83d",
  "😀",
  "é",
  "__proto__",
  "<|endoftext|>",
  "#version",
  "\u0000",
  "a".repeat(300),
  "[".repeat(2000),
];

const source = JSON.parse(readFileSync(join(MINI, "tokenizer", "vocab.json"), "utf8")) as Record<string, number>;
const LINES = readFileSync(join(MINI, "tokenizer", "merges.txt"), "utf8")
  .split("\n")
  .slice(1, 200);
const VOCABULARY = Object.entries(source);

export async function fuzzTokenizer(random: Random, scratch: string): Promise<void> {
  for (const name of FILES) rmSync(join(scratch, name), { force: true });
  const texts = new Map(
    FILES.filter(() => random.chance(0.6)).map((name) => [name, damage(random, write(random, name))]),
  );
  for (const [name, text] of texts) writeFileSync(join(scratch, name), text);
  try {
    const tokenizer = await ClipTokenizer.load(scratch);
    for (const text of ["a photo of a cat", "<|endoftext|>É😀\u0085", ODD.join(" ")]) {
      for (const id of tokenizer.encode(text))
        assert.ok(Number.isInteger(id) && id >= 0 && id < tokenizer.size, `id ${id} of ${tokenizer.size}`);
    }
  } catch (error) {
    assert.ok(error instanceof IpAdapterError && CODES.includes(error.code), error as Error);
    return;
  }
  const own = parsed(texts.get("vocab.json"));
  if (own !== undefined && parsed(texts.get("tokenizer.json")) === undefined && !texts.has("tokenizer.json")) {
    const { vocabulary } = await readTokenizerFiles(scratch, undefined);
    assert.deepEqual(vocabulary, new Map(Object.entries(own)));
  }
}

function parsed(text: string | undefined): object | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as object);
  } catch {
    return undefined;
  }
}

function write(random: Random, name: string): string {
  const entries = Object.fromEntries(VOCABULARY.filter(([, id]) => id < 600 || id > 2800 || random.chance(0.1)));
  const lines = LINES.slice(0, random.below(LINES.length));
  const token = (): unknown =>
    random.pick<unknown>([
      "<|endoftext|>",
      "!",
      { content: "<|startoftext|>", normalized: true },
      { content: 5 },
      null,
      random.pick(ODD),
    ]);
  const indent = random.pick([undefined, 2, "\t"]);
  switch (name) {
    case "merges.txt":
      return ["#version: 0.2", ...lines].join(random.pick(["\n", "\r\n"]));
    case "vocab.json":
      return JSON.stringify(entries, null, indent);
    case "tokenizer.json":
      return JSON.stringify(
        {
          version: "1.0",
          added_tokens: random.list(5, () => ({
            id: 2830 + random.below(9),
            content: random.pick(ODD),
            special: true,
          })),
          model: {
            type: "BPE",
            vocab: entries,
            merges: random.chance(0.5) ? lines : lines.map((line) => line.split(" ")),
          },
        },
        null,
        indent,
      );
    case "added_tokens.json":
      return JSON.stringify(Object.fromEntries(random.list(5, () => [random.pick(ODD), 2832 + random.below(9)])));
    default:
      return JSON.stringify(
        {
          bos_token: "<|startoftext|>",
          pad_token: token(),
          unk_token: token(),
          [random.pick(ODD)]: random.list(5, token),
          added_tokens_decoder: { 2840: { content: random.pick(ODD) }, x: token() },
        },
        null,
        indent,
      );
  }
}

function damage(random: Random, text: string): string {
  let result = text;
  for (let times = random.pick([0, 0, 1, 1, 2, 5]); times > 0; times--) {
    const [at, length] = [random.below(result.length + 1), random.length(40)];
    const between = random.pick([
      random.pick(ODD),
      "",
      result.slice(random.below(result.length + 1)).slice(0, random.length(200)),
    ]);
    result = random.chance(0.1) ? result.slice(0, at) : result.slice(0, at) + between + result.slice(at + length);
  }
  return result;
}
