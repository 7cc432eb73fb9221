/** What a model predicts: told from its files or by the caller, and sampled as diffusers does. Needs `npm run build`. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Pipeline, convert, type GenerateOptions, type LoadOptions, type SchedulerName } from "../lib/index";
import { GOLDEN, relativeError, readGolden } from "./support/golden";
import { rejection } from "./support/load";

const SD15 = join(GOLDEN, "models/sd15");

let scratch: string;
beforeAll(() => (scratch = mkdtempSync(join(tmpdir(), "predictions-"))));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

// tools/goldens/predictions.py
interface Case {
  model: string;
  scheduler: SchedulerName;
  prediction: NonNullable<LoadOptions["prediction"]>;
  zeroSnr?: boolean;
}
const { index, golden, call: common } = readGolden<Case>("predictions");
const call: GenerateOptions = { ...common, output: "latents" };

const groups = [
  ...new Set(index.cases.map(({ model, prediction, zeroSnr = false }) => `${model} ${prediction} ${zeroSnr}`)),
].map((key) => {
  const [model = "", prediction, zeroSnr] = key.split(" ");
  return { model, prediction: prediction as Case["prediction"], zeroSnr: zeroSnr === "true" };
});

describe.each(groups)("options: $model predicts $prediction, zero SNR $zeroSnr", ({ model, prediction, zeroSnr }) => {
  let pipeline: Pipeline;
  beforeAll(
    async () => (pipeline = await Pipeline.load({ model: join(GOLDEN, "models", model), prediction, zeroSnr })),
  );
  afterAll(() => pipeline.dispose());

  const cases = index.cases
    .map((entry, i) => ({ ...entry, i }))
    .filter(
      (entry) => entry.model === model && entry.prediction === prediction && (entry.zeroSnr ?? false) === zeroSnr,
    );
  test.each(cases)("the latents of diffusers: $scheduler", async ({ scheduler, i }) => {
    expect(pipeline.info.prediction).toEqual({ value: prediction, from: "option", detail: "prediction" });
    expect(pipeline.info.zeroSnr).toEqual({ value: zeroSnr, from: "option", detail: "zeroSnr" });
    const { latents } = await pipeline.generate({ ...call, scheduler });
    // From a sigma of 4096 the ancestral sampler's sums lose three more digits in f32, in both.
    expect(relativeError(latents[0]!, golden.get(String(i))!.floats())).toBeLessThan(zeroSnr ? 5e-4 : 1e-4);
  });
});

describe("options that do not go together", () => {
  test("a zero terminal SNR of a model that predicts noise is refused", async () => {
    const error = await rejection(Pipeline.load({ model: SD15, zeroSnr: true }));
    expect(error).toMatchObject({
      name: "OptionError",
      option: "zeroSnr",
      message: expect.stringContaining('pass prediction "v"'),
    });
  });

  test("a sampler without a zero terminal SNR is refused, and the model's own is replaced", async () => {
    await using pipeline = await Pipeline.load({ model: SD15, prediction: "v", zeroSnr: true });
    expect(pipeline.info.scheduler).toBe("ddim");
    const error = await rejection(pipeline.generate({ ...call, scheduler: "pndm" }));
    expect(error).toMatchObject({
      name: "OptionError",
      option: "scheduler",
      message: expect.stringMatching(/"pndm" cannot.*zeroSnr.*"ddim", "euler"/),
    });
  });

  test("a sampler that cannot take predicted pictures is refused", async () => {
    await using pipeline = await Pipeline.load({ model: SD15, prediction: "sample" });
    const error = await rejection(pipeline.generate({ ...call, scheduler: "euler_a" }));
    expect(error).toMatchObject({
      name: "OptionError",
      option: "scheduler",
      message: expect.stringMatching(/"euler_a" cannot.*prediction.*"ddim"/),
    });
  });
});

/** A model in one file with the vocabulary that such a file is used with, marked as told. */
function markedFile(
  model: string,
  name: string,
  metadata: Record<string, string> = {},
  markers: readonly string[] = [],
): string {
  const file = readFileSync(join(GOLDEN, "models", model, "model.safetensors"));
  const size = Number(file.readBigUInt64LE(0));
  type Entry = { dtype: string; shape: number[]; data_offsets: [number, number] };
  const header = JSON.parse(file.toString("utf8", 8, 8 + size)) as Record<string, Entry>;
  const parts: Buffer[] = [];
  const out: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  let end = 0;
  for (const [tensor, { dtype, shape, data_offsets }] of Object.entries(header)) {
    let data = file.subarray(8 + size + data_offsets[0], 8 + size + data_offsets[1]);
    if (tensor.endsWith("token_embedding.weight")) {
      data = Buffer.concat([data, Buffer.alloc((49408 - shape[0]!) * shape[1]! * 2)]);
      shape[0] = 49408;
    }
    parts.push(data);
    out[tensor] = { dtype, shape, data_offsets: [end, (end += data.length)] };
  }
  for (const marker of markers) out[marker] = { dtype: "F32", shape: [0], data_offsets: [end, end] };
  let text = JSON.stringify(out);
  text += " ".repeat((8 - (text.length % 8)) % 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const path = join(scratch, `${name}.safetensors`);
  writeFileSync(path, Buffer.concat([length, Buffer.from(text), ...parts]));
  return path;
}

describe("models in one file", () => {
  const V =
    'model:\n  base_learning_rate: 1.0e-4\n  target: ldm.models.diffusion.ddpm.LatentDiffusion\n  params:\n    parameterization: "v" # velocities\n    timesteps: 1000\n';
  test.each([
    ["single-sd1", {}, [], undefined, "epsilon", "family", "sd1"],
    ["single-sd1", { "modelspec.prediction_type": "v" }, [], undefined, "v", "metadata", "modelspec.prediction_type"],
    ["single-sd1", { "modelspec.predict_key": "v" }, [], undefined, "v", "metadata", "modelspec.predict_key"],
    ["single-sd1", {}, ["v_pred"], undefined, "v", "marker", "v_pred"],
    ["single-sdxl", {}, ["model.diffusion_model.v_pred"], undefined, "v", "marker", "v_pred"],
    ["single-sd1", {}, [], V, "v", "yaml", "m.yaml"],
    ["single-sd1", {}, [], `\ufeff${V}`, "v", "yaml", "m.yaml"],
    ["single-sd1", {}, [], V.replaceAll("\n", "\r"), "v", "yaml", "m.yaml"],
    ["single-sd1", {}, [], V.replace("# velocities", "# a\u2028# b"), "v", "yaml", "m.yaml"],
    ["single-sd1", {}, [], `"a b": [1,\n  2\n]\n${V}`, "v", "yaml", "m.yaml"],
    [
      "single-sd1",
      { "modelspec.prediction_type": "V_Prediction" },
      [],
      undefined,
      "v",
      "metadata",
      "modelspec.prediction_type",
    ],
    [
      "single-sd1",
      { "modelspec.prediction_type": "epsilon" },
      [],
      V,
      "epsilon",
      "metadata",
      "modelspec.prediction_type",
    ],
    ["single-sdxl", { "modelspec.predict_key": "v" }, [], undefined, "v", "metadata", "modelspec.predict_key"],
    ["single-sdxl", { "modelspec.prediction_type": "v" }, [], undefined, "v", "metadata", "modelspec.prediction_type"],
    ["single-sdxl", { "modelspec.predict_key": "epsilon" }, ["v_pred"], undefined, "v", "marker", "v_pred"],
    [
      "single-sdxl",
      {},
      [],
      "model:\n  params:\n    denoiser_config:\n      params:\n        scaling_config:\n          target: sgm.modules.diffusionmodules.denoiser_scaling.VScaling\n",
      "v",
      "yaml",
      "m.yaml",
    ],
    ["single-sd2", {}, [], undefined, "v", "family", "sd2"],
    [
      "single-sd2",
      { "modelspec.prediction_type": "epsilon" },
      [],
      undefined,
      "epsilon",
      "metadata",
      "modelspec.prediction_type",
    ],
    [
      "single-sd2",
      { "modelspec.architecture": "stable-diffusion-v2-512" },
      [],
      undefined,
      "epsilon",
      "metadata",
      "modelspec.architecture",
    ],
    // v2-inference.yaml names nothing, which means noise.
    [
      "single-sd2",
      {},
      [],
      "model:\n  target: ldm.LatentDiffusion\n  params:\n    unet_config:\n      target: ldm.UNetModel\n",
      "epsilon",
      "yaml",
      "m.yaml",
    ],
  ] as const)(
    "%s with %j, %j and a yaml %j predicts %s by %s %s",
    async (model, metadata, markers, yaml, value, from, detail) => {
      const file = markedFile(model, "m", metadata, markers);
      if (yaml !== undefined) writeFileSync(join(scratch, "m.yaml"), yaml);
      try {
        await using told = await Pipeline.load({ model: file });
        expect(told.info.prediction).toEqual({ value, from, detail });
        await using asked = await Pipeline.load({ model: file, prediction: value });
        const options: GenerateOptions = {
          prompt: "a cat",
          seed: 1,
          steps: 2,
          width: 64,
          height: 64,
          output: "latents",
        };
        expect((await told.generate(options)).latents).toEqual((await asked.generate(options)).latents);
      } finally {
        rmSync(join(scratch, "m.yaml"), { force: true });
      }
    },
  );

  test.each([
    [["v_pred", "ztsnr"], { value: true, from: "marker", detail: "ztsnr" }, "ddim"],
    [
      ["model.diffusion_model.v_pred", "model.diffusion_model.ztsnr"],
      { value: true, from: "marker", detail: "ztsnr" },
      "ddim",
    ],
    [["v_pred"], { value: false, from: "family", detail: "sd1" }, "pndm"],
    // With predicted noise it has no meaning.
    [["ztsnr"], { value: false, from: "family", detail: "sd1" }, "pndm"],
  ])("marker tensors %j: zero SNR %j, sampler %s", async (markers, zeroSnr, scheduler) => {
    await using pipeline = await Pipeline.load({ model: markedFile("single-sd1", "z", {}, markers) });
    expect(pipeline.info).toMatchObject({ zeroSnr, scheduler });
  });

  test("marks stay when the file is converted", async () => {
    const output = join(scratch, "c.gguf");
    await convert(markedFile("single-sdxl", "c", { "modelspec.prediction_type": "v" }), output, {
      type: "f16",
      overwrite: true,
    });
    await using pipeline = await Pipeline.load({ model: output });
    expect(pipeline.info.prediction).toMatchObject({ value: "v", from: "metadata" });
    const marked = join(scratch, "d.safetensors");
    await convert(markedFile("single-sdxl", "d0", {}, ["v_pred", "ztsnr"]), marked, { type: "f16", overwrite: true });
    await using again = await Pipeline.load({ model: marked });
    expect(again.info).toMatchObject({ prediction: { value: "v", from: "marker" }, zeroSnr: { value: true } });
  });

  test("a UNet's own marks come before the model's", async () => {
    const unet = markedFile("single-sd1", "u", {}, ["v_pred"]);
    await using pipeline = await Pipeline.load({
      model: markedFile("single-sd1", "m", { "modelspec.prediction_type": "epsilon" }),
      unet,
    });
    expect(pipeline.info.prediction).toEqual({ value: "v", from: "marker", detail: "v_pred" });
  });

  test.each([
    [
      "an unknown word",
      { "modelspec.prediction_type": "wavelets" },
      [],
      "ERR_IPA_UNSUPPORTED",
      /modelspec\.prediction_type.*"wavelets".*option prediction/,
    ],
    ["EDM's noise levels (CosXL)", {}, ["edm_vpred.sigma_max"], "ERR_IPA_UNSUPPORTED", /edm_vpred\.sigma_max.*EDM/],
    ["EDM's latents (Playground v2.5)", {}, ["edm_mean", "edm_std"], "ERR_IPA_UNSUPPORTED", /edm_mean.*Playground/],
  ] as const)("%s is refused", async (_, metadata, markers, code, message) => {
    const error = await rejection(Pipeline.load({ model: markedFile("single-sdxl", "w", metadata, markers) }));
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test.each([
    ["in another form", 'model: { params: { parameterization: "v" } }', "ERR_IPA_UNSUPPORTED"],
    ["with an alias", "model:\n  params: *other\n", "ERR_IPA_UNSUPPORTED"],
    ["of two minds", "model:\n  params:\n    parameterization: eps\n    parameterization: v\n", "ERR_IPA_UNSUPPORTED"],
    ["in UTF-16", Buffer.from(`\ufeff${V}`, "utf16le"), "ERR_IPA_UNSUPPORTED"],
    ["with the value on the next line", V.replace(' "v"', '\n      "v"'), "ERR_IPA_UNSUPPORTED"],
    [
      "with a merge key",
      'b: &b\n  parameterization: "v"\nmodel:\n  params:\n    <<: *b\n    unet_config:\n      target: x\n',
      "ERR_IPA_UNSUPPORTED",
    ],
    ["with tabs", V.replaceAll("  ", "\t"), "ERR_IPA_UNSUPPORTED"],
    [
      "with an item of a list",
      'model:\n  params:\n    - parameterization: "v"\n    unet_config:\n      target: x\n',
      "ERR_IPA_UNSUPPORTED",
    ],
    ["with an item right below its key", 'model:\n  params:\n  - parameterization: "v"\n', "ERR_IPA_UNSUPPORTED"],
    ["that is one flow map", '{ model: { params: { parameterization: "v" } } }', "ERR_IPA_UNSUPPORTED"],
    ["with a long key form", "model:\n  params:\n    ? parameterization\n    : v\n", "ERR_IPA_UNSUPPORTED"],
    // Each of these ends a process, or takes seconds, in a parser of the whole language.
    ["of nested lists", "[".repeat(60_000), undefined],
    ["of nested entries", "- ".repeat(30_000), undefined],
    ["of ever deeper blocks", Array.from({ length: 350 }, (_, i) => `${" ".repeat(i)}model:`).join("\n"), undefined],
    ["of one long key", "a".repeat(60_000), undefined],
    ["too large", `# ${"x".repeat(70_000)}`, "ERR_IPA_LIMIT"],
    ["of an unknown prediction", "model:\n  params:\n    parameterization: w", "ERR_IPA_UNSUPPORTED"],
    [
      "of EDM",
      "model:\n  params:\n    denoiser_config:\n      params:\n        scaling_config:\n          target: sgm.EDMScaling",
      "ERR_IPA_UNSUPPORTED",
    ],
    ["of something else", "name: pose\nkeypoints: 18\n", undefined],
  ])("a yaml %s", async (_, text, code) => {
    const model = markedFile("single-sd1", "y");
    writeFileSync(join(scratch, "y.yaml"), text);
    if (code === undefined) {
      await using pipeline = await Pipeline.load({ model });
      expect(pipeline.info.prediction).toMatchObject({ value: "epsilon", from: "family" });
    } else {
      expect(await rejection(Pipeline.load({ model }))).toMatchObject({
        code,
        message: expect.stringMatching(/y\.yaml.*option prediction/s),
      });
    }
    await using asked = await Pipeline.load({ model, prediction: "v" });
    expect(asked.info.prediction).toMatchObject({ value: "v", from: "option" });
  });
});

describe("model folders", () => {
  test("scheduler_config.json says it; the option goes before, also where diffusers takes the field for absent", async () => {
    const folder = join(scratch, "folder");
    cpSync(SD15, folder, { recursive: true });
    const file = join(folder, "scheduler/scheduler_config.json");
    const config = JSON.parse(readFileSync(file, "utf8")) as object;
    writeFileSync(file, JSON.stringify({ ...config, prediction_type: "v_prediction" }));
    await using told = await Pipeline.load({ model: folder });
    expect(told.info.prediction).toEqual({ value: "v", from: "scheduler_config", detail: "scheduler_config.json" });
    expect(told.info.zeroSnr).toEqual({ value: false, from: "scheduler_config", detail: "scheduler_config.json" });
    writeFileSync(
      file,
      JSON.stringify({ ...config, prediction_type: "epsilon", _use_default_values: ["prediction_type"] }),
    );
    await using asked = await Pipeline.load({ model: folder, prediction: "v" });
    expect((await asked.generate(call)).latents).toEqual((await told.generate(call)).latents);
  });

  test("another noise process is refused, whatever sampler is asked for", async () => {
    const folder = join(scratch, "edm");
    cpSync(SD15, folder, { recursive: true });
    const file = join(folder, "scheduler/scheduler_config.json");
    writeFileSync(file, JSON.stringify({ _class_name: "EDMDPMSolverMultistepScheduler", sigma_max: 80 }));
    await using pipeline = await Pipeline.load({ model: folder });
    const error = await rejection(pipeline.generate({ ...call, scheduler: "euler" }));
    expect(error).toMatchObject({
      code: "ERR_IPA_UNSUPPORTED",
      message: expect.stringContaining("EDMDPMSolverMultistepScheduler"),
    });
  });
});

test("vaeScalingFactor: the latents of one factor decode as those of another, scaled", async () => {
  await using own = await Pipeline.load({ model: SD15 });
  const factor = own.info.vaeScalingFactor;
  await using twice = await Pipeline.load({ model: SD15, vaeScalingFactor: 2 * factor });
  expect(twice.info.vaeScalingFactor).toBeCloseTo(2 * factor, 6);
  const options: GenerateOptions = { ...call, output: "image" };
  const [a, b] = [await own.generate(options), await twice.generate(options)];
  expect(b.latents).toEqual(a.latents);
  expect(b.images[0]!.data).not.toEqual(a.images[0]!.data);
});
