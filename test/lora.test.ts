/** LoRA files: the same latents as diffusers and peft make with them, and clear refusals. Needs `npm run build:all`. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Pipeline, inspect } from "../lib/index";
import { ROOT, rejection } from "./support/load";
import { readSafetensors, writeSafetensors, type Tensors } from "./support/safetensors";

const GOLDEN = join(ROOT, "test/golden");
const lora = (file: string): string => join(GOLDEN, "loras", file);
const model = (name: string): string => join(GOLDEN, "models", name);

interface Case {
  name: string;
  model: string;
  loras: { file: string; weight: number }[];
  adapter?: string;
}
// tools/goldens/loras.py
const index = JSON.parse(readFileSync(join(GOLDEN, "loras.json"), "utf8")) as { prompt: string; steps: number; guidance: number; seed: number; cases: Case[] };
const golden = readSafetensors(join(GOLDEN, "loras.safetensors"));

const call = { prompt: index.prompt, negativePrompt: "", steps: index.steps, guidance: index.guidance, seed: index.seed, scheduler: "ddim", output: "latents", width: 64, height: 64 } as const;

const relativeError = (ours: Float32Array, theirs: Float32Array): number => Math.hypot(...ours.map((v, i) => v - theirs[i]!)) / Math.hypot(...theirs);

test.each(index.cases)("the latents that diffusers makes: $name", async ({ name, model: folder, loras, adapter }) => {
  const adapters = adapter === undefined ? [] : [{ file: join(model(folder), `adapters/${adapter}.safetensors`) }];
  await using pipeline = await Pipeline.load({ model: model(folder), adapters, loras: loras.map(({ file, weight }) => ({ file: lora(file), weight })) });
  const imagePrompts = adapter === undefined ? [] : [{ embeds: golden.get(`${name}.embeds`)!.floats() }];
  const { latents } = await pipeline.generate({ ...call, imagePrompts });
  expect(relativeError(latents[0]!, golden.get(`${name}.latents`)!.floats())).toBeLessThan(1e-4);
});

test("weight 0 leaves the model as it is, in bits; the default is 1", async () => {
  const latents = async (loras: { file: string; weight?: number }[]): Promise<Float32Array> => {
    await using pipeline = await Pipeline.load({ model: model("sd15"), loras });
    return (await pipeline.generate(call)).latents[0]!;
  };
  const plain = await latents([]);
  expect(await latents([{ file: lora("sd15-peft.safetensors"), weight: 0 }])).toEqual(plain);
  const whole = await latents([{ file: lora("sd15-peft.safetensors") }]);
  expect(whole).toEqual(await latents([{ file: lora("sd15-peft.safetensors"), weight: 1 }]));
  expect(relativeError(whole, plain)).toBeGreaterThan(0.01);
});

test("inspect tells a LoRA", async () => {
  for (const file of ["sd15-peft", "sd15-kohya", "sd15-processor"]) expect(await inspect(lora(`${file}.safetensors`))).toMatchObject({ kind: "lora" });
});

describe("refused", () => {
  let folder: string;
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "lora-"))));
  afterAll(() => rmSync(folder, { recursive: true }));

  const load = (file: string): Promise<unknown> => Pipeline.load({ model: model("sd15"), loras: [{ file }] });
  const made = (tensors: Tensors, metadata?: Record<string, string>): string => {
    const file = join(folder, "lora.safetensors");
    writeFileSync(file, writeSafetensors(tensors, metadata));
    return file;
  };
  const layer = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q";
  const down = { shape: [2, 24], data: new Float32Array(48) };
  const up = { shape: [24, 2], data: new Float32Array(48) };
  const pair = { [`${layer}.lora_A.weight`]: down, [`${layer}.lora_B.weight`]: up };

  test.each<[string, Tensors, string, RegExp]>([
    ["half of a pair", { [`${layer}.lora_A.weight`]: down }, "ERR_IPA_MISSING_TENSOR", /only one of its two matrices/],
    ["two spellings of one matrix", { ...pair, [`${layer}.lora_down.weight`]: down }, "ERR_IPA_DUPLICATE", /twice/],
    ["a layer the model does not have", { "unet.nowhere.lora_A.weight": down, "unet.nowhere.lora_B.weight": up }, "ERR_IPA_MISMATCH", /no layer "nowhere".*this model family/],
    ["matrices of other ranks", { ...pair, [`${layer}.lora_B.weight`]: { shape: [24, 3], data: new Float32Array(72) } }, "ERR_IPA_SHAPE", /do not fit each other/],
    ["a layer of another size", { [`${layer}.lora_A.weight`]: { shape: [2, 320], data: new Float32Array(640) }, [`${layer}.lora_B.weight`]: { shape: [320, 2], data: new Float32Array(640) } }, "ERR_IPA_SHAPE", /another size.*this model family/],
    ["an infinite alpha", { ...pair, [`${layer}.alpha`]: { shape: [], data: Float32Array.of(Infinity) } }, "ERR_IPA_RANGE", /alpha is not finite/],
    ["an alpha that is no number", { ...pair, [`${layer}.alpha`]: { shape: [2], data: new Float32Array(2) } }, "ERR_IPA_SHAPE", /alpha is no number/],
    ["a LoHa", { "lora_unet_mid_block.hada_w1_a": down }, "ERR_IPA_UNSUPPORTED", /LoHa.*plain LoRA/],
    ["a DoRA", { ...pair, [`${layer}.dora_scale`]: { shape: [24, 1], data: new Float32Array(24) } }, "ERR_IPA_UNSUPPORTED", /DoRA/],
    ["a block the original checkpoint does not have", { "lora_unet_input_blocks_99_1_proj_in.lora_down.weight": down, "lora_unet_input_blocks_99_1_proj_in.lora_up.weight": up }, "ERR_IPA_MISMATCH", /no layer.*this model family/],
    ["a second text encoder's layers in a model with one", { "text_encoder_2.a.lora_A.weight": down, "text_encoder_2.a.lora_B.weight": up }, "ERR_IPA_MISMATCH", /only SDXL/],
    ["no tensors at all", {}, "ERR_IPA_MISMATCH", /no tensors/],
  ])("%s", async (_, tensors, code, message) => {
    expect(await rejection(load(made(tensors)))).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test.each<[string, object | string, string]>([
    ["metadata that is no JSON", "{", "ERR_IPA_SYNTAX"],
    ["an alpha in words", { "unet.lora_alpha": "eight" }, "ERR_IPA_TYPE"],
    ["alphas by layer", { "unet.lora_alpha": 8, "unet.alpha_pattern": { to_q: 4 } }, "ERR_IPA_UNSUPPORTED"],
    ["a DoRA by its metadata", { "unet.use_dora": true }, "ERR_IPA_UNSUPPORTED"],
  ])("%s", async (_, metadata, code) => {
    const file = made(pair, { lora_adapter_metadata: typeof metadata === "string" ? metadata : JSON.stringify(metadata) });
    expect(await rejection(load(file))).toMatchObject({ code, message: expect.stringContaining("lora.safetensors") });
  });

  test("an IP-Adapter, a file that is not there, a weight out of range", async () => {
    expect(await rejection(load(join(model("sd15"), "adapters/base.safetensors")))).toMatchObject({ code: "ERR_IPA_MISMATCH", message: expect.stringContaining("none of a LoRA's") });
    expect(await rejection(load(join(folder, "nothing.safetensors")))).toMatchObject({ code: "ERR_IPA_NOT_FOUND", message: expect.stringContaining("loras[0].file") });
    expect(await rejection(Pipeline.load({ loras: [{ file: lora("sd15-peft.safetensors"), weight: 11 }] }))).toMatchObject({ name: "OptionError", option: "loras[0].weight" });
  });

  test("a LoRA of another model family", async () => {
    expect(await rejection(load(lora("sdxl-peft.safetensors")))).toMatchObject({ code: "ERR_IPA_MISMATCH", message: expect.stringMatching(/this model family/) });
  });
});
