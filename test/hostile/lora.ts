/** LoRAs whose factors are small and whose products are large. */
import { strict as assert } from "node:assert";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { Pipeline } from "../../lib/pipeline";
import { type Tensors, writeSafetensors } from "../support/safetensors";
import type { HostileCases } from "./case";

const floats = (...shape: number[]): Tensors[string] => ({
  shape,
  data: new Float32Array(shape.reduce((product, side) => product * side, 1)).fill(1e-3),
});
/** The small model's first convolution: 64 channels of 8, 3 x 3; 18 KB. */
const LAYER = "lora_unet_conv_in";

export const cases: HostileCases = {
  "a core of rank 100000 in a file of 7 MB": {
    memory: 300,
    seconds: 60,
    run: async (scratch) => {
      const file = join(scratch, "core.safetensors");
      const rank = 100_000;
      const tensors = {
        [`${LAYER}.lora_down.weight`]: floats(rank, 8, 1, 1),
        [`${LAYER}.lora_up.weight`]: floats(64, 1, 1, 1),
        [`${LAYER}.lora_mid.weight`]: floats(1, rank, 3, 3),
      };
      writeFileSync(file, writeSafetensors(tensors));
      await using pipeline = await Pipeline.load({ loras: [{ file }] });
      assert.ok(pipeline.info.parameters > 0);
    },
  },
  "the same at the last convolution, from the other side": {
    quick: true,
    memory: 300,
    seconds: 60,
    run: async (scratch) => {
      const file = join(scratch, "core.safetensors");
      const rank = 200_000;
      const layer = "lora_unet_conv_out";
      writeFileSync(
        file,
        writeSafetensors({
          [`${layer}.lora_down.weight`]: floats(1, 64, 1, 1),
          [`${layer}.lora_up.weight`]: floats(8, rank, 1, 1),
          [`${layer}.lora_mid.weight`]: floats(rank, 1, 3, 3),
        }),
      );
      await using pipeline = await Pipeline.load({ loras: [{ file }] });
      assert.ok(pipeline.info.parameters > 0);
    },
  },
  "loading such a file ends when its signal fires": {
    memory: 400,
    seconds: 30,
    run: async (scratch) => {
      const file = join(scratch, "core.safetensors");
      const rank = 4000;
      const tensors = {
        [`${LAYER}.lora_down.weight`]: floats(rank, 8, 1, 1),
        [`${LAYER}.lora_up.weight`]: floats(64, rank, 1, 1),
        [`${LAYER}.lora_mid.weight`]: floats(rank, rank / 10, 3, 3),
      };
      tensors[`${LAYER}.lora_down.weight`] = floats(rank / 10, 8, 1, 1);
      writeFileSync(file, writeSafetensors(tensors));
      const controller = new AbortController();
      const loading = Pipeline.load({ loras: [{ file }], signal: controller.signal });
      setTimeout(() => controller.abort(new Error("enough")), 50);
      await assert.rejects(loading, /enough/);
    },
  },
};
