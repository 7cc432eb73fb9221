/** Prompts of any kind: ids and weights in their ranges, or the error that says they are too long; ids as the npm library has them. */
import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { OptionError } from "../../../lib/errors";
import { encodePrompts } from "../../../lib/prompt/encode";
import { ClipTokenizer } from "../../../lib/tokenizer";
import { MINI } from "../../support/load";
import { peerTokenizer } from "../../support/peer-tokenizer";
import type { Random } from "./random";

const UNITS = [
  "(",
  ")",
  "[",
  "]",
  ":1.2)",
  ":1",
  ".",
  "9",
  " ",
  "  \t",
  "\\",
  "BREAK",
  " BREAK ",
  "a",
  "cat",
  "photograph",
  "'s",
  ",",
  "É",
  "ß",
  "İ",
  "Σ",
  "😀",
  "\u0301",
  "\u0316",
  "\u0085",
  "\ufeff",
  "\u200d",
  "<|endoftext|>",
  "<toy>",
  "<Toy",
  "12345",
  "漢字",
  "\ufdfa",
  "\u0000",
];

const folder = join(MINI, "tokenizer");
const vocabulary = JSON.parse(readFileSync(join(folder, "vocab.json"), "utf8")) as Record<string, number>;
const merges = readFileSync(join(folder, "merges.txt"), "utf8")
  .trimEnd()
  .split("\n")
  .slice(1)
  .map((line) => line.split(" ") as [string, string]);
const peer = peerTokenizer(vocabulary, merges);
const loading = ClipTokenizer.load(folder).then((tokenizer) => {
  tokenizer.addToken("<toy>", 2832, 128, "embeddings[0]");
  return tokenizer;
});

export async function fuzzPrompt(random: Random): Promise<void> {
  const tokenizer = await loading;
  const units = random.list(6, () => random.pick(UNITS));
  const unit = units.length === 0 ? "a" : units.join("");
  const text = (
    random.chance(0.5)
      ? unit.repeat(random.length(16384 / unit.length) + 1)
      : random.list(400, () => random.pick(UNITS)).join("")
  )
    .slice(0, 16384)
    .toWellFormed();
  try {
    const { prompt, negative } = encodePrompts(text, "", random.pick(["weighted", "plain"]), [
      { tokenizer, contextLength: 77 },
    ]);
    for (const { ids, weights } of [...prompt, ...negative]) {
      assert.ok(ids.length > 0 && ids.length % 77 === 0 && weights.length === ids.length);
      assert.ok(ids.every((id) => id >= 0 && id < 2832 + 128));
      assert.ok(weights.every((weight) => Number.isFinite(weight)));
    }
  } catch (error) {
    assert.ok(error instanceof OptionError && error.option === "prompt", error as Error);
  }
  // Pieces without marks are the library's own business; what it reads is normalised already.
  const word = units.filter((piece) => /^[a-z😀漢字9']+$/u.test(piece)).join("");
  if (word !== "") assert.deepEqual(tokenizer.encode(word), peer(word));
}
