/** Variations, a second pass in a larger size, and pictures that grow. Needs `npm run build`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Pipeline, type GenerateOptions } from "../lib/index";
import { GOLDEN, describedCall, relativeError } from "./support/golden";
import { pixels, rejection } from "./support/load";
import { readSafetensors } from "./support/safetensors";

interface Pass {
  model: string;
  scheduler: NonNullable<GenerateOptions["scheduler"]>;
  scale: number;
  strength: number;
}
// tools/goldens/second_pass.py
const index = JSON.parse(readFileSync(join(GOLDEN, "second-pass.json"), "utf8")) as {
  prompt: string;
  negative: string;
  seed: number;
  steps: number;
  guidance: number;
  variations: { seed: number; strength: number }[];
  passes: Pass[];
};
const golden = readSafetensors(join(GOLDEN, "second-pass.safetensors"));
const options = describedCall(index);

const models = new Map<string, Promise<Pipeline>>();
function load(model: string): Promise<Pipeline> {
  if (!models.has(model)) models.set(model, Pipeline.load({ model: join(GOLDEN, "models", model) }));
  return models.get(model)!;
}
afterAll(async () => {
  for (const pipeline of models.values()) await (await pipeline).dispose();
});

describe("variation", () => {
  test.each(index.variations.map((one, i) => [one.strength, one, i] as const))(
    "turns the noise by %d of the way",
    async (_, variation, i) => {
      const pipeline = await load("sd15");
      const { latents } = await pipeline.generate({ ...options, scheduler: "ddim", variation, output: "latents" });
      expect(relativeError(latents[0]!, golden.get(`variation.${i}`)!.floats())).toBeLessThan(3e-5);
    },
  );

  test("all of the way is the other seed's picture, nothing of it the seed's own; pictures of a call turn to seeds in a row", async () => {
    const pipeline = await load("sd15");
    const call = { ...options, scheduler: "ddim", steps: 2, output: "latents" } as const;
    const [own, other, next] = (await pipeline.generate({ ...call, count: 3 })).latents;
    const none = await pipeline.generate({ ...call, variation: { seed: index.seed + 1, strength: 0 } });
    expect(none.latents[0]).toEqual(own);
    const whole = await pipeline.generate({ ...call, count: 2, variation: { seed: index.seed + 1, strength: 1 } });
    expect(whole.seeds).toEqual([index.seed, index.seed]);
    expect(relativeError(whole.latents[0]!, other!)).toBeLessThan(1e-4);
    expect(relativeError(whole.latents[1]!, next!)).toBeLessThan(1e-4);
    expect(relativeError(own!, other!)).toBeGreaterThan(1e-2);
  });

  test("latents are there in place of the noise that it would turn", async () => {
    const pipeline = await load("sd15");
    const latents = (await pipeline.generate({ ...options, steps: 1, output: "latents" })).latents[0]!;
    const call = { ...options, steps: 1, latents, variation: { seed: 9, strength: 0.5 } };
    expect(await rejection(pipeline.generate(call))).toMatchObject({
      option: "variation",
      message: expect.stringContaining("leave one of them out"),
    });
    // A picture that begins late begins without noise.
    const { latents: none, ...late } = { ...call, image: { data: pixels(64, 64), width: 64, height: 64 } };
    expect(none).toBe(latents);
    expect(await rejection(pipeline.generate({ ...late, steps: 4, denoisingStart: 0.5 }))).toMatchObject({
      option: "variation",
      message: expect.stringContaining("without noise"),
    });
  });
});

describe("hires", () => {
  test.each(index.passes.map((one, i) => [`${one.model} ${one.scheduler} ${one.scale}`, one, i] as const))(
    "is a second call, image to image: %s",
    async (_, { model, scheduler, scale, strength }, i) => {
      const pipeline = await load(model);
      const call = { ...options, scheduler, hires: { scale, strength }, output: "latents" } as const;
      const { latents, latentShape } = await pipeline.generate(call);
      const unit = pipeline.info.vaeScale;
      expect(latentShape[1]).toBe(Math.floor((64 * scale) / unit));
      // A pixel of the picture between the passes may be rounded to its neighbour.
      expect(relativeError(latents[0]!, golden.get(`pass.${i}`)!.floats())).toBeLessThan(1e-2);
    },
  );

  test("its pictures, progress and memory are those of both passes", async () => {
    const pipeline = await load("sd15");
    const call = { ...options, scheduler: "ddim", steps: 4, count: 2, hires: { scale: 2, strength: 0.5 } } as const;
    const steps: [image: number, step: number, total: number][] = [];
    const { images } = await pipeline.generate({
      ...call,
      onProgress: ({ image, step, total, tile }) => {
        if (tile === undefined) steps.push([image, step, total]);
      },
    });
    expect(images.map(({ width, height }) => [width, height])).toEqual([
      [128, 128],
      [128, 128],
    ]);
    expect(steps.map(([, step]) => step)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect(steps.every(([, , total]) => total === 12)).toBe(true);
    expect(steps.map(([image]) => image).join("")).toBe("010101010011");
    const once = await pipeline.estimateMemory({ ...options, width: 128, height: 128 });
    const twice = await pipeline.estimateMemory(call);
    expect(twice.working).toBeGreaterThan(once.working * 0.9);
    // Each picture is what it is alone.
    const alone = await pipeline.generate({ ...call, count: 1, seed: index.seed + 1 });
    expect(Buffer.compare(alone.images[0]!.data, images[1]!.data)).toBe(0);
  });

  test("onStep counts the steps of a picture through both passes", async () => {
    const pipeline = await load("sd15");
    const steps: [image: number, step: number, total: number, latents: number][] = [];
    await pipeline.generate({
      ...options,
      scheduler: "ddim",
      steps: 4,
      count: 2,
      hires: { scale: 2, strength: 0.5 },
      onStep: (latents, { image, step, total }) => void steps.push([image, step, total, latents.length]),
    });
    const own = (image: number): typeof steps => steps.filter(([one]) => one === image);
    const small = steps[0]![3];
    for (const image of [0, 1])
      expect(own(image)).toEqual([
        [image, 1, 6, small],
        [image, 2, 6, small],
        [image, 3, 6, small],
        [image, 4, 6, small],
        [image, 5, 6, 4 * small],
        [image, 6, 6, 4 * small],
      ]);
  });

  test.each([
    [{ hires: { scale: 4 }, width: 2048, height: 64 }, "hires.scale", "8192 x 256 pixels, and its width: expected"],
    [{ hires: { scale: 2, strength: 0.1 } }, "hires.strength", "it leaves none of the 4 steps"],
  ])("%j is an error of %s", async (more, option, says) => {
    const pipeline = await load("sd15");
    const error = await rejection(pipeline.generate({ ...options, steps: 4, ...more }));
    expect(error).toMatchObject({ code: "ERR_IPA_INVALID_OPTION", option });
    expect(error.message).toContain(says);
  });

  test("what it does not go with", async () => {
    const pipeline = await load("sd15");
    const image = { data: pixels(64, 64), width: 64, height: 64 };
    for (const more of [{ image, mask: image }, { denoisingEnd: 0.5 }])
      expect(await rejection(pipeline.generate({ ...options, ...more, hires: { scale: 2 } }))).toMatchObject({
        option: "hires",
      });
  });
});

describe("outpaint", () => {
  const image = { data: pixels(70, 64), width: 70, height: 64 };

  test("the picture grows, and what was there stays to the byte", async () => {
    const pipeline = await load("sd15");
    const { images } = await pipeline.generate({ image, outpaint: { left: 16, bottom: 8 }, steps: 2, seed: 3 });
    const [picture] = images;
    // 86 columns are no multiple of 8: the right margin takes two more.
    expect([picture!.width, picture!.height]).toEqual([88, 72]);
    for (let y = 0; y < 64; ++y) {
      const at = 3 * (y * 88 + 16);
      const row = picture!.data.subarray(at, at + 3 * 70);
      expect(Buffer.compare(row, image.data.subarray(3 * 70 * y, 3 * 70 * (y + 1)))).toBe(0);
    }
    const estimate = await pipeline.estimateMemory({ image, outpaint: { left: 16, bottom: 8 } });
    // The smaller picture is kept beside the larger one.
    const whole = await pipeline.estimateMemory({ image, mask: image, width: 88, height: 72 });
    expect(estimate.working).toBe(whole.working + image.data.length);
  });

  test("what it does not go with", async () => {
    const pipeline = await load("sd15");
    const call = { image, outpaint: { left: 16 } };
    expect(await rejection(pipeline.generate({ outpaint: { left: 16 } }))).toMatchObject({ option: "outpaint" });
    expect(await rejection(pipeline.generate({ ...call, mask: image }))).toMatchObject({ option: "outpaint" });
    expect(await rejection(pipeline.generate({ ...call, width: 64 }))).toMatchObject({ option: "width" });
  });

  test.each([
    [{}, "no margin to paint: add left, top, right or bottom"],
    [{ left: 0 }, "no margin to paint"],
    [{ left: 4096 }, "4168x64 with its margins, but sides must be between"],
    // 70 and 2 are 72: the corners of all squares of 8 lie within the picture.
    [{ right: 2 }, "narrower than the squares that the model paints"],
  ])("%j is an error of outpaint", async (outpaint, says) => {
    const pipeline = await load("sd15");
    const error = await rejection(pipeline.generate({ image, outpaint, steps: 2 }));
    expect(error).toMatchObject({ code: "ERR_IPA_INVALID_OPTION", option: "outpaint" });
    expect(error.message).toContain(says);
  });
});
