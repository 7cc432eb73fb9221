import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ClipTokenizer } from "../lib/tokenizer";
import { MINI, ROOT, rejection } from "./support/load";

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
  expect(await rejection(ClipTokenizer.load(folder))).toMatchObject({ code: "ERR_IPA_NOT_FOUND", message: expect.stringContaining("merges.txt") });
  writeFileSync(join(folder, "merges.txt"), "a b c\n");
  expect(await rejection(ClipTokenizer.load(folder))).toMatchObject({ code: "ERR_IPA_TOKENIZER", message: expect.stringContaining("a b c") });
  writeFileSync(join(folder, "vocab.json"), "{");
  expect(await rejection(ClipTokenizer.load(folder))).toMatchObject({ code: "ERR_IPA_TOKENIZER" });
  writeFileSync(join(folder, "vocab.json"), '{"a": "x"}');
  expect(await rejection(ClipTokenizer.load(folder))).toMatchObject({ code: "ERR_IPA_TOKENIZER" });
  copy(["vocab.json", "merges.txt"], "no such token");
  expect(await rejection(ClipTokenizer.load(folder))).toMatchObject({ code: "ERR_IPA_TOKENIZER", message: expect.stringContaining("pad_token") });
});

// open_clip's vocabulary under transformers' CLIPTokenizer
const clip = JSON.parse(readFileSync(join(ROOT, "test/golden/tokenizer-clip.json"), "utf8")) as Golden;
test.each(clip.cases)("the shipped vocabulary is CLIP's (pad $pad)", async ({ pad, padId, startId, endId, ids }) => {
  const tokenizer = await ClipTokenizer.shipped(pad as "!");
  expect([tokenizer.padId, tokenizer.startId, tokenizer.endId, tokenizer.size]).toEqual([padId, startId, endId, 49408]);
  clip.texts.forEach((text, i) => expect([text, tokenizer.encode(text)]).toEqual([text, ids[i]]));
});
