/** Image to image and inpainting with any model, against the pipelines of diffusers. Needs `npm run build`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Pipeline, type GenerateOptions, type LoadOptions } from "../lib/index";
import { GOLDEN, relativeError } from "./support/golden";
import { pixels, rejection } from "./support/load";
import { readSafetensors } from "./support/safetensors";

interface Case {
  model: string;
  mask: boolean;
  scheduler: NonNullable<GenerateOptions["scheduler"]>;
  sigmas?: "karras";
  strength?: number;
  steps?: number;
  guidance?: number;
  picture?: string;
  own_size?: boolean;
  adapter?: string;
  tiny?: boolean;
  crops?: boolean;
  denoising_start?: number;
  denoising_end?: number;
}
// tools/goldens/start_pictures.py
const index = JSON.parse(readFileSync(join(GOLDEN, "start-pictures.json"), "utf8")) as {
  prompt: string;
  negative: string;
  steps: number;
  guidance: number;
  seed: number;
  etas: Record<string, number>;
  cases: Case[];
};
const golden = readSafetensors(join(GOLDEN, "start-pictures.safetensors"));
const SOURCES = join(GOLDEN, "models/source-pictures");

function loadOptions({ model, adapter, tiny }: Case): LoadOptions {
  const base = model === "lcm" ? "sd15" : model.split("-")[0]!;
  const folder = join(GOLDEN, "models", base);
  const options: LoadOptions = { model: folder };
  if (model === "lcm") options.unet = join(GOLDEN, "models/start-pictures/lcm");
  if (model.endsWith("inpaint")) options.unet = join(SOURCES, model);
  if (tiny === true) options.vae = join(SOURCES, "taesd");
  if (adapter !== undefined) options.adapters = [join(folder, "adapters", `${adapter}.safetensors`)];
  return options;
}

function optionsOf(one: Case): GenerateOptions<"latents"> {
  const size = one.own_size === true ? {} : { width: 64, height: 64 };
  const options: GenerateOptions<"latents"> = {
    prompt: index.prompt,
    scheduler: one.scheduler,
    steps: one.steps ?? index.steps,
    guidance: one.guidance ?? index.guidance,
    seed: index.seed,
    image: join(GOLDEN, "images", `${one.picture ?? "square-64"}.png`),
    output: "latents",
    ...size,
  };
  if (one.model !== "lcm") {
    options.negativePrompt = index.negative;
    const eta = index.etas[one.scheduler];
    if (eta !== undefined) options.eta = eta;
  }
  if (one.sigmas !== undefined) options.sigmas = one.sigmas;
  if (one.strength !== undefined) options.strength = one.strength;
  if (one.mask) options.mask = join(GOLDEN, "images/mask-64.png");
  if (one.adapter !== undefined) options.imagePrompts = [{ image: join(GOLDEN, "images/square-64.png"), scale: 0.8 }];
  if (one.crops === true) options.cropOffset = [16, 8];
  if (one.denoising_start !== undefined) options.denoisingStart = one.denoising_start;
  if (one.denoising_end !== undefined) options.denoisingEnd = one.denoising_end;
  return options;
}

const nameOf = ({ model, mask, ...rest }: Case): string =>
  `${model} ${mask ? "inpainting" : "image to image"}: ${Object.values(rest).join(" ")}`;

const pipelines = new Map<string, Promise<Pipeline>>();
function load(one: Case): Promise<Pipeline> {
  const options = loadOptions(one);
  const key = JSON.stringify(options);
  if (!pipelines.has(key)) pipelines.set(key, Pipeline.load(options));
  return pipelines.get(key)!;
}
afterAll(async () => {
  for (const pipeline of pipelines.values()) await (await pipeline).dispose();
});

test.each(index.cases.map((one, i) => [nameOf(one), one, i] as const))("%s", async (_, one, i) => {
  const { latents } = await (await load(one)).generate(optionsOf(one));
  expect(relativeError(latents[0]!, golden.get(String(i))!.floats())).toBeLessThan(3e-5);
});

describe("the rules of strength", () => {
  const image = { data: pixels(64, 64), width: 64, height: 64 };
  const small = { width: 64, height: 64, image };

  test("a strength that leaves no step is an error", async () => {
    const pipeline = await load(index.cases[0]!);
    expect(await rejection(pipeline.generate({ ...small, steps: 5, strength: 0.19 }))).toMatchObject({
      code: "ERR_IPA_INVALID_OPTION",
      option: "strength",
      message: expect.stringContaining("it leaves none of the 5 steps: use more strength or more steps"),
    });
    expect(await rejection(pipeline.estimateMemory({ ...small, strength: 0 }))).toMatchObject({ option: "strength" });
  });

  test("it needs a picture, and denoisingStart in its place", async () => {
    const pipeline = await load(index.cases[0]!);
    expect(await rejection(pipeline.generate({ strength: 0.5 }))).toMatchObject({ option: "strength" });
    expect(await rejection(pipeline.generate({ ...small, strength: 0.5, denoisingStart: 0.5 }))).toMatchObject({
      option: "strength",
    });
    expect(await rejection(pipeline.generate({ width: 64, height: 64, mask: image }))).toMatchObject({
      option: "mask",
      message: expect.stringContaining("add image"),
    });
  });

  test("steps, progress and guidanceInterval count what runs", async () => {
    const pipeline = await load(index.cases[0]!);
    const totals: number[] = [];
    const options = {
      ...small,
      prompt: index.prompt,
      steps: 10,
      strength: 0.45,
      seed: 3,
      scheduler: "ddim",
      output: "latents",
    } as const;
    const { latents } = await pipeline.generate({ ...options, onProgress: ({ total }) => void totals.push(total) });
    expect(totals).toEqual([4, 4, 4, 4]);
    // Guidance in the first half of four steps, not of ten.
    const half = await pipeline.generate({ ...options, guidanceInterval: [0, 0.5] });
    const whole = await pipeline.generate({ ...options, guidanceInterval: [0, 1] });
    expect(relativeError(whole.latents[0]!, latents[0]!)).toBe(0);
    expect(relativeError(half.latents[0]!, latents[0]!)).toBeGreaterThan(1e-3);
  });
});

test("each seed draws its own latents, the same alone and among others", async () => {
  const one = index.cases.find(({ scheduler, mask }) => scheduler === "euler_a" && mask)!;
  const pipeline = await load(one);
  const options = optionsOf(one);
  const both = await pipeline.generate({ ...options, seed: index.seed - 1, count: 2 });
  const alone = await pipeline.generate(options);
  expect(both.latents[1]).toEqual(alone.latents[0]);
});

test("the VAE's encoder is read when a picture first needs it, and is estimated before", async () => {
  await using pipeline = await Pipeline.load({ model: join(GOLDEN, "models/sd15") });
  const options = { width: 64, height: 64, steps: 1 };
  const image = { data: pixels(64, 64), width: 64, height: 64 };
  const without = await pipeline.estimateMemory(options);
  const before = await pipeline.estimateMemory({ ...options, image, strength: 1 });
  expect(before.weights).toBeGreaterThan(without.weights);
  await pipeline.generate({ ...options, image, strength: 1 });
  expect((await pipeline.estimateMemory({ ...options, image, strength: 1 })).weights).toBe(before.weights);
  expect((await pipeline.estimateMemory(options)).weights).toBe(before.weights);
});
