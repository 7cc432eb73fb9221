import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { inSlices } from "../lib/slices";
import { ClipTokenizer } from "../lib/tokenizer";
import { JsonReader } from "../lib/tokenizer/json-reader";
import { Bpe } from "../lib/tokenizer/bpe";
import { TextTrie } from "../lib/tokenizer/text-trie";
import { Random } from "./hostile/fuzz/random";
import { MINI, ROOT, rejection } from "./support/load";
import { peerTokenizer } from "./support/peer-tokenizer";

interface Golden {
  texts: string[];
  cases: { pad: string; padId: number; startId: number; endId: number; ids: number[][] }[];
}
// tools/goldens/tokenizer.py: transformers' CLIPTokenizer
const golden = JSON.parse(readFileSync(join(ROOT, "test/golden/tokenizer.json"), "utf8")) as Golden;
const source = join(MINI, "tokenizer");

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "tokenizer-"))));
afterEach(() => rmSync(folder, { recursive: true }));

function copy(files: readonly string[], pad = "<|endoftext|>"): void {
  for (const file of files) copyFileSync(join(source, file), join(folder, file));
  const config = JSON.parse(readFileSync(join(source, "tokenizer_config.json"), "utf8")) as object;
  writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify({ ...config, pad_token: pad }));
}

describe.each(golden.cases)("ids equal transformers' (pad $pad)", ({ pad, padId, startId, endId, ids }) => {
  test.each([
    ["tokenizer.json", ["tokenizer.json"]],
    ["vocab.json and merges.txt", ["vocab.json", "merges.txt"]],
  ])("from %s", async (_name, files) => {
    copy(files, pad);
    const tokenizer = await ClipTokenizer.load(folder);
    expect([tokenizer.padId, tokenizer.startId, tokenizer.endId]).toEqual([padId, startId, endId]);
    expect(tokenizer.size).toBe(2832);
    golden.texts.forEach((text, i) => expect([text, tokenizer.encode(text)]).toEqual([text, ids[i]]));
  });
});

test("special tokens are read from special_tokens_map.json too", async () => {
  copy(["vocab.json", "merges.txt"]);
  writeFileSync(join(folder, "tokenizer_config.json"), "{}");
  writeFileSync(join(folder, "special_tokens_map.json"), JSON.stringify({ pad_token: { content: "!" } }));
  expect((await ClipTokenizer.load(folder)).padId).toBe(0);
});

test("what is missing or broken is named", async () => {
  expect(await rejection(ClipTokenizer.load(folder))).toMatchObject({ code: "ERR_IPA_NOT_FOUND" });
  copy(["vocab.json"]);
  expect(await rejection(ClipTokenizer.load(folder))).toMatchObject({
    code: "ERR_IPA_NOT_FOUND",
    message: expect.stringContaining("merges.txt"),
  });
  writeFileSync(join(folder, "merges.txt"), "a b c\n");
  expect(await rejection(ClipTokenizer.load(folder))).toMatchObject({
    code: "ERR_IPA_TOKENIZER",
    message: expect.stringContaining("a b c"),
  });
  writeFileSync(join(folder, "vocab.json"), "{");
  expect(await rejection(ClipTokenizer.load(folder))).toMatchObject({ code: "ERR_IPA_TOKENIZER" });
  writeFileSync(join(folder, "vocab.json"), '{"a": "x"}');
  expect(await rejection(ClipTokenizer.load(folder))).toMatchObject({ code: "ERR_IPA_TOKENIZER" });
  copy(["vocab.json", "merges.txt"], "no such token");
  expect(await rejection(ClipTokenizer.load(folder))).toMatchObject({
    code: "ERR_IPA_TOKENIZER",
    message: expect.stringContaining("pad_token"),
  });
});

