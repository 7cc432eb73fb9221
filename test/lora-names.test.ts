/**
 * LoRAs and textual inversions under the names that each tool writes: the same latents as diffusers makes with the same numbers, and
 * the same judgement of load() and inspect(). Needs `npm run build`.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Pipeline, inspect } from "../lib/index";
import { GOLDEN, relativeError } from "./support/golden";
import { ROOT, rejection } from "./support/load";
import { readSafetensors, writeSafetensors, type Tensors } from "./support/safetensors";

const CASES = join(ROOT, "test/cases");
const model = (name: string): string => join(GOLDEN, "models", name);

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "lora-names-"))));
afterAll(() => rmSync(folder, { recursive: true }));

const widened = (half: number): number => {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
};

/** The tensors of a golden LoRA: halves, and floats for text encoders. */
function halves(file: string): Tensors {
  const tensors = [...readSafetensors(join(GOLDEN, "loras", file))];
  return Object.fromEntries(
    tensors.map(([name, tensor]) => {
      const { shape, bytes } = tensor;
      const size = shape.reduce((a, b) => a * b, 1);
      return [
        name,
        {
          shape,
          data: bytes.length === 4 * size ? tensor.floats() : Float32Array.from(new Uint16Array(bytes.buffer), widened),
        },
      ];
    }),
  );
}

/** A file of these tensors under other names; `undefined` drops one. */
function renamed(
  tensors: Tensors,
  rename: (name: string) => string | undefined,
  more: Tensors = {},
  metadata?: Record<string, string>,
): string {
  const entries = Object.entries(tensors).flatMap(([name, tensor]) => {
    const other = rename(name);
    return other === undefined ? [] : [[other, tensor] as const];
  });
  const path = join(folder, "lora.safetensors");
  writeFileSync(path, writeSafetensors({ ...Object.fromEntries(entries), ...more }, metadata));
  return path;
}

const scalar = (value: number): Tensors[string] => ({ shape: [], data: Float32Array.of(value) });
// tools/goldens/loras.py
const index = JSON.parse(readFileSync(join(GOLDEN, "loras.json"), "utf8")) as { prompt: string };
const golden = readSafetensors(join(GOLDEN, "loras.safetensors"));
const call = {
  prompt: index.prompt,
  negativePrompt: "",
  steps: 5,
  guidance: 4,
  seed: 7,
  scheduler: "ddim",
  output: "latents",
  width: 64,
  height: 64,
} as const;

async function latentsWith(
  name: string,
  loras: { file: string; weight?: number }[],
  prompt = call.prompt,
): Promise<Float32Array> {
  await using pipeline = await Pipeline.load({ model: model(name), loras });
  return (await pipeline.generate({ ...call, prompt })).latents[0]!;
}

/** diffusers' newest spelling, "peft": of the UNet and the text encoder, with the alphas in tensors instead of the metadata. */
function withAlphas(
  rename: (part: "unet" | "text", layer: string, side: "down" | "up") => string,
  alphaName: (part: "unet" | "text", layer: string) => string,
): [Tensors, (name: string) => string, Tensors] {
  const tensors = halves("sd15-peft.safetensors");
  const alphas: Tensors = {};
  const parsed = (name: string): ["unet" | "text", string, "down" | "up"] => {
    const [, part, layer, kind] = /^(unet|text_encoder)\.(.*)\.lora_([AB])\.weight$/.exec(name)!;
    return [part === "unet" ? "unet" : "text", layer!, kind === "A" ? "down" : "up"];
  };
  for (const name of Object.keys(tensors)) {
    const [part, layer] = parsed(name);
    alphas[alphaName(part, layer)] = scalar(part === "unet" ? 6 : 1);
  }
  return [tensors, (name) => rename(...parsed(name)), alphas];
}

const underscored = (layer: string): string => layer.replaceAll(".", "_");
const kohya = (part: "unet" | "text", layer: string): string =>
  `${part === "unet" ? "lora_unet_" : "lora_te_"}${underscored(layer)}`;
const dotted =
  (unet: string, text: string) =>
  (part: "unet" | "text", layer: string): string =>
    `${part === "unet" ? unet : text}${layer}`;

