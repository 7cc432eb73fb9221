/**
 * All tensors of a network's file are read, known to be without use, or named in an error; what belongs to no network is listed.
 * Right values are those of the same weights under their usual names, which the C++ tests compare with diffusers. Needs `npm run build:native`.
 */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { inspect, Pipeline } from "../lib/index";
import type { GenerateResult, LoadOptions } from "../lib/index";
import { inspectionLines } from "../lib/cli/inspect";
import { rejection, ROOT } from "./support/load";
import { readRaw, type RawTensors, withVocabulary, writeRaw } from "./support/safetensors-parts";

const MODELS = join(ROOT, "test/golden/models");
const folder = mkdtempSync(join(tmpdir(), "accounting-"));
afterAll(() => rmSync(folder, { recursive: true }));

const whole = (name: string): RawTensors => withVocabulary(readRaw(join(MODELS, name, "model.safetensors")));
const extra = { dtype: "F16", shape: [2], bytes: new Uint8Array(4) };

function write(name: string, tensors: RawTensors, metadata?: Record<string, string>): string {
  const path = join(folder, `${name}.safetensors`);
  writeFileSync(path, writeRaw(tensors, metadata));
  return path;
}

function renamed(tensors: RawTensors, change: (name: string) => string): RawTensors {
  return new Map([...tensors].map(([name, tensor]) => [change(name), tensor]));
}

const withNames = (tensors: RawTensors, ...names: string[]): RawTensors =>
  new Map([...tensors, ...names.map((name) => [name, extra] as const)]);

async function picture(load: LoadOptions): Promise<GenerateResult> {
  await using pipeline = await Pipeline.load(load);
  return await pipeline.generate({
    prompt: "a cat",
    negativePrompt: "",
    steps: 1,
    seed: 3,
    guidance: 7.5,
    width: 64,
    height: 64,
  });
}

const data = (result: GenerateResult): Buffer => Buffer.from(result.images[0]!.data);

describe("a VAE's attention under all names, in two dimensions and in four", () => {
  const spellings: Record<string, Record<string, string>> = {
    "q, k, v, proj_out": { to_q: "q", to_k: "k", to_v: "v", "to_out.0": "proj_out", group_norm: "norm" },
    "to_q … to_out.0": { to_q: "to_q", to_k: "to_k", to_v: "to_v", "to_out.0": "to_out.0", group_norm: "norm" },
    "query … proj_attn": {
      to_q: "query",
      to_k: "key",
      to_v: "value",
      "to_out.0": "proj_attn",
      group_norm: "group_norm",
    },
    "a mixture": { to_q: "to_q", to_k: "key", to_v: "v", "to_out.0": "proj_out", group_norm: "group_norm" },
  };
  const present = Object.fromEntries(
    Object.entries(spellings["q, k, v, proj_out"]!).map(([ours, theirs]) => [theirs, ours]),
  );
  const rank = (tensors: RawTensors, four: boolean): RawTensors =>
    new Map(
      [...tensors].map(([name, tensor]) => [
        name,
        /(attn_1|attentions\.0)\..*weight$/.test(name) && tensor.shape.length > 1
          ? { ...tensor, shape: [...tensor.shape.slice(0, 2), ...(four ? [1, 1] : [])] }
          : tensor,
      ]),
    );
  const original = whole("single-sd1");
  const inDiffusers = readRaw(join(MODELS, "sd15/vae/diffusion_pytorch_model.safetensors"));
  let right: Record<"original" | "diffusers", Buffer>;
  beforeAll(async () => {
    right = {
      original: data(await picture({ model: write("right", original) })),
      diffusers: data(await picture({ model: join(MODELS, "sd15") })),
    };
  });

  test.each(
    Object.entries(spellings).flatMap(
      ([what, names]) =>
        [
          [what, 2, names],
          [what, 4, names],
        ] as const,
    ),
  )("%s, %i dimensions", async (_what, dimensions, names) => {
    const four = dimensions === 4;
    const ldm = renamed(original, (name) =>
      name.replace(
        /(mid\.attn_1\.)(\w+)(\.\w+)$/,
        (_all, front, part, end) => `${front}${names[present[part as string]!]}${end}`,
      ),
    );
    expect(data(await picture({ model: write("ldm", rank(ldm, four)) })).equals(right.original)).toBe(true);
    const ours = renamed(inDiffusers, (name) =>
      name.replace(
        /(attentions\.0\.)(to_out\.0|\w+)(\.\w+)$/,
        (_all, front, part, end) => `${front}${names[part as string]}${end}`,
      ),
    );
    expect(
      data(await picture({ model: join(MODELS, "sd15"), vae: write("diffusers", rank(ours, four)) })).equals(
        right.diffusers,
      ),
    ).toBe(true);
  });

  test("an attention under a name of its own is not left out", async () => {
    const path = write(
      "other",
      renamed(original, (name) => name.replace(".mid.attn_1.", ".mid.attention.")),
    );
    const error = await rejection(Pipeline.load({ model: path }));
    expect(error).toMatchObject({
      code: "ERR_IPA_UNSUPPORTED",
      message: expect.stringMatching(
        /decoder\.mid\.attention\.\w+\.(weight|bias)" \(and 9 more\) is not known in the VAE/,
      ),
    });
  });
});

