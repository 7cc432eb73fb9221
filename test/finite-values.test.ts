/** NaN, infinity and overflow, in files and in calls: an error that names the tensor, never a black picture. Needs `npm run build`. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Pipeline } from "../lib/index";
import { ROOT, rejection } from "./support/load";
import { writeSafetensors, type Tensors } from "./support/safetensors";
import { readRaw, type RawTensor, writeRaw } from "./support/safetensors-parts";

const model = join(ROOT, "test/golden/models/sd15");
const weights = readRaw(join(model, "unet/diffusion_pytorch_model.safetensors"));
const layer = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q";
const [rows, columns] = weights.get(`${layer}.weight`)!.shape as [number, number];
const filled = (shape: number[], value: number): Tensors[string] => ({
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value),
});
const call = { prompt: "a cat", steps: 2, seed: 1, width: 64, height: 64 } as const;

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "finite-"))));
afterAll(() => rmSync(folder, { recursive: true }));

function made(tensors: Tensors, metadata?: Record<string, string>): string {
  const path = join(folder, "made.safetensors");
  writeFileSync(path, writeSafetensors(tensors, metadata));
  return path;
}

const pair = (name: string, down = 0.1): Tensors => ({
  [`${name}.lora_down.weight`]: filled([2, columns], down),
  [`${name}.lora_up.weight`]: filled([rows, 2], 0.1),
});

describe("files", () => {
  test.each([NaN, Infinity, -Infinity])("a textual inversion of %d", async (value) => {
    const file = made({ emb_params: filled([2, 32], value) });
    expect(await rejection(Pipeline.load({ model, embeddings: [{ file }] }))).toMatchObject({
      code: "ERR_IPA_RANGE",
      message: expect.stringMatching(/made\.safetensors.*"emb_params"/),
    });
  });

  test("a textual inversion with a scale that nothing reads", async () => {
    const file = made({ emb_params: filled([2, 32], 1), emb_params_scale: filled([], 2) });
    expect(await rejection(Pipeline.load({ model, embeddings: [{ file }] }))).toMatchObject({
      code: "ERR_IPA_UNSUPPORTED",
      message: expect.stringMatching(/"emb_params".*"emb_params_scale"/),
    });
  });

  const unet = `unet.${layer}`;
  test.each<[string, { tensors: Tensors; metadata?: Record<string, string>; named?: RegExp }]>([
    ["a matrix of NaN", { tensors: pair(unet, NaN) }],
    ["a matrix with infinity", { tensors: pair(unet, Infinity) }],
    ["a product that is too large", { tensors: { ...pair(unet, 3e38), [`${unet}.alpha`]: filled([], 100) } }],
    [
      "lengths of NaN",
      {
        tensors: { ...pair(unet), [`${unet}.dora_scale`]: filled([rows, 1], NaN) },
        named: /made\.safetensors.*to_q\.dora_scale/,
      },
    ],
    [
      "an alpha of 1e300",
      {
        tensors: pair(unet),
        metadata: { lora_adapter_metadata: JSON.stringify({ "unet.r": 2, "unet.lora_alpha": 1e300 }) },
      },
    ],
  ])("a LoRA with %s", async (_, { tensors, metadata, named = /made\.safetensors.*mid_block\.attentions\.0/ }) => {
    const file = made(tensors, metadata);
    await using pipeline = await Pipeline.load({ model });
    const before = (await pipeline.generate(call)).images[0]!.data;
    expect(await rejection(pipeline.setLoras([{ file }]))).toMatchObject({
      code: "ERR_IPA_RANGE",
      message: expect.stringMatching(named),
    });
    expect((await pipeline.generate(call)).images[0]!.data).toEqual(before);
  });

  test.each([NaN, Infinity, 3e38])("a scale of %d beside a weight", async (value) => {
    const f32 = ({ shape, data }: Tensors[string]): RawTensor => ({
      dtype: "F32",
      shape,
      bytes: new Uint8Array(data.buffer),
    });
    const unet = join(folder, "made.safetensors");
    writeFileSync(
      unet,
      writeRaw(
        new Map([
          ...weights,
          [`${layer}.weight`, f32(filled([rows, columns], 10))],
          [`${layer}.weight_scale`, f32(filled([], value))],
        ]),
      ),
    );
    expect(await rejection(Pipeline.load({ model, unet }))).toMatchObject({
      code: "ERR_IPA_RANGE",
      message: expect.stringMatching(/made\.safetensors.*mid_block\.attentions\.0.*to_q\.weight/),
    });
  });
});

test("one layer under two names in one file is an error that names both; two files may change it", async () => {
  const kohya = `lora_unet_${layer.replaceAll(".", "_")}`;
  const original = "lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q";
  const processor = `unet.${layer.replace("attn1.", "attn1.processor.")}_lora`;
  const old: Tensors = {
    [`${processor}.down.weight`]: filled([2, columns], 0.1),
    [`${processor}.up.weight`]: filled([rows, 2], 0.1),
  };
  await using pipeline = await Pipeline.load({ model });
  for (const [other, name] of [
    [pair(`unet.${layer}`), `unet.${layer}`],
    [pair(original), original],
    [old, processor],
  ] as const) {
    const error = await rejection(pipeline.setLoras([{ file: made({ ...pair(kohya), ...other }) }]));
    expect(error).toMatchObject({ code: "ERR_IPA_DUPLICATE" });
    expect(error.message).toContain(`"${kohya}.lora_up.weight"`);
    expect(error.message).toContain(`"${name}.${other === old ? "up" : "lora_up"}.weight"`);
  }
  const second = join(folder, "second.safetensors");
  writeFileSync(second, writeSafetensors(pair(original)));
  await pipeline.setLoras([
    {
      file: made({
        ...pair(kohya),
        [`${kohya.replace("to_q", "to_out_0")}.diff_b`]: filled([rows], 0.1),
        ...pair(kohya.replace("to_q", "to_out_0")),
      }),
    },
    { file: second },
  ]);
});

test("latents and embeds that overflow; the pipeline goes on", async () => {
  await using pipeline = await Pipeline.load({ images: "any" });
  const before = (await pipeline.generate(call)).images[0]!.data;
  const latents = new Float32Array(pipeline.info.latentChannels * (64 / pipeline.info.vaeScale) ** 2).fill(3e38);
  const embeds = new Float32Array(
    (await pipeline.encodeImage(join(ROOT, "examples/images/red-apple.png"))).length,
  ).fill(3e38);
  for (const output of ["image", "latents"] as const) {
    for (const options of [{ latents }, { imagePrompts: [{ embeds }] }]) {
      expect(await rejection(pipeline.generate({ ...call, ...options, output }))).toMatchObject({
        code: "ERR_IPA_RANGE",
        message: expect.stringMatching(/step \d of 2.*guidance/),
      });
    }
  }
  expect((await pipeline.generate(call)).images[0]!.data).toEqual(before);
});