describe("UNet and text encoder", () => {
  const plain = dotted("unet.", "text_encoder.");
  // diffusers' older text encoders: attention as in the UNet's processors, the rest as linear layers.
  const older = (part: "unet" | "text", layer: string): string =>
    part === "unet"
      ? `unet.${layer}.lora`
      : `text_encoder.${layer
          .replace(/\.([qkv])_proj$/, ".to_$1_lora")
          .replace(/\.out_proj$/, ".to_out_lora")
          .replace(/\.(fc[12])$/, ".$1.lora_linear_layer")}`;
  const kinds: Record<string, [name: (part: "unet" | "text", layer: string) => string, down: string, up: string]> = {
    "kohya's": [kohya, ".lora_down.weight", ".lora_up.weight"],
    "kohya's for two text encoders": [
      (part, layer) => kohya(part, layer).replace("lora_te_", "lora_te1_"),
      ".lora_down.weight",
      ".lora_up.weight",
    ],
    "PEFT's with an adapter's name that has dots": [plain, ".lora_A.v1.0.weight", ".lora_B.v1.0.weight"],
    "PEFT's with an adapter's name": [plain, ".lora_A.default_0.weight", ".lora_B.default_0.weight"],
    "OneTrainer's": [dotted("unet.", "clip_l."), ".lora_down.weight", ".lora_up.weight"],
    "ComfyUI's": [
      dotted("diffusion_model.", "text_encoders.clip_l.transformer."),
      ".lora_down.weight",
      ".lora_up.weight",
    ],
    "diffusers' older": [older, ".down.weight", ".up.weight"],
  };
  test.each(Object.entries(kinds))("%s names", async (_, [name, down, up]) => {
    const alphaOf = (part: "unet" | "text", layer: string): string => `${plain(part, layer)}.alpha`;
    const own =
      name === older ? alphaOf : (part: "unet" | "text", layer: string): string => `${name(part, layer)}.alpha`;
    const file = renamed(...withAlphas((part, layer, side) => name(part, layer) + (side === "down" ? down : up), own));
    expect(await inspect(file)).toMatchObject({ kind: "lora" });
    expect(relativeError(await latentsWith("sd15", [{ file }]), golden.get("peft.latents")!.floats())).toBeLessThan(
      1e-4,
    );
  });
});

describe("the UNet alone", () => {
  const tensors = halves("sd15-processor.safetensors");
  const theirs = golden.get("processor.latents")!.floats();
  const layerOf = (name: string): string =>
    name
      .replace("unet.", "")
      .replace(".processor", "")
      .replace("to_out_lora", "to_out.0_lora")
      .replace(/_lora\.(down|up)\.weight$/, "");
  const sideOf = (name: string): "down" | "up" => (name.endsWith("down.weight") ? "down" : "up");

  test.each<[string, (name: string) => string]>([
    ["Replicate's cog", (name) => name.replace("unet.", "")],
    ["LyCORIS around a UNet", (name) => `lycoris_${underscored(layerOf(name))}.lora_${sideOf(name)}.weight`],
    ["DataParallel's wrapper", (name) => `module.unet.${layerOf(name)}.lora.${sideOf(name)}.weight`],
  ])("%s", async (_, rename) => {
    expect(relativeError(await latentsWith("sd15", [{ file: renamed(tensors, rename) }]), theirs)).toBeLessThan(1e-4);
  });

  test("PEFT's own file, with its alpha in adapter_config.json beside it", async () => {
    const scaled = Object.fromEntries(
      Object.entries(tensors).map(([name, { shape, data }]) => [
        name,
        { shape, data: sideOf(name) === "up" ? data.map((v) => v / 2) : data },
      ]),
    );
    const own = join(folder, "peft");
    mkdirSync(own);
    const file = renamed(
      scaled,
      (name) => `base_model.model.${layerOf(name)}.lora_${sideOf(name) === "down" ? "A" : "B"}.weight`,
    );
    const bytes = readFileSync(file);
    const moved = join(own, "adapter_model.safetensors");
    writeFileSync(moved, bytes);
    writeFileSync(join(own, "adapter_config.json"), JSON.stringify({ peft_type: "LORA", r: 4, lora_alpha: 8 }));
    expect(relativeError(await latentsWith("sd15", [{ file: moved }]), theirs)).toBeLessThan(1e-4);
  });

  test("ai-toolkit's, with a trained embedding that has no token: it is listed", async () => {
    const file = renamed(tensors, (name) => `${kohya("unet", layerOf(name))}.lora_${sideOf(name)}.weight`, {
      emb_params: { shape: [1, 32], data: new Float32Array(32) },
    });
    expect((await inspect(file)).ignored).toEqual({ count: 1, names: ["emb_params"] });
    await using pipeline = await Pipeline.load({ model: model("sd15"), loras: [{ file }] });
    expect(pipeline.info.ignored).toEqual([{ path: file, count: 1, names: ["emb_params"] }]);
    expect(relativeError((await pipeline.generate(call)).latents[0]!, theirs)).toBeLessThan(1e-4);
    await pipeline.setLoras([]);
    expect(pipeline.info.ignored).toEqual([]);
  });
});