describe("a tensor that no network has", () => {
  test.each([
    ["model.diffusion_model.input_blocks.1.0.in_layers.5.weight", "the UNet"],
    ["model.diffusion_model.input_blocks.1.0.skip_scale", "the UNet"],
    ["first_stage_model.decoder.up.0.attn.0.q.weight", "the VAE"],
    ["cond_stage_model.transformer.text_model.encoder.layers.0.self_attn.rotary.weight", "the text encoder"],
    ["cond_stage_model.adapter.weight", "the text encoder"],
  ])("under a network's prefix is named: %s", async (name, network) => {
    const path = write("unknown", withNames(whole("single-sd1"), name));
    const error = await rejection(Pipeline.load({ model: path }));
    expect(error).toMatchObject({
      code: "ERR_IPA_UNSUPPORTED",
      message: expect.stringContaining(`"${name}" is not known in ${network}`),
    });
  });

  test("is counted with the others", async () => {
    const names = [1, 2, 3].map((i) => `model.diffusion_model.extra.${i}.weight`);
    expect(
      await rejection(Pipeline.load({ model: write("three", withNames(whole("single-sd1"), ...names)) })),
    ).toMatchObject({ message: expect.stringContaining("(and 2 more)") });
  });

  test.each([
    ["unet", "diffusion_pytorch_model", "down_blocks.0.resnets.0.norm9.weight", "the UNet"],
    ["vae", "diffusion_pytorch_model", "decoder.mid_block.attentions.1.to_q.weight", "the VAE"],
    ["text_encoder", "model", "text_model.encoder.layers.9.mlp.fc1.weight", "the text encoder"],
    ["text_encoder", "model", "text_model.encoder.layers.0.self_attn.rotary.weight", "the text encoder"],
    ["image_encoder", "model", "vision_model.encoder.layers.9.mlp.fc1.weight", "the image encoder"],
  ])("in the folder %s is named", async (part, stem, name, network) => {
    const model = join(folder, `folder-${part}`);
    cpSync(join(MODELS, "sd15"), model, { recursive: true });
    const file = join(model, part, `${stem}.safetensors`);
    writeFileSync(file, writeRaw(withNames(readRaw(file), name)));
    expect(await rejection(Pipeline.load({ model }))).toMatchObject({
      code: "ERR_IPA_UNSUPPORTED",
      message: expect.stringContaining(`"${name}" is not known in ${network}`),
    });
  });
});

