/** Prompts of as many characters as may be (16384), of the kinds that patterns and tokenizers are slow with. */
import { strict as assert } from "node:assert";

import { parseWeightedPrompt } from "../../lib/prompt/parse";
import { loadFake } from "../support/load";
import type { HostileCases } from "./case";

const LENGTH = 16384;
const fill = (unit: string, start = "", end = ""): string =>
  (start + unit.repeat(Math.ceil(LENGTH / unit.length))).slice(0, LENGTH - end.length) + end;

const PROMPTS: Record<string, string> = {
  "digits of a weight that has no end": fill("1", "(a:1"),
  "digits behind a point": fill("1", "(a:."),
  "digits and points": fill("1.", "(a:"),
  spaces: fill(" ", "a"),
  "spaces behind a colon": fill(" ", "(a:1"),
  "spaces in front of BREAK": fill(" ", "a", "BREAK"),
  "BREAK between spaces": fill(" BREAK  "),
  "open brackets": fill("("),
  "open brackets of both kinds": fill("([a"),
  "nested brackets": fill("(a", "", ")".repeat(5000)),
  "weights in each other": fill("(a", "", ":1.1)".repeat(2000)),
  colons: fill(":"),
  backslashes: fill("\\"),
  "one long word": fill("a"),
  "one long word of the vocabulary's longest": fill("photograph"),
  "letters of four bytes": fill("\u{1f408}"),
  "marks to put in order": fill("\u0301\u0316", "a"),
  apostrophes: fill("'s't're"),
};

export const cases: HostileCases = {
  "every kind of prompt is parsed": {
    quick: true,
    seconds: 20,
    blocked: 500,
    run: async () => {
      for (const prompt of Object.values(PROMPTS)) {
        for (let i = 0; i < 10; i++) parseWeightedPrompt(prompt);
        await new Promise(setImmediate);
      }
    },
  },
  "every kind of prompt is encoded, or refused as too long": {
    seconds: 60,
    blocked: 1000,
    run: async () => {
      const { pipeline } = await loadFake();
      for (const [name, prompt] of Object.entries(PROMPTS)) {
        await pipeline.generate({ prompt, steps: 1 }).catch((error: unknown) => {
          assert.match((error as Error).message, /^prompt: expected at most 4096 tokens/, name);
        });
      }
    },
  },
  "a token of 128 vectors 3200 times": {
    quick: true,
    memory: 300,
    seconds: 20,
    blocked: 500,
    run: async () => {
      const { addon } = await loadFake();
      addon.info.embeddings = [{ token: "", ids: [2832], vectors: [128] }];
      addon.info.textEncoders[0]!.vocabSize += 128;
      const { pipeline } = await loadFake(addon, { embeddings: [{ file: "package.json", token: "<tok>" }] });
      await assert.rejects(
        pipeline.generate({ prompt: "<tok>".repeat(3200) }),
        /^OptionError: prompt: expected at most 4096 tokens/,
      );
      await pipeline.generate({ prompt: "<tok>".repeat(32), steps: 1 });
    },
  },
};
