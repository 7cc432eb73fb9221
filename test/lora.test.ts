/** LoRA files: the same latents as diffusers and peft make with them, and clear refusals. Needs `npm run build`. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Pipeline, inspect } from "../lib/index";
import { GOLDEN, relativeError } from "./support/golden";
import { rejection } from "./support/load";
import { readSafetensors, writeSafetensors, type Tensors } from "./support/safetensors";

const lora = (file: string): string => join(GOLDEN, "loras", file);
const model = (name: string): string => join(GOLDEN, "models", name);

interface Case {
  name: string;
  model: string;
  loras: { file: string; weight: number }[];
  adapter?: string;
}
// tools/goldens/loras.py
const index = JSON.parse(readFileSync(join(GOLDEN, "loras.json"), "utf8")) as {
  prompt: string;
  steps: number;
  guidance: number;
  seed: number;
  cases: Case[];
};
const golden = readSafetensors(join(GOLDEN, "loras.safetensors"));

const call = {
  prompt: index.prompt,
  negativePrompt: "",
  steps: index.steps,
  guidance: index.guidance,
  seed: index.seed,
  scheduler: "ddim",
  output: "latents",
  width: 64,
  height: 64,
} as const;

test.each(index.cases)("the latents that diffusers makes: $name", async ({ name, model: folder, loras, adapter }) => {
  const adapters = adapter === undefined ? [] : [{ file: join(model(folder), `adapters/${adapter}.safetensors`) }];
  await using pipeline = await Pipeline.load({
    model: model(folder),
    adapters,
    loras: loras.map(({ file, weight }) => ({ file: lora(file), weight })),
  });
  const imagePrompts = adapter === undefined ? [] : [{ embeds: golden.get(`${name}.embeds`)!.floats() }];
  const { latents } = await pipeline.generate({ ...call, imagePrompts });
  expect(relativeError(latents[0]!, golden.get(`${name}.latents`)!.floats())).toBeLessThan(1e-4);
});

// tools/goldens/lycoris_kinds.py
const kinds = JSON.parse(readFileSync(join(GOLDEN, "lycoris.json"), "utf8")) as { cases: Case[] };
const kindsGolden = readSafetensors(join(GOLDEN, "lycoris.safetensors"));

test.each(kinds.cases)(
  "the latents with LyCORIS's own changes of the weights: $name",
  async ({ name, model: folder, loras }) => {
    await using pipeline = await Pipeline.load({
      model: model(folder),
      loras: loras.map(({ file, weight }) => ({ file: join(GOLDEN, "lycoris", file), weight })),
    });
    const { latents } = await pipeline.generate(call);
    expect(relativeError(latents[0]!, kindsGolden.get(`${name}.latents`)!.floats())).toBeLessThan(1e-4);
  },
);

interface LcmCase {
  name: string;
  model: string;
  lora: string;
  guidance: number;
}
// tools/goldens/lcm_lora.py
const lcm = JSON.parse(readFileSync(join(GOLDEN, "lcm.json"), "utf8")) as {
  prompt: string;
  negative: string;
  steps: number;
  seed: number;
  cases: LcmCase[];
};
const lcmGolden = readSafetensors(join(GOLDEN, "lcm.safetensors"));

test.each(lcm.cases)(
  "an LCM-LoRA with the LCM scheduler, model and guidance $name",
  async ({ name, model: folder, lora: file, guidance }) => {
    await using pipeline = await Pipeline.load({ model: model(folder), loras: [{ file: join(GOLDEN, "lcm", file) }] });
    const { latents } = await pipeline.generate({
      ...call,
      prompt: lcm.prompt,
      negativePrompt: lcm.negative,
      steps: lcm.steps,
      seed: lcm.seed,
      guidance,
      scheduler: "lcm",
    });
    expect(relativeError(latents[0]!, lcmGolden.get(name)!.floats())).toBeLessThan(1e-4);
  },
);

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
  const files = ["sd15-peft", "sd15-kohya", "sd15-processor"].map((name) => `loras/${name}.safetensors`);
  for (const { loras } of kinds.cases) files.push(...loras.map(({ file }) => `lycoris/${file}`));
  for (const file of files) expect(await inspect(join(GOLDEN, file))).toMatchObject({ kind: "lora" });
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
  const square = { shape: [2, 2], data: new Float32Array(4) };
  const loha = {
    [`${layer}.hada_w1_a`]: up,
    [`${layer}.hada_w1_b`]: down,
    [`${layer}.hada_w2_a`]: up,
    [`${layer}.hada_w2_b`]: down,
  };
  const pair = { [`${layer}.lora_A.weight`]: down, [`${layer}.lora_B.weight`]: up };

  test.each<[string, Tensors, string, RegExp]>([
    [
      "half of a pair",
      { [`${layer}.lora_A.weight`]: down },
      "ERR_IPA_MISSING_TENSOR",
      /attn1.to_q.lora_A.weight" but no lora_up/,
    ],
    [
      "two spellings of one matrix",
      { ...pair, [`${layer}.lora_down.weight`]: down },
      "ERR_IPA_DUPLICATE",
      /lora_down twice.*to_q.lora_A.weight/,
    ],
    [
      "a layer the model does not have",
      { "unet.nowhere.lora_A.weight": down, "unet.nowhere.lora_B.weight": up },
      "ERR_IPA_MISMATCH",
      /no layer "nowhere".*this model family/,
    ],
    [
      "matrices of other ranks",
      { ...pair, [`${layer}.lora_B.weight`]: { shape: [24, 3], data: new Float32Array(72) } },
      "ERR_IPA_SHAPE",
      /do not fit each other/,
    ],
    [
      "a layer of another size",
      {
        [`${layer}.lora_A.weight`]: { shape: [2, 320], data: new Float32Array(640) },
        [`${layer}.lora_B.weight`]: { shape: [320, 2], data: new Float32Array(640) },
      },
      "ERR_IPA_SHAPE",
      /another size.*this model family/,
    ],
    [
      "an infinite alpha",
      { ...pair, [`${layer}.alpha`]: { shape: [], data: Float32Array.of(Infinity) } },
      "ERR_IPA_RANGE",
      /alpha is not finite/,
    ],
    [
      "an alpha that is no number",
      { ...pair, [`${layer}.alpha`]: { shape: [2], data: new Float32Array(2) } },
      "ERR_IPA_SHAPE",
      /alpha is no number/,
    ],
    ["an OFT", { "lora_unet_mid_block.oft_blocks": down }, "ERR_IPA_UNSUPPORTED", /OFT.*pass a LoRA/],
    [
      "a LoHa without one of its four matrices",
      { [`${layer}.hada_w1_a`]: up, [`${layer}.hada_w1_b`]: down, [`${layer}.hada_w2_a`]: up },
      "ERR_IPA_MISSING_TENSOR",
      /hada_w1_a" but no hada_w2_b/,
    ],
    ["a LoHa with one core of two", { ...loha, [`${layer}.hada_t1`]: square }, "ERR_IPA_MISSING_TENSOR", /no hada_t2/],
    [
      "a LoHa of two ranks in one product",
      { ...loha, [`${layer}.hada_w2_b`]: { shape: [3, 24], data: new Float32Array(72) } },
      "ERR_IPA_SHAPE",
      /hada_w2_a" and ".*hada_w2_b" do not fit each other/,
    ],
    [
      "a LoHa whose two products differ in size",
      { ...loha, [`${layer}.hada_w2_b`]: { shape: [2, 12], data: new Float32Array(24) } },
      "ERR_IPA_SHAPE",
      /do not fit each other/,
    ],
    [
      "a LoKr without its second matrix",
      { [`${layer}.lokr_w1`]: square },
      "ERR_IPA_MISSING_TENSOR",
      /lokr_w1" but no lokr_w2/,
    ],
    [
      "a LoKr with half of a product",
      { [`${layer}.lokr_w1`]: square, [`${layer}.lokr_w2_a`]: up },
      "ERR_IPA_MISSING_TENSOR",
      /no lokr_w2_b/,
    ],
    [
      "a LoKr with one matrix whole and in parts",
      { [`${layer}.lokr_w1`]: square, [`${layer}.lokr_w1_a`]: square, [`${layer}.lokr_w2`]: square },
      "ERR_IPA_DUPLICATE",
      /lokr_w1" is there whole and in parts/,
    ],
    [
      "a LoKr whose Kronecker product is of another size",
      { [`${layer}.lokr_w1`]: square, [`${layer}.lokr_w2`]: square },
      "ERR_IPA_SHAPE",
      /another size.*this model family/,
    ],
    [
      "a core of another rank",
      { ...pair, [`${layer}.lora_mid.weight`]: { shape: [2, 3, 1, 1], data: new Float32Array(6) } },
      "ERR_IPA_SHAPE",
      /lora_mid.weight" and ".*lora_A.weight" do not fit/,
    ],
    ["two kinds for one layer", { ...pair, ...loha }, "ERR_IPA_DUPLICATE", /several ways/],
    [
      "an alpha alone",
      { [`${layer}.alpha`]: { shape: [], data: Float32Array.of(1) } },
      "ERR_IPA_MISSING_TENSOR",
      /no lora_up/,
    ],
    ["a difference of another shape", { [`${layer}.diff`]: square }, "ERR_IPA_SHAPE", /another size/],
    [
      "a change of a bias that is not there",
      { [`${layer}.diff_b`]: { shape: [24], data: new Float32Array(24) } },
      "ERR_IPA_MISMATCH",
      /no layer.*with a bias/,
    ],
    [
      "an empty matrix",
      { ...pair, [`${layer}.lora_A.weight`]: { shape: [0, 24], data: new Float32Array(0) } },
      "ERR_IPA_SHAPE",
      /lora_A.weight" is no matrix/,
    ],
    [
      "a DoRA with too few lengths",
      { ...pair, [`${layer}.dora_scale`]: { shape: [12, 1], data: new Float32Array(12) } },
      "ERR_IPA_SHAPE",
      /dora_scale" has neither/,
    ],
    [
      "a block the original checkpoint does not have",
      {
        "lora_unet_input_blocks_99_1_proj_in.lora_down.weight": down,
        "lora_unet_input_blocks_99_1_proj_in.lora_up.weight": up,
      },
      "ERR_IPA_MISMATCH",
      /no layer.*this model family/,
    ],
    [
      "a second text encoder's layers in a model with one",
      { "text_encoder_2.a.lora_A.weight": down, "text_encoder_2.a.lora_B.weight": up },
      "ERR_IPA_MISMATCH",
      /only SDXL/,
    ],
    ["no tensors at all", {}, "ERR_IPA_MISMATCH", /no tensors/],
  ])("%s", async (_, tensors, code, message) => {
    expect(await rejection(load(made(tensors)))).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test.each<[string, object | string, string]>([
    ["metadata that is no JSON", "{", "ERR_IPA_SYNTAX"],
    ["an alpha in words", { "unet.lora_alpha": "eight" }, "ERR_IPA_TYPE"],
    [
      "alphas by layer, by an expression that is not read",
      { "unet.lora_alpha": 8, "unet.alpha_pattern": { "to_(q|k)": 4 } },
      "ERR_IPA_UNSUPPORTED",
    ],
    ["alphas by layer that are no numbers", { "unet.alpha_pattern": { to_q: "4" } }, "ERR_IPA_TYPE"],
    ["a DoRA by its metadata, without its lengths", { "unet.use_dora": true }, "ERR_IPA_MISSING_TENSOR"],
  ])("%s", async (_, metadata, code) => {
    const file = made(pair, {
      lora_adapter_metadata: typeof metadata === "string" ? metadata : JSON.stringify(metadata),
    });
    expect(await rejection(load(file))).toMatchObject({ code, message: expect.stringContaining("lora.safetensors") });
  });

  test("an IP-Adapter, a file that is not there, a weight out of range", async () => {
    expect(await rejection(load(join(model("sd15"), "adapters/base.safetensors")))).toMatchObject({
      code: "ERR_IPA_MISMATCH",
      message: expect.stringContaining("this file holds no LoRA (its kind is ip-adapter): pass it in adapters"),
    });
    expect(await rejection(load(join(folder, "nothing.safetensors")))).toMatchObject({
      code: "ERR_IPA_NOT_FOUND",
      message: expect.stringContaining("loras[0].file"),
    });
    expect(
      await rejection(Pipeline.load({ loras: [{ file: lora("sd15-peft.safetensors"), weight: 11 }] })),
    ).toMatchObject({ name: "OptionError", option: "loras[0].weight" });
  });

  test("a LoRA of another model family", async () => {
    expect(await rejection(load(lora("sdxl-peft.safetensors")))).toMatchObject({
      code: "ERR_IPA_MISMATCH",
      message: expect.stringMatching(/this model family/),
    });
  });
});