describe("the original's names with dots", () => {
  // lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q
  const withDots = (name: string): string => {
    const [layer = "", ...end] = name.replace("lora_unet_", "").split(".");
    return [
      layer
        .replace(/_(\d+)/g, ".$1")
        .replace(/(\d)_(?=[a-z])/g, "$1.")
        .replace("ff_net", "ff.net"),
      ...end,
    ].join(".");
  };
  test.each(["unet.", "diffusion_model.", "model.diffusion_model.", ""])("under %j", async (prefix) => {
    const file = renamed(halves("sdxl-sgm.safetensors"), (name) => prefix + withDots(name));
    expect(
      relativeError(await latentsWith("sdxl", [{ file, weight: 0.8 }]), golden.get("sgm.latents")!.floats()),
    ).toBeLessThan(1e-4);
  });
});

// tools/goldens/lora_names.py
const more = JSON.parse(readFileSync(join(GOLDEN, "lora-names.json"), "utf8")) as {
  bundle: { prompt: string; token: string };
};
const moreGolden = readSafetensors(join(GOLDEN, "lora-names.safetensors"));

test("alphas by layer in the metadata, as peft reads its patterns", async () => {
  const latents = await latentsWith("sd15", [{ file: join(GOLDEN, "lora-names/alpha-pattern.safetensors") }]);
  expect(relativeError(latents, moreGolden.get("alpha-pattern")!.floats())).toBeLessThan(1e-4);
});

describe("tokens that come along with a LoRA", () => {
  const { prompt, token } = more.bundle;
  const bundle = (): string => {
    const rows = readSafetensors(join(GOLDEN, "embeddings/xl.safetensors"));
    const own = ["clip_l", "clip_g"].map((name) => [
      `bundle_emb.${token}.${name}`,
      { shape: rows.get(name)!.shape, data: rows.get(name)!.floats() },
    ]);
    return renamed(halves("sdxl-sgm.safetensors"), (name) => name, Object.fromEntries(own) as Tensors);
  };

  test("the latents that diffusers makes with both loaded", async () => {
    await using pipeline = await Pipeline.load({ model: model("sdxl"), loras: [{ file: bundle() }] });
    expect(pipeline.info.embeddings).toEqual([{ token, lora: 0, ids: expect.anything(), vectors: [2, 2] }]);
    const { latents } = await pipeline.generate({ ...call, prompt });
    expect(relativeError(latents[0]!, moreGolden.get("bundle")!.floats())).toBeLessThan(1e-4);
  });

  test("AUTOMATIC1111's layout, for one text encoder", async () => {
    const style = readSafetensors(join(GOLDEN, "embeddings/style.safetensors")).get("<my-style>")!;
    const file = renamed(halves("sd15-kohya.safetensors"), (name) => name, {
      "bundle_emb.v1.5 style.string_to_param.*": { shape: style.shape, data: style.floats() },
    });
    await using pipeline = await Pipeline.load({ model: model("sd15"), loras: [{ file, weight: 0 }] });
    expect(pipeline.info.embeddings).toMatchObject([{ token: "v1.5 style", vectors: [3] }]);
  });

  test("setLoras() keeps them, and refuses those that load() has not had", async () => {
    const file = bundle();
    await using pipeline = await Pipeline.load({ model: model("sdxl"), loras: [{ file }] });
    const before = (await pipeline.generate({ ...call, prompt })).latents[0];
    await pipeline.setLoras([]);
    expect(pipeline.info.embeddings).toHaveLength(1);
    await pipeline.setLoras([{ file }]);
    expect((await pipeline.generate({ ...call, prompt })).latents[0]).toEqual(before);
    await using other = await Pipeline.load({ model: model("sdxl") });
    expect(await rejection(other.setLoras([{ file }]))).toMatchObject({
      code: "ERR_IPA_UNSUPPORTED",
      message: expect.stringMatching(/blue bird.*pass it to load\(\), with weight 0/),
    });
  });
});