// open_clip's vocabulary under transformers' CLIPTokenizer
const clip = JSON.parse(readFileSync(join(ROOT, "test/golden/tokenizer-clip.json"), "utf8")) as Golden;
test.each(clip.cases)("the shipped vocabulary is CLIP's (pad $pad)", async ({ pad, padId, startId, endId, ids }) => {
  const tokenizer = await ClipTokenizer.shipped(pad as "!");
  expect([tokenizer.padId, tokenizer.startId, tokenizer.endId, tokenizer.size]).toEqual([padId, startId, endId, 49408]);
  clip.texts.forEach((text, i) => expect([text, tokenizer.encode(text)]).toEqual([text, ids[i]]));
});

// The same with added_tokens.json beside vocab.json, whose tokens are found in any case.
const added = JSON.parse(readFileSync(join(ROOT, "test/golden/tokenizer-added.json"), "utf8")) as {
  added: Record<string, number>;
  texts: string[];
  ids: number[][];
};
test("added_tokens.json", async () => {
  copy(["vocab.json", "merges.txt"]);
  writeFileSync(join(folder, "added_tokens.json"), JSON.stringify(added.added));
  const tokenizer = await ClipTokenizer.load(folder);
  added.texts.forEach((text, i) => expect([text, tokenizer.encode(text)]).toEqual([text, added.ids[i]]));
});

