/** Small files that are large pictures. */
import { strict as assert } from "node:assert";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";

import { Pipeline } from "../../lib/pipeline";
import { loadFake } from "../support/load";
import { pngOf } from "../support/png";
import type { HostileCases } from "./case";

/** A black PNG of one bit per pixel: a thousandth of a byte for each. */
function blackPng(side: number): Buffer {
  const rows = deflateSync(Buffer.alloc((Math.ceil(side / 8) + 1) * side), { level: 9 });
  return pngOf(side, side, { depth: 1, colour: 0 }, rows);
}

const call = { steps: 1, width: 64, height: 64, seed: 1 };

export const cases: HostileCases = {
  "six PNGs of 64 megapixels in one call": {
    quick: true,
    memory: 900,
    seconds: 60,
    run: async (scratch) => {
      const bytes = blackPng(8000);
      assert.ok(bytes.length < 10_000);
      const file = join(scratch, "large.png");
      writeFileSync(file, bytes);
      await using pipeline = await Pipeline.load();
      for (const image of [bytes, file]) {
        await assert.rejects(
          pipeline.generate({ ...call, imagePrompts: Array.from({ length: 6 }, () => ({ image })) }),
          { code: "ERR_IPA_IMAGE_LIMIT" },
        );
      }
      await pipeline.generate({ ...call, imagePrompts: [{ image: bytes }, { image: file }] });
    },
  },
  "ten calls at once, each with a PNG of 64 megapixels": {
    memory: 900,
    seconds: 120,
    run: async () => {
      const bytes = blackPng(8000);
      await using pipeline = await Pipeline.load();
      const results = await Promise.all(
        Array.from({ length: 10 }, () => pipeline.generate({ ...call, imagePrompts: [{ image: bytes }] })),
      );
      assert.equal(results.length, 10);
    },
  },
  "calls with large pictures that are aborted while they wait, again and again": {
    memory: 900,
    run: async () => {
      const image = blackPng(8000);
      await using pipeline = await Pipeline.load();
      for (let round = 0; round < 3; round++) {
        const running = new AbortController();
        const waiting = new AbortController();
        // Some pictures have been read by then, others are being read.
        const onProgress = ({ step }: { step: number }): void => {
          if (step === 150) waiting.abort("gone");
        };
        const first = pipeline.generate({ steps: 1000, onProgress, signal: running.signal }).catch(() => undefined);
        const calls = Array.from({ length: 8 }, () =>
          pipeline
            .generate({ steps: 1, signal: waiting.signal, imagePrompts: [{ image }] })
            .catch((error: unknown) => error),
        );
        assert.deepEqual(
          await Promise.all(calls),
          calls.map(() => "gone"),
        );
        assert.equal(pipeline.pending, 1);
        running.abort();
        await first;
      }
    },
  },
  "more pixels than maxPixels, and more encoded bytes than a call may have": {
    quick: true,
    memory: 700,
    seconds: 30,
    run: async () => {
      const { pipeline } = await loadFake(undefined, { maxPixels: 1_000_000 });
      await assert.rejects(pipeline.encodeImage(blackPng(1001)), { code: "ERR_IPA_IMAGE_LIMIT" });
      const most = Buffer.alloc(20 * 1024 * 1024);
      await assert.rejects(pipeline.generate({ imagePrompts: Array.from({ length: 64 }, () => ({ image: most })) }), {
        code: "ERR_IPA_IMAGE_LIMIT",
      });
    },
  },
};
