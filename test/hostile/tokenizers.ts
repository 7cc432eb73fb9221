/** Tokenizer files that are large, deep, long or no tokenizer at all. */
import { strict as assert } from "node:assert";
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

import { ClipTokenizer } from "../../lib/tokenizer";
import { MINI } from "../support/load";
import type { HostileCases } from "./case";

const MOST = 262_144;
const MARKS = ["<|startoftext|>", "<|endoftext|>"];

/** An array of so many entries in a file, without all of them in memory. */
function writeList(file: string, head: string, count: number, entry: (i: number) => string, tail: string): void {
  const handle = openSync(file, "w");
  writeSync(handle, head);
  for (let from = 0; from < count; from += 10_000) {
    const entries = Array.from({ length: Math.min(10_000, count - from) }, (_, i) => entry(from + i));
    writeSync(handle, (from > 0 ? "," : "") + entries.join(","));
  }
  writeSync(handle, tail);
  closeSync(handle);
}

/** vocab.json of the small model beside what a case wrote. */
function beside(scratch: string): void {
  for (const name of ["vocab.json", "merges.txt"])
    writeFileSync(join(scratch, name), readFileSync(join(MINI, "tokenizer", name)));
}

async function refused(scratch: string, code: string, says: RegExp): Promise<void> {
  await assert.rejects(ClipTokenizer.load(scratch), (error: { code?: string; message: string }) => {
    assert.equal(error.code, code);
    assert.match(error.message, says);
    return true;
  });
}

const vocabularyOf = (count: number): Record<string, number> =>
  Object.fromEntries(
    [...MARKS, ...Array.from({ length: count - 2 }, (_, i) => `t${i.toString(36)}`)].map((token, id) => [token, id]),
  );