describe("JSON in every form that JSON.parse() takes", () => {
  const parsed = JSON.parse(readFileSync(join(source, "tokenizer.json"), "utf8")) as object;
  const escaped = (text: string): string =>
    text.replace(/[^ -~\s]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  test.each<[string, string]>([
    ["indented", JSON.stringify(parsed, null, 2)],
    ["with tabs and returns", JSON.stringify(parsed, null, "\t").replaceAll("\n", "\r\n")],
    ["with every letter escaped", escaped(JSON.stringify(parsed))],
    [
      "with merges as pairs",
      JSON.stringify(parsed, (key, value: unknown) =>
        key === "merges"
          ? (value as (string | string[])[]).map((merge) => (typeof merge === "string" ? merge.split(" ") : merge))
          : value,
      ),
    ],
    [
      "backwards",
      JSON.stringify(parsed, (_, value: unknown) =>
        typeof value === "object" && value !== null && !Array.isArray(value)
          ? Object.fromEntries(Object.entries(value).reverse())
          : value,
      ),
    ],
  ])("%s", async (_, text) => {
    writeFileSync(join(folder, "tokenizer.json"), text);
    const tokenizer = await ClipTokenizer.load(folder);
    golden.texts.forEach((prompt, i) => expect(tokenizer.encode(prompt)).toEqual(golden.cases[0]?.ids[i]));
  });

  test.each([
    ["cut short", '{"bos_token": "<|startoftext|>"'],
    ["with more behind", "{} x"],
    ["with a comma at the end", '{"a": 1,}'],
    ["with a key that is none", "{a: 1}"],
    ["with a line break in a token", '{"bos_token": "a\nb"}'],
    ["with an escape that is none", '{"bos_token": "\\x41"}'],
    ["that is a list", "[]"],
  ])("%s it is damaged", async (_, text) => {
    copy(["vocab.json", "merges.txt"]);
    writeFileSync(join(folder, "tokenizer_config.json"), text);
    expect(await rejection(ClipTokenizer.load(folder))).toMatchObject({
      code: "ERR_IPA_TOKENIZER",
      message: expect.stringMatching(/tokenizer_config\.json: damaged JSON/),
    });
  });
});

test("byte pairs are those of Hugging Face's library, with vocabularies and merges of any kind", async () => {
  const random = new Random(14);
  const letters = ["a", "b", "c", "\u00e9"];
  for (let round = 0; round < 200; round++) {
    // Some merges make, or are made of, what is in no vocabulary.
    const tokens = new Set([
      "<unk>",
      ...letters
        .filter(() => random.chance(0.8))
        .flatMap((letter) => (Buffer.from(letter).length === 1 ? [letter, `${letter}</w>`] : [])),
    ]);
    const merges: [string, string][] = [];
    for (let i = 0; i < 40; i++) {
      const known = [...tokens].slice(1);
      const pair: [string, string] = [
        random.pick(["a", "b", "c", ...known]),
        random.pick(["a", "b", "c</w>", ...known]),
      ];
      if (pair[0].endsWith("</w>") || merges.some(([left, right]) => left === pair[0] && right === pair[1])) continue;
      merges.push(pair);
      if (random.chance(0.9)) tokens.add(pair.join(""));
    }
    const vocabulary = new Map([...tokens].map((token, id) => [token, id]));
    const bpe = await inSlices(Bpe.build(vocabulary, merges.flat(), 0), undefined);
    const peer = peerTokenizer(Object.fromEntries(vocabulary), merges, "<unk>");
    for (let i = 0; i < 20; i++) {
      const word = Array.from({ length: 1 + random.length(30) }, () => random.pick(letters)).join("");
      const ids: number[] = [];
      bpe.encode(word, ids);
      expect([word, ids]).toEqual([word, peer(word)]);
    }
  }
});

test("texts are found as a pattern of all of them finds them, the longest first", () => {
  const random = new Random(7);
  for (let round = 0; round < 300; round++) {
    const texts = [
      ...new Set(
        random.list(12, () => random.list(6, () => random.pick(["a", "b", "\u{1f431}", "\u{1f436}"])).join("")),
      ),
    ].filter((text) => text !== "");
    if (texts.length === 0) continue;
    const trie = new TextTrie<{ text: string }>();
    for (const text of texts) trie.add(text, { text });
    const text = Array.from({ length: 40 }, () => random.pick(["a", "b", "\u{1f431}", "\u{1f436}"])).join("");
    const pattern = new RegExp(`(${[...texts].sort((a, b) => b.length - a.length).join("|")})`, "u");
    const found = [...trie.pieces(text)].map((piece) => (typeof piece === "string" ? piece : `<${piece.text}>`));
    expect(found).toEqual(
      text.split(pattern).flatMap((piece, i) => (i % 2 === 1 ? [`<${piece}>`] : piece === "" ? [] : [piece])),
    );
    for (const each of texts) expect(trie.has(each)).toBe(true);
    expect(trie.has(text)).toBe(texts.includes(text));
  }
});

describe("a tokenizer.json that is not CLIP's", () => {
  interface Whole {
    model: Record<string, unknown> | null;
    normalizer: unknown;
    pre_tokenizer: unknown;
  }
  test.each<[string, (whole: Whole) => unknown, string, RegExp]>([
    [
      "of SentencePiece",
      ({ model }) => (model!["type"] = "Unigram"),
      "ERR_IPA_UNSUPPORTED",
      /"Unigram", CLIP's is "BPE"/,
    ],
    [
      "of GPT-2",
      ({ model }) => (model!["end_of_word_suffix"] = null),
      "ERR_IPA_UNSUPPORTED",
      /end_of_word_suffix is null/,
    ],
    ["without a model", (whole) => (whole.model = null), "ERR_IPA_TOKENIZER", /its model is no table/],
    [
      "with BERT's normalizer",
      (whole) => (whole.normalizer = { type: "BertNormalizer", lowercase: true }),
      "ERR_IPA_UNSUPPORTED",
      /normalizer "BertNormalizer"/,
    ],
    [
      "with another replacement",
      (whole) =>
        (whole.normalizer = {
          type: "Sequence",
          normalizers: [{ type: "Lowercase" }, { type: "Replace", pattern: { Regex: "a+" }, content: "" }],
        }),
      "ERR_IPA_UNSUPPORTED",
      /"Replace" of "a\+"/,
    ],
    [
      "that keeps capitals",
      (whole) => (whole.normalizer = { type: "NFC" }),
      "ERR_IPA_UNSUPPORTED",
      /no normalizer Lowercase/,
    ],
    [
      "with SentencePiece's words",
      (whole) => (whole.pre_tokenizer = { type: "Metaspace" }),
      "ERR_IPA_UNSUPPORTED",
      /pre_tokenizer "Metaspace"/,
    ],
    [
      "with words of any bytes",
      (whole) => (whole.pre_tokenizer = { type: "ByteLevel" }),
      "ERR_IPA_UNSUPPORTED",
      /no pre_tokenizer Split/,
    ],
    ["with no words", (whole) => (whole.pre_tokenizer = null), "ERR_IPA_UNSUPPORTED", /pre_tokenizer null/],
  ])("%s is refused by name, vocab.json beside it or not", async (_, change, code, message) => {
    copy(["vocab.json", "merges.txt"]);
    const whole = JSON.parse(readFileSync(join(source, "tokenizer.json"), "utf8")) as Whole;
    change(whole);
    writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(whole));
    expect(await rejection(ClipTokenizer.load(folder))).toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  test("CLIP's own with the pattern that OpenAI's file has, without the special tokens", async () => {
    writeFileSync(
      join(folder, "tokenizer.json"),
      readFileSync(join(source, "tokenizer.json"), "utf8").replace(
        "<\\\\|startoftext\\\\|>|<\\\\|endoftext\\\\|>|",
        "",
      ),
    );
    const tokenizer = await ClipTokenizer.load(folder);
    golden.texts.forEach((prompt, i) => expect(tokenizer.encode(prompt)).toEqual(golden.cases[0]?.ids[i]));
  });
});

describe("one long value of a JSON file", () => {
  const long = (text: string): string => text.repeat(Math.ceil(1_000_000 / text.length));
  test.each<[string, string, boolean]>([
    ["string", `{"x":"${long("a")}","pad_token":"!"}`, true],
    ["string of escapes", `{"x":"${long("\\u0041")}","pad_token":"!"}`, true],
    ["white space in front", `${long(" ")}{"pad_token":"!"}`, true],
    [
      "white space in every place",
      `{${long(" ")}"x"${long("\n")}:${long("\t")}[${long(" ")}1${long(" ")},2]${long(" ")},"pad_token":${long(" ")}"!"${long(" ")}}${long(" ")}`,
      true,
    ],
    ["number", `{"x":${long("1")},"pad_token":"!"}`, false],
    ["number in a list", `{"x":[${long("1")}],"pad_token":"!"}`, false],
  ])("%s is read in slices, or refused", async (_, text, read) => {
    copy(["vocab.json", "merges.txt"]);
    writeFileSync(join(folder, "tokenizer_config.json"), text);
    const loaded = ClipTokenizer.load(folder);
    if (!read) {
      expect(await rejection(loaded)).toMatchObject({
        code: "ERR_IPA_TOKENIZER",
        message: expect.stringContaining("a number of more than 64 characters"),
      });
      return;
    }
    expect((await loaded).padId).toBe(0);
    // Each step is where the event loop may turn: about one for 64 KB.
    const reader = new JsonReader(Buffer.from(text));
    expect([...reader.object(() => reader.skip())].length).toBeGreaterThanOrEqual(15);
  });
});

test("limits are named with their file", async () => {
  copy(["vocab.json", "merges.txt"]);
  const write = async (name: string, text: string): Promise<unknown> => {
    writeFileSync(join(folder, name), text);
    const error = await rejection(ClipTokenizer.load(folder));
    rmSync(join(folder, name));
    return error;
  };
  const limit = (text: string): object => ({ code: "ERR_IPA_LIMIT", message: expect.stringContaining(text) });
  expect(await write("added_tokens.json", `{"${"x".repeat(257)}": 1}`)).toMatchObject(
    limit("added_tokens.json: a token of more than 256 bytes"),
  );
  expect(await write("added_tokens.json", '{"x": 16777216}')).toMatchObject(
    limit("added_tokens.json: a token id of 16777216 or more"),
  );
  expect(await write("special_tokens_map.json", " ".repeat(33_000_000) + "x".repeat(1_000_000))).toMatchObject(
    limit("special_tokens_map.json: more than 33554432 bytes"),
  );
});

test("loading is cancelled by its signal", async () => {
  copy(["vocab.json", "merges.txt"]);
  const reason = new Error("enough");
  await expect(ClipTokenizer.load(folder, AbortSignal.abort(reason))).rejects.toBe(reason);
  await expect(ClipTokenizer.shipped("!", AbortSignal.abort(reason))).rejects.toBe(reason);
});
