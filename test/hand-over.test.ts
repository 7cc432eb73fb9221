/** Clip skip, SDXL's size conditions, and a base model that hands its latents over to a refiner: the latents that diffusers makes. Needs `npm run build`. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Pipeline, type GenerateOptions } from "../lib/index";
import { GOLDEN, relativeError } from "./support/golden";
import { loadFake, rejection } from "./support/load";
import { readSafetensors } from "./support/safetensors";

const model = (name: string): string => join(GOLDEN, "models", name);

interface Case extends Pick<
  GenerateOptions,
  "originalSize" | "targetSize" | "cropOffset" | "aestheticScore" | "negativeAestheticScore"
> {
  name: string;
  kind: "clip-skip" | "sizes" | "base" | "refined" | "scores";
  model: string;
  scheduler: NonNullable<GenerateOptions["scheduler"]>;
  steps: number;
  share: number;
  clipSkip: number;
}
// tools/goldens/hand_over.py
const index = JSON.parse(readFileSync(join(GOLDEN, "hand-over.json"), "utf8")) as {
  prompt: string;
  negative: string;
  guidance: number;
  seed: number;
  refinerSeed: number;
  cases: Case[];
};
const golden = readSafetensors(join(GOLDEN, "hand-over.safetensors"));
const latentsOf = (name: string): Float32Array => golden.get(name)!.floats();
const of = (...kinds: Case["kind"][]): Case[] => index.cases.filter(({ kind }) => kinds.includes(kind));

const call: GenerateOptions = {
  prompt: index.prompt,
  negativePrompt: index.negative,
  guidance: index.guidance,
  seed: index.seed,
  output: "latents",
  width: 64,
  height: 64,
};
async function check(pipeline: Pipeline, name: string, options: GenerateOptions): Promise<void> {
  const { latents } = await pipeline.generate({ ...call, ...options });
  expect(relativeError(latents[0]!, latentsOf(name))).toBeLessThan(1e-4);
}

let base: Pipeline, refiner: Pipeline, folder: string;
beforeAll(async () => {
  // The refiner's other parts are those of the base model, without its first text encoder.
  folder = mkdtempSync(join(tmpdir(), "refiner-"));
  for (const part of ["text_encoder_2", "tokenizer_2", "vae", "scheduler"])
    cpSync(join(model("sdxl"), part), join(folder, part), { recursive: true });
  cpSync(model("sdxl-refiner"), folder, { recursive: true });
  [base, refiner] = await Promise.all([Pipeline.load({ model: model("sdxl") }), Pipeline.load({ model: folder })]);
});
afterAll(async () => {
  await Promise.all([base.dispose(), refiner.dispose()]);
  rmSync(folder, { recursive: true });
});

test.each(of("clip-skip"))("$name", async ({ name, model: of, clipSkip }) => {
  await using pipeline = await Pipeline.load({ model: model(of) });
  await check(pipeline, name, { scheduler: "ddim", steps: 4, clipSkip });
});

test("SDXL's size conditions", async () => {
  const { originalSize, targetSize, cropOffset } = of("sizes")[0]!;
  await check(base, "sizes", { scheduler: "euler", steps: 4, originalSize, targetSize, cropOffset });
});

test.each(of("base"))("$name", async ({ name, scheduler, steps, share }) => {
  await check(base, name, { scheduler, steps, denoisingEnd: share });
});

test.each(of("refined"))("$name", async ({ name, scheduler, steps, share }) => {
  const latents = latentsOf(name.replace("refined", "base"));
  await check(refiner, name, { scheduler, steps, denoisingStart: share, latents, seed: index.refinerSeed });
});

test("the refiner's scores", async () => {
  const { aestheticScore, negativeAestheticScore } = of("scores")[0]!;
  const latents = latentsOf("ddim-10-0.6-base");
  await check(refiner, "scores", {
    scheduler: "ddim",
    steps: 10,
    denoisingStart: 0.6,
    latents,
    seed: index.refinerSeed,
    aestheticScore,
    negativeAestheticScore,
  });
});

test("the whole way is the two shares of it; noise of one's own is the seed's", async () => {
  const options: GenerateOptions = { ...call, scheduler: "euler", steps: 10 };
  const whole = (await base.generate(options)).latents[0]!;
  const half = (await base.generate({ ...options, denoisingEnd: 0.5 })).latents[0]!;
  expect((await base.generate({ ...options, denoisingStart: 0.5, latents: half })).latents[0]).toEqual(whole);
  const steps: number[] = [];
  await base.generate({
    ...options,
    denoisingStart: 0.5,
    latents: [half],
    onProgress: ({ step, total }) => steps.push(step, total),
  });
  expect(steps.slice(-2)).toEqual([5, 5]);
  // Two pictures, each from latents of its own.
  const both = await base.generate({ ...options, count: 2, denoisingStart: 0.5, latents: [half, whole] });
  expect(both.latents[0]).toEqual(whole);
  expect(both.latents[1]).not.toEqual(whole);
  expect((await base.estimateMemory({ ...options, denoisingStart: 0.5, latents: half })).working).toBeGreaterThan(0);
});

test("what the models take is told beforehand", async () => {
  const sizes = { originalSize: true, cropOffset: true };
  expect(base.info.supports).toMatchObject({ ...sizes, targetSize: true, aestheticScore: false, image: true });
  expect(refiner.info.supports).toMatchObject({ ...sizes, targetSize: false, aestheticScore: true });
  expect(refiner.info.refusals.targetSize).toContain("aestheticScore in its place");
  expect(base.info.defaults).toMatchObject({ guidance: 5, negativePrompt: "zeros", eta: { ddim: 0, tcd: 0.3 } });
  expect(refiner.info.defaults.negativePrompt).toBe("empty");
  await using sd1 = await Pipeline.load({ model: model("sd15") });
  expect(sd1.info.defaults).toMatchObject({ guidance: 7.5, negativePrompt: "empty" });
  expect(sd1.info.refusals.cropOffset).toBe("only SDXL models were trained with it, this is sd1: leave it out");
});

test("zeros stand for no negative prompt unless model_index.json forbids it", async () => {
  const changed = mkdtempSync(join(tmpdir(), "zeros-"));
  cpSync(model("sdxl"), changed, { recursive: true });
  const pictures: string[] = [];
  const others = { ...call, steps: 2 };
  for (const zeros of [true, false]) {
    writeFileSync(join(changed, "model_index.json"), JSON.stringify({ force_zeros_for_empty_prompt: zeros }));
    await using pipeline = await Pipeline.load({ model: changed });
    for (const negativePrompt of [undefined, ""])
      pictures.push(String((await pipeline.generate({ ...others, negativePrompt })).latents[0]));
  }
  rmSync(changed, { recursive: true });
  const [zeros, empty, ...forbidden] = pictures;
  expect(zeros).not.toBe(empty);
  expect(forbidden).toEqual([empty, empty]);
});

test("what does not fit is said", async () => {
  const refused = (pipeline: Pipeline, options: object): Promise<unknown> =>
    rejection(pipeline.generate({ ...call, steps: 4, ...options }));
  const latents = latentsOf("sizes");
  expect(await refused(base, { denoisingStart: 0.5 })).toMatchObject({
    option: "denoisingStart",
    message: expect.stringContaining("latents"),
  });
  expect(await refused(base, { denoisingStart: 0.7, denoisingEnd: 0.5, latents })).toMatchObject({
    option: "denoisingStart",
  });
  expect(await refused(base, { denoisingStart: 0.5, latents, scheduler: "pndm" })).toMatchObject({
    option: "denoisingStart",
    message: expect.stringContaining("another scheduler"),
  });
  expect(await refused(base, { denoisingStart: 0.3, denoisingEnd: 0.45, latents, scheduler: "ddim" })).toMatchObject({
    option: "denoisingStart",
    message: expect.stringContaining("more steps"),
  });
  expect(await refused(base, { latents: latents.subarray(1) })).toMatchObject({
    option: "latents",
    message: expect.stringContaining("4 x 16 x 16"),
  });
  expect(await refused(base, { latents: [latents, latents, latents], count: 2 })).toMatchObject({ option: "latents" });
  expect(await refused(base, { latents: [1, 2] })).toMatchObject({ option: "latents" });
  expect(await refused(base, { latents: Float32Array.from(latents, (v, i) => (i === 7 ? NaN : v)) })).toMatchObject({
    option: "latents[7]",
  });
  expect(await refused(base, { clipSkip: 3 })).toMatchObject({
    option: "clipSkip",
    message: expect.stringContaining("0 to 2"),
  });
  expect(await refused(base, { aestheticScore: 5 })).toMatchObject({
    option: "aestheticScore",
    message: expect.stringContaining("refiner"),
  });
  expect(await refused(refiner, { targetSize: [64, 64] })).toMatchObject({ option: "targetSize" });
  const { pipeline: small } = await loadFake();
  expect(await refused(small, { originalSize: [64, 64], width: 128, height: 128 })).toMatchObject({
    option: "originalSize",
    message: expect.stringContaining("SDXL"),
  });
});