describe("what is known to be without use", () => {
  const training = [
    "betas",
    "alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
    "posterior_mean_coef1",
    "logvar",
    "denoiser.sigmas",
    "model_ema.decay",
    "model_ema.num_updates",
    "model_ema.diffusion_modelinput_blocks00weight",
    "first_stage_model.loss.logvar",
    "first_stage_model.loss.discriminator.main.0.weight",
    "first_stage_model.model_ema.decay",
  ];
  const clip = [
    "cond_stage_model.transformer.text_model.embeddings.position_ids",
    "cond_stage_model.logit_scale",
    "cond_stage_model.transformer.text_projection.weight",
    "cond_stage_model.transformer.vision_model.post_layernorm.weight",
    "cond_stage_model.transformer.visual_projection.weight",
  ];

  test("of training and of CLIP's other half is not read, and not listed", async () => {
    const path = write("known", withNames(whole("single-sd1"), ...training, ...clip));
    await using pipeline = await Pipeline.load({ model: path });
    expect(pipeline.info.ignored).toEqual([]);
    expect((await inspect(path)).ignored).toEqual({ count: 0, names: [] });
  });

  test("of OpenCLIP's text encoder", async () => {
    const front = "cond_stage_model.model.";
    const path = write(
      "known2",
      withNames(
        whole("single-sd2"),
        `${front}logit_scale`,
        `${front}attn_mask`,
        `${front}visual.proj`,
        `${front}transformer.resblocks.1.attn.mask`,
      ),
    );
    expect(await rejection(Pipeline.load({ model: path }))).toMatchObject({
      message: expect.stringContaining("resblocks.1.attn.mask"),
    });
    const good = write(
      "good2",
      withNames(whole("single-sd2"), `${front}logit_scale`, `${front}attn_mask`, `${front}visual.proj`),
    );
    await using pipeline = await Pipeline.load({ model: good });
    expect(pipeline.info.ignored).toEqual([]);
  });

  test("of a VAE by itself, with its trainer's parts; and of a whole model where its VAE alone is asked for", async () => {
    const tensors = whole("single-sd1");
    const model = write("model", withNames(tensors, "control_model.input_hint_block.0.weight"));
    const vae = new Map(
      [...tensors]
        .filter(([name]) => name.startsWith("first_stage_model."))
        .map(([name, tensor]) => [name.slice(18), tensor]),
    );
    const alone = write("vae", withNames(vae, "loss.logvar", "model_ema.decay"));
    const right = data(await picture({ model }));
    expect(data(await picture({ model, vae: alone })).equals(right)).toBe(true);
    expect(data(await picture({ model, vae: model, unet: model })).equals(right)).toBe(true);
  });
});

describe("what belongs to no network is skipped and listed", () => {
  const strange = Array.from({ length: 25 }, (_, i) => `control_model.input_hint_block.${i}.weight`);

  test("by load() and inspect() alike", async () => {
    const path = write("strange", withNames(whole("single-sdxl"), ...strange));
    await using pipeline = await Pipeline.load({ model: path });
    const ignored = { count: 25, names: strange.slice(0, 20) };
    expect(pipeline.info.ignored).toEqual([{ path, ...ignored }]);
    const inspection = await inspect(path);
    expect(inspection).toMatchObject({ kind: "model", family: "sdxl", ignored });
    expect(inspectionLines(inspection)[1]).toMatch(
      /ignored: control_model\.input_hint_block\.0\.weight, .* and 5 more$/,
    );
  });

  test("of an adapter, which comes and goes with it", async () => {
    const tensors = readRaw(join(MODELS, "sd15/adapters/base.safetensors"));
    const file = write("adapter", withNames(tensors, "notes.weight"));
    await using pipeline = await Pipeline.load({ model: join(MODELS, "sd15"), adapters: [{ file }] });
    expect(pipeline.info.ignored).toEqual([{ path: file, count: 1, names: ["notes.weight"] }]);
    expect((await inspect(file)).ignored).toEqual({ count: 1, names: ["notes.weight"] });
    await pipeline.setAdapters([]);
    expect(pipeline.info.ignored).toEqual([]);
  });
});

test("the guidance that a latent consistency model reads is read from one file, too", async () => {
  const tensors = whole("single-sd1");
  const name = "model.diffusion_model.time_embedding.cond_proj.weight";
  const projection = (value: number): string => {
    const bytes = new Uint8Array(new Uint16Array(32 * 256).fill(value).buffer);
    return write(`guided-${value}`, new Map([...tensors, [name, { dtype: "F16", shape: [32, 256], bytes }]]));
  };
  // The norms of this small network have a channel to a group, which takes away what the embedding adds but for its rounding. Latents
  // show that, bytes of pictures do not.
  const made = async (model: string): Promise<Float32Array> => {
    await using pipeline = await Pipeline.load({ model });
    expect(pipeline.info.ignored).toEqual([]);
    const call = { prompt: "a cat", steps: 3, seed: 3, guidance: 1, width: 64, height: 64, output: "latents" } as const;
    return (await pipeline.generate(call)).latents[0]!;
  };
  const right = await made(write("unguided", tensors));
  expect(await made(projection(0))).toEqual(right);
  expect(await made(projection(0x3c00))).not.toEqual(right);
});