test.each<[string, object]>([
  ["lora-peft-adapter-name.safetensors", { kind: "lora" }],
  ["lora-original-names-under-unet.safetensors", { kind: "lora" }],
  ["lora-with-bundled-embeddings.safetensors", { kind: "lora" }],
  ["../golden/lora-names/alpha-pattern.safetensors", { kind: "lora" }],
  ["inversion-clip-out.safetensors", { kind: "embedding", family: "sdxl" }],
  ["inversion-embeddings.pti", { kind: "embedding", family: "sdxl" }],
  ["inversion-parameterdict.pt", { kind: "embedding" }],
])("files as they are found: inspect tells %s", async (name, expected) => {
  expect(await inspect(join(CASES, name))).toMatchObject(expected);
});

test.each<[string, string, RegExp]>([
  ["a LoRA of FLUX", "lora_unet_double_blocks_0_img_attn_proj.lora_down.weight", /FLUX/],
  ["one for a transformer model", "transformer.transformer_blocks.0.attn.to_q.lora_A.weight", /transformer|FLUX/],
])("%s: load() refuses it by its family, which inspect() tells", async (_, name, family) => {
  const file = renamed({ [name]: { shape: [2, 2], data: new Float32Array(4) } }, (same) => same);
  expect((await inspect(file)).unsupported).toMatch(family);
  expect(await rejection(Pipeline.load({ model: model("sd15"), loras: [{ file }] }))).toMatchObject({
    code: expect.stringMatching(/^ERR_IPA_(?:MISMATCH|UNSUPPORTED)$/),
    message: expect.stringMatching(family),
  });
});

