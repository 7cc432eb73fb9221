/** Values of JavaScript that say one thing and are another: lengths, shapes, getters, proxies. */
import { strict as assert } from "node:assert";
import { join } from "node:path";

import { saveEmbeds } from "../../lib/embeds/file";
import { ImageEmbeds } from "../../lib/embeds/image-embeds";
import { globToRegExp } from "../../lib/hub/glob";
import { loadFake } from "../support/load";
import type { HostileCases } from "./case";

/** That a call is refused as a wrong option, whose name begins so. */
async function refused(call: () => Promise<unknown>, option: string): Promise<void> {
  await assert.rejects(call, (error: { code?: string; option?: string }) => {
    assert.match(error.code ?? "no code", /^ERR_IPA_/);
    assert.ok(error.option?.startsWith(option), `option ${error.option ?? "none"}`);
    return true;
  });
}

const lying = (length: number): Float32Array =>
  Object.defineProperty(new Float32Array(256), "length", { value: length });

export const cases: HostileCases = {
  "patterns of many stars": {
    quick: true,
    seconds: 20,
    run: () => {
      for (const unit of ["*a", "*?a", "*[ab]", "*a*", "?*"]) {
        const pattern = globToRegExp(`${unit.repeat(1022 / unit.length)}b`);
        assert.equal(pattern.test("a".repeat(4096)), false, unit);
      }
    },
  },
  "a stated length of a typed array is not believed": {
    quick: true,
    seconds: 20,
    run: async () => {
      const { pipeline } = await loadFake();
      const { latents } = await pipeline.generate({ imagePrompts: [{ embeds: lying(1e9) }], steps: 1 });
      assert.equal(latents.length, 1);
      await refused(() => pipeline.generate({ latents: lying(2048) }), "latents");
    },
  },
  "saveEmbeds() of an array that says 4294967295": {
    quick: true,
    seconds: 20,
    run: async (scratch) => {
      const empty: ImageEmbeds[] = [];
      empty.length = 4294967295;
      const file = join(scratch, "a.safetensors");
      await refused(() => saveEmbeds(file, empty), "embeds");
      await refused(() => saveEmbeds(file, { length: 4294967295 } as unknown as ImageEmbeds), "embeds");
      await refused(() => saveEmbeds(file, new Proxy(empty, {})), "embeds");
    },
  },
};
