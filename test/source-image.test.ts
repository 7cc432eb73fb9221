/** Inpainting and instruct models through the public API, against the pipelines of diffusers. Needs `npm run build`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Pipeline, type GenerateOptions, type RawImage } from "../lib/index";
import { FakeAddon, supportOf } from "./support/fake-addon";
import { GOLDEN, relativeError } from "./support/golden";
import { loadFake, pixels, rejection } from "./support/load";
import { readSafetensors } from "./support/safetensors";

const SOURCES = join(GOLDEN, "models/source-pictures");

interface Case {
  name: string;
  model: string;
  unet: string;
  prompt: string;
  negative_prompt: string;
  scheduler: NonNullable<GenerateOptions["scheduler"]>;
  steps: number;
  guidance: number;
  image_guidance?: number;
  seed: number;
  width: number;
  height: number;
  image: string;
  inputs: { mask?: string };
  outputs: { latents: string };
  adapters: { file: string; images: string[]; scale: number }[];
}
// tools/goldens/source_pictures.py
const { cases } = JSON.parse(readFileSync(join(SOURCES, "golden.json"), "utf8")) as { cases: Case[] };
const golden = readSafetensors(join(SOURCES, "golden.safetensors"));
const find = (name: string): Case => cases.find((one) => one.name === name)!;

const load = ({ model, unet, adapters }: Case): Promise<Pipeline> =>
  Pipeline.load({
    model: join(GOLDEN, "models", model),
    unet: join(SOURCES, unet),
    adapters: adapters.map(({ file }) => ({ file: join(SOURCES, file) })),
  });

const optionsOf = (one: Case): GenerateOptions => ({
  prompt: one.prompt,
  negativePrompt: one.negative_prompt,
  scheduler: one.scheduler,
  steps: one.steps,
  guidance: one.guidance,
  imageGuidance: one.image_guidance,
  seed: one.seed,
  width: one.width,
  height: one.height,
  image: join(GOLDEN, one.image),
  ...(one.inputs.mask === undefined ? {} : { mask: greyOf(one.inputs.mask), strength: 1 }),
  imagePrompts: one.adapters.map(({ images, scale }, adapter) => ({ image: join(GOLDEN, images[0]!), scale, adapter })),
  output: "latents",
});

function greyOf(tensor: string): RawImage {
  const { shape, bytes } = golden.get(tensor)!;
  return { data: bytes, width: shape[1]!, height: shape[0]!, channels: 1 };
}

test.each([
  "sd15-inpaint-guided",
  "sd15-inpaint-base",
  "sd15-instruct-images",
  "sd15-instruct-plus",
  "sdxl-inpaint-euler",
])("the latents of the reference: %s", async (name) => {
  const one = find(name);
  await using pipeline = await load(one);
  expect(pipeline.info.task).toBe(name.includes("inpaint") ? "inpainting" : "instruct");
  const { latents } = await pipeline.generate(optionsOf(one));
  expect(relativeError(latents[0]!, golden.get(one.outputs.latents)!.floats())).toBeLessThan(1e-4);
});

test("without width and height the picture keeps its size, rounded down as in diffusers", async () => {
  const one = find("sd15-instruct-own-size");
  await using pipeline = await load(one);
  const { width, height, ...options } = optionsOf(one);
  const { latents, latentShape } = await pipeline.generate(options);
  expect([latentShape[2] * 8, latentShape[1] * 8]).toEqual([width, height]);
  expect(relativeError(latents[0]!, golden.get(one.outputs.latents)!.floats())).toBeLessThan(1e-4);
  // The estimate reads the picture for its size, and needs none when it is given.
  const own = await pipeline.estimateMemory(options);
  expect(await pipeline.estimateMemory({ ...options, width, height, image: "/not/there.png" })).toEqual(own);
  expect((await pipeline.estimateMemory({ ...options, width: 320, height: 320 })).working).toBeGreaterThan(own.working);
});

describe("what a model takes", () => {
  const picture = { data: pixels(70, 90), width: 70, height: 90 };

  test("a model of prompts alone has no guidance towards a picture", async () => {
    await using pipeline = await Pipeline.load({ model: join(GOLDEN, "models/sd15") });
    expect(pipeline.info.task).toBe("text-to-image");
    expect(await rejection(pipeline.generate({ imageGuidance: 2 }))).toMatchObject({
      option: "imageGuidance",
      message: expect.stringContaining("instruct"),
    });
  });

  test("an inpainting model asks for picture and mask", async () => {
    await using pipeline = await load(find("sd15-inpaint-guided"));
    expect(await rejection(pipeline.generate({}))).toMatchObject({
      option: "image",
      message: expect.stringContaining("add image and mask"),
    });
    expect(await rejection(pipeline.generate({ image: picture }))).toMatchObject({
      option: "mask",
      message: expect.stringContaining("add mask"),
    });
    expect(await rejection(pipeline.generate({ image: picture, mask: join(GOLDEN, "images/none.png") }))).toMatchObject(
      {
        code: "ERR_IPA_NOT_FOUND",
        message: expect.stringContaining("mask"),
      },
    );
  });

  test("an instruct model asks for a picture and takes no mask", async () => {
    await using pipeline = await load(find("sd15-instruct-guided"));
    expect(await rejection(pipeline.generate({}))).toMatchObject({
      option: "image",
      message: expect.stringContaining("add image"),
    });
    expect(await rejection(pipeline.generate({ image: picture, mask: picture }))).toMatchObject({ option: "mask" });
    expect(await rejection(pipeline.generate({ image: picture, imageGuidance: 0.5 }))).toMatchObject({
      option: "imageGuidance",
    });
  });

  test("a picture whose own size cannot be made asks for a size", async () => {
    await using pipeline = await load(find("sd15-instruct-guided"));
    const small = { data: pixels(40, 90), width: 40, height: 90 };
    expect(await rejection(pipeline.generate({ image: small }))).toMatchObject({
      option: "width",
      message: expect.stringContaining("40x90"),
    });
    const { latentShape } = await pipeline.generate({ image: small, width: 64, steps: 1, output: "latents" });
    expect(latentShape).toEqual([4, 11, 8]);
  });
});

test("what reaches the engine is what the arrays held when the call was made", async () => {
  const addon = new FakeAddon();
  addon.info = { ...addon.info, task: "instruct", ...supportOf({}) };
  const { pipeline } = await loadFake(addon);
  const image = { data: pixels(64, 64).fill(7), width: 64, height: 64 };
  const call = pipeline.generate({ image, imageGuidance: 2, steps: 1 });
  image.data.fill(9);
  await call;
  const [request] = addon.requests;
  expect(request).toMatchObject({ imageGuidance: 2, width: 64, height: 64, image: { width: 64, height: 64 } });
  expect(new Set(request!.image!.rgb)).toEqual(new Set([7]));
  expect(request).not.toHaveProperty("mask");
});