describe("refused by load() and inspect() alike", () => {
  const tensor = { shape: [2, 2], data: new Float32Array(4) };
  test.each<[string, Tensors, string, RegExp]>([
    [
      "one for Stable Cascade",
      { "lora_prior_unet_down_blocks_0.lora_up.weight": tensor },
      "ERR_IPA_MISMATCH",
      /Stable Cascade/,
    ],
    [
      "a VeRA",
      { "unet.mid_block.attentions.0.proj_in.vera_lambda_b": tensor },
      "ERR_IPA_UNSUPPORTED",
      /VeRA: pass a LoRA/,
    ],
    [
      "a GLoRA",
      {
        "lora_unet_mid_block_attentions_0_proj_in.a1.weight": tensor,
        "lora_unet_mid_block_attentions_0_proj_in.alpha": scalar(1),
      },
      "ERR_IPA_UNSUPPORTED",
      /GLoRA/,
    ],
    [
      "a LoRA with a change that is not known",
      { "unet.a.lora_A.weight": tensor, "unet.a.lora_B.weight": tensor, "unet.a.lora_C.weight": tensor },
      "ERR_IPA_UNSUPPORTED",
      /lora_C.weight" looks like a change of a layer/,
    ],
    [
      "PEFT's whole weight beside changes",
      {
        "base_model.model.mid_block.a.lora_A.weight": tensor,
        "base_model.model.mid_block.a.lora_B.weight": tensor,
        "base_model.model.conv_out.weight": tensor,
      },
      "ERR_IPA_UNSUPPORTED",
      /"base_model.model.conv_out.weight".*modules_to_save/,
    ],
    [
      "PEFT's modules_to_save",
      { "unet.a.lora_A.weight": tensor, "unet.a.lora_B.weight": tensor, "conv_out.modules_to_save.weight": tensor },
      "ERR_IPA_UNSUPPORTED",
      /"conv_out.modules_to_save.weight".*modules_to_save/,
    ],
    [
      "PEFT's base layer",
      {
        "mid_block.a.lora_A.weight": tensor,
        "mid_block.a.lora_B.weight": tensor,
        "mid_block.a.base_layer.weight": tensor,
      },
      "ERR_IPA_UNSUPPORTED",
      /"mid_block.a.base_layer.weight".*base_layer/,
    ],
    [
      "a bundled embedding for outputs alone",
      { "unet.a.lora_A.weight": tensor, "unet.a.lora_B.weight": tensor, "bundle_emb.x.clip_l_out": tensor },
      "ERR_IPA_UNSUPPORTED",
      /bundle_emb.x.clip_l_out" is for the output/,
    ],
    [
      "a bundled embedding of too many vectors",
      {
        "unet.a.lora_A.weight": tensor,
        "unet.a.lora_B.weight": tensor,
        "bundle_emb.x.clip_l": { shape: [129, 2], data: new Float32Array(258) },
      },
      "ERR_IPA_LIMIT",
      /129 vectors for one token, more than 128/,
    ],
  ])("%s", async (_, tensors, code, message) => {
    const file = renamed(tensors, (name) => name);
    for (const call of [() => inspect(file), () => Pipeline.load({ model: model("sd15"), loras: [{ file }] })])
      expect(await rejection(call())).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test("IA3, by its name", async () => {
    const file = join(CASES, "ia3.safetensors");
    for (const call of [() => inspect(file), () => Pipeline.load({ model: model("sd15"), loras: [{ file }] })])
      expect(await rejection(call())).toMatchObject({
        code: "ERR_IPA_UNSUPPORTED",
        message: expect.stringMatching(/on_input.*IA3/),
      });
  });
});

describe("textual inversions", () => {
  // tools/goldens/embeddings.py
  const rows = readSafetensors(join(GOLDEN, "embeddings/xl.safetensors"));
  const two = JSON.parse(readFileSync(join(GOLDEN, "embeddings.json"), "utf8")) as {
    cases: { name: string; prompt: string; negative: string }[];
  };
  const { prompt, negative } = two.cases.find(({ name }) => name === "two-encoders")!;
  const theirs = readSafetensors(join(GOLDEN, "embeddings.safetensors")).get("two-encoders.latents")!.floats();
  const of = (name: string): Tensors[string] => ({ shape: rows.get(name)!.shape, data: rows.get(name)!.floats() });

  test.each<[string, string, Tensors]>([
    ["Replicate's .pti", "embeddings.pti", { text_encoders_0: of("clip_l"), text_encoders_1: of("clip_g") }],
    [
      "OneTrainer's, with rows for the outputs",
      "one.safetensors",
      { clip_l: of("clip_l"), clip_l_out: of("clip_l"), clip_g: of("clip_g"), clip_g_out: of("clip_g") },
    ],
    [
      "one with something else beside it",
      "more.safetensors",
      { clip_l: of("clip_l"), clip_g: of("clip_g"), t5xxl: { shape: [1, 4096], data: new Float32Array(4096) } },
    ],
  ])("the latents that diffusers makes: %s", async (_, name, tensors) => {
    const file = join(folder, name);
    writeFileSync(file, writeSafetensors(tensors));
    const embeddings = [{ file, token: "<xl>" }, { file: join(GOLDEN, "embeddings/wide.safetensors") }];
    await using pipeline = await Pipeline.load({ model: model("sdxl"), embeddings });
    const ignored = Object.keys(tensors).filter((name) => !/^(clip_[lg]|text_encoders_[01])$/.test(name));
    expect(pipeline.info.ignored.flatMap(({ names }) => names)).toEqual(ignored);
    expect((await inspect(file)).ignored.names).toEqual(ignored);
    const { latents } = await pipeline.generate({ ...call, prompt, negativePrompt: negative });
    expect(relativeError(latents[0]!, theirs)).toBeLessThan(1e-4);
  });

  test("rows for outputs alone, and too many vectors", async () => {
    const load = (tensors: Tensors): Promise<Error> =>
      rejection(Pipeline.load({ model: model("sd15"), embeddings: [{ file: renamed(tensors, (name) => name) }] }));
    expect(await load({ clip_l_out: { shape: [2, 32], data: new Float32Array(64) } })).toMatchObject({
      code: "ERR_IPA_UNSUPPORTED",
      message: expect.stringMatching(/clip_l_out.*output of a text encoder/),
    });
    expect(await load({ "<a>": { shape: [129, 32], data: new Float32Array(129 * 32) } })).toMatchObject({
      code: "ERR_IPA_LIMIT",
      message: expect.stringMatching(/129 vectors/),
    });
    await using most = await Pipeline.load({
      model: model("sd15"),
      embeddings: [
        { file: renamed({ "<a>": { shape: [128, 32], data: new Float32Array(128 * 32) } }, (name) => name) },
      ],
    });
    expect(most.info.embeddings[0]!.vectors).toEqual([128]);
  });
});
