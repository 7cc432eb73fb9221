/** Files of torch.save (.bin, .pt, .ckpt) in place of safetensors. Needs `npm run build`. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Pipeline, inspect, type LoadOptions } from "../lib/index";
import { ROOT, rejection } from "./support/load";

const GOLDEN = join(ROOT, "test/golden");
const MODEL = join(GOLDEN, "models/sd15");
const torch = (file: string): string => join(GOLDEN, "torch", file);

async function paint(options: LoadOptions): Promise<{ pixels: Uint8Array; latents: Float32Array }> {
  await using pipeline = await Pipeline.load({ model: MODEL, ...options });
  const imagePrompts = options.adapters === undefined ? [] : [{ image: join(GOLDEN, "images/square-64.png") }];
  const { images, latents } = await pipeline.generate({
    prompt: "a red cat",
    imagePrompts,
    steps: 3,
    seed: 5,
    width: 64,
    height: 64,
  });
  return { pixels: images[0]!.data, latents: latents[0]! };
}

test("an adapter and an image encoder as .bin give the same picture, bit for bit, as safetensors", async () => {
  const expected = await paint({ adapters: [{ file: join(MODEL, "adapters/base.safetensors") }] });
  expect(await paint({ adapters: [{ file: torch("adapter.bin") }] })).toEqual(expected);
  expect(await paint({ adapters: [{ file: torch("adapter.bin") }], imageEncoder: torch("image_encoder") })).toEqual(
    expected,
  );
  expect(await paint({})).not.toEqual(expected);
});

test("a LoRA as .bin gives the same picture, bit for bit, as safetensors", async () => {
  const expected = await paint({ loras: [{ file: join(GOLDEN, "loras/sd15-processor.safetensors") }] });
  expect(await paint({ loras: [{ file: torch("lora.bin") }] })).toEqual(expected);
  expect(await paint({})).not.toEqual(expected);
});

test("inspect tells them", async () => {
  const adapter = await inspect(join(MODEL, "adapters/base.safetensors"));
  expect(await inspect(torch("adapter.bin"))).toEqual({ ...adapter, format: "pytorch" });
  expect(await inspect(torch("lora.bin"))).toMatchObject({ kind: "lora", format: "pytorch" });
  expect(await inspect(torch("image_encoder"))).toMatchObject({ kind: "image_encoder", format: "diffusers" });
  expect(await inspect(torch("checkpoint.ckpt"))).toMatchObject({
    kind: "tensors",
    format: "pytorch",
    types: { BF16: 1, F64: 1, I64: 1 },
  });
});

test("an attack in a pickle is named and not run", async () => {
  const folder = mkdtempSync(join(tmpdir(), "torch-"));
  try {
    const file = join(folder, "adapter.bin");
    const mark = join(folder, "run");
    const command = `touch ${mark}`;
    const start = Buffer.from("80028a0a6cfc9c46f9206aa850192e80024de9032e", "hex");
    writeFileSync(
      file,
      Buffer.concat([
        start,
        Buffer.from(`\x80\x02cos\nsystem\nU${String.fromCharCode(command.length)}${command}\x85R.`, "latin1"),
      ]),
    );
    const error = await rejection(Pipeline.load({ model: MODEL, adapters: [{ file }] }));
    expect(error).toMatchObject({ code: "ERR_IPA_UNSUPPORTED", message: expect.stringContaining("os.system") });
    expect(error.message).toContain(file);
    expect(existsSync(mark)).toBe(false);
    expect(
      await rejection(Pipeline.load({ model: MODEL, adapters: [{ file: torch("checkpoint.ckpt") }] })),
    ).toMatchObject({ code: "ERR_IPA_MISMATCH" });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