export const cases: HostileCases = {
  "40 MB of merges": {
    heap: 128,
    memory: 250,
    seconds: 20,
    quick: true,
    run: async (scratch) => {
      writeFileSync(join(scratch, "vocab.json"), readFileSync(join(MINI, "tokenizer", "vocab.json")));
      writeFileSync(join(scratch, "merges.txt"), "abcdefgh ijklmnop\n".repeat(2_300_000));
      await refused(scratch, "ERR_IPA_LIMIT", /merges\.txt: more than 33554432 bytes/);
    },
  },
  "30 MB of merges": {
    seconds: 30,
    run: async (scratch) => {
      writeFileSync(join(scratch, "vocab.json"), readFileSync(join(MINI, "tokenizer", "vocab.json")));
      writeFileSync(join(scratch, "merges.txt"), "abcdefgh ijklmnop\n".repeat(1_700_000));
      await refused(scratch, "ERR_IPA_LIMIT", /merges\.txt: more than 262144 merges/);
    },
  },
  "files of 20 MB each": {
    seconds: 20,
    run: async (scratch) => {
      beside(scratch);
      for (const name of ["tokenizer_config.json", "special_tokens_map.json"])
        writeFileSync(join(scratch, name), `{"a":"${"x".repeat(20_000_000)}"}`);
      await refused(
        scratch,
        "ERR_IPA_LIMIT",
        /special_tokens_map\.json: more than 33554432 bytes with the files beside it/,
      );
    },
  },
  "a file of 100 GB that is not there": {
    seconds: 20,
    run: async (scratch) => {
      const handle = openSync(join(scratch, "tokenizer.json"), "w");
      ftruncateSync(handle, 100e9);
      closeSync(handle);
      await refused(scratch, "ERR_IPA_LIMIT", /tokenizer\.json: more than 33554432 bytes/);
    },
  },
  "a million added tokens": {
    seconds: 30,
    blocked: 500,
    prepare: (scratch) => {
      beside(scratch);
      writeList(
        join(scratch, "tokenizer_config.json"),
        '{"added_tokens_decoder":{',
        1_000_000,
        (i) => `"${i}":{"content":"a${i}"}`,
        "}}",
      );
    },
    run: async (scratch) => {
      await refused(scratch, "ERR_IPA_LIMIT", /tokenizer_config\.json: more than 262144 added tokens/);
    },
  },
  "as many tokens, merges and added tokens as may be": {
    heap: 512,
    memory: 700,
    seconds: 60,
    blocked: 500,
    prepare: (scratch) => {
      const count = MOST;
      writeFileSync(join(scratch, "vocab.json"), JSON.stringify(vocabularyOf(count)));
      writeFileSync(
        join(scratch, "merges.txt"),
        Array.from({ length: count }, (_, i) => `t${(i >> 9).toString(36)} t${(i & 511).toString(36)}`).join("\n"),
      );
      writeList(
        join(scratch, "tokenizer_config.json"),
        '{"added_tokens_decoder":{',
        count,
        (i) => `"${count + i}":{"content":"<${i}>"}`,
        "}}",
      );
    },
    run: async (scratch) => {
      const tokenizer = await ClipTokenizer.load(scratch);
      assert.equal(tokenizer.size, 2 * MOST);
      assert.deepEqual(tokenizer.encode("<262143><0>"), [2 * MOST - 1, MOST]);
    },
  },
  "loading ends when its signal fires": {
    seconds: 30,
    prepare: (scratch) => {
      writeFileSync(join(scratch, "vocab.json"), JSON.stringify(vocabularyOf(MOST)));
      writeFileSync(join(scratch, "merges.txt"), "t0 t1\n");
    },
    run: async (scratch) => {
      const controller = new AbortController();
      const loading = ClipTokenizer.load(scratch, controller.signal);
      setImmediate(() => controller.abort(new Error("enough")));
      await assert.rejects(loading, /enough/);
    },
  },
  "a token of a megabyte": {
    seconds: 20,
    run: async (scratch) => {
      beside(scratch);
      writeFileSync(join(scratch, "added_tokens.json"), `{"${"a".repeat(1e6)}": 1}`);
      await refused(scratch, "ERR_IPA_LIMIT", /added_tokens\.json: a token of more than 256 bytes/);
      writeFileSync(join(scratch, "added_tokens.json"), `{"${"é".repeat(129)}": 1}`);
      await refused(scratch, "ERR_IPA_LIMIT", /256 bytes/);
      writeFileSync(join(scratch, "added_tokens.json"), `{"${"é".repeat(128)}": 3000}`);
      assert.deepEqual((await ClipTokenizer.load(scratch)).encode("É".repeat(128)), [3000]);
    },
  },
  "brackets in each other, spaces and strings without end": {
    seconds: 60,
    blocked: 500,
    prepare: (scratch) => {
      const write = (name: string, text: string): void => {
        mkdirSync(join(scratch, name));
        beside(join(scratch, name));
        writeFileSync(join(scratch, name, "tokenizer_config.json"), text);
      };
      write("deep", `{"x":${"[".repeat(14e6)}${"]".repeat(14e6)}}`);
      write("open", `{"x":${"[".repeat(14e6)}`);
      write("spaces", " ".repeat(28e6));
      write("escapes", `{"x":"${"\\\\".repeat(14e6)}`);
    },
    run: async (scratch) => {
      await ClipTokenizer.load(join(scratch, "deep"));
      await refused(join(scratch, "open"), "ERR_IPA_TOKENIZER", /tokenizer_config\.json: damaged JSON/);
      await refused(join(scratch, "spaces"), "ERR_IPA_TOKENIZER", /tokenizer_config\.json: damaged JSON: expected {/);
      await refused(join(scratch, "escapes"), "ERR_IPA_TOKENIZER", /a string has no end/);
    },
  },
  "long added tokens that all begin alike": {
    seconds: 30,
    blocked: 500,
    prepare: (scratch) => {
      beside(scratch);
      writeList(
        join(scratch, "tokenizer_config.json"),
        '{"added_tokens_decoder":{',
        60_000,
        (i) => `"${3000 + i}":{"content":"${"a".repeat(i % 250)}b${i.toString(36)}"}`,
        "}}",
      );
    },
    run: async (scratch) => {
      const tokenizer = await ClipTokenizer.load(scratch);
      for (let i = 0; i < 20; i++) {
        tokenizer.encode("a".repeat(16384));
        await new Promise(setImmediate);
      }
    },
  },
};
