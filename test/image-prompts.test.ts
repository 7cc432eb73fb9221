/** Image prompts with scales by block, windows, curves and presets make the latents of diffusers, or of formulas beside it. Needs `npm run build:all`. */
import { join } from "node:path";

import { Pipeline, type GenerateOptions, type ImagePrompt, type PicturePrompt } from "../lib/index";
import { GOLDEN, readGolden, relativeError } from "./support/golden";
import { MINI, rejection } from "./support/load";

interface Case {
  name: string;
  model: string;
  adapters: string[];
  scheduler: NonNullable<GenerateOptions["scheduler"]>;
  imagePrompts: (PicturePrompt & { image: string })[];
  options: GenerateOptions;
}
// tools/goldens/image_prompts.py
const { index, golden, call } = readGolden<Case>("image-prompts");
const picture = (name: string): string => join(GOLDEN, `images/${name}.png`);

const groups = new Map<string, Case[]>();
for (const entry of index.cases) {
  const key = `${entry.model} with ${entry.adapters.join(" and ")}`;
  groups.set(key, [...(groups.get(key) ?? []), entry]);
}

describe.each([...groups])("the small model %s", (_, cases) => {
  let pipeline: Pipeline;
  beforeAll(async () => {
    const { model, adapters } = cases[0]!;
    const folder = join(GOLDEN, "models", model);
    pipeline = await Pipeline.load({
      model: folder,
      adapters: adapters.map((name) => join(folder, `adapters/${name}.safetensors`)),
    });
  });
  afterAll(() => pipeline.dispose());

  test.each(cases)("the latents of the reference: $name", async ({ name, scheduler, imagePrompts, options }) => {
    const { latents } = await pipeline.generate({
      ...call,
      ...options,
      scheduler,
      imagePrompts: imagePrompts.map((prompt) => ({ ...prompt, image: picture(prompt.image) })),
      output: "latents",
    });
    expect(relativeError(latents[0]!, golden.get(name)!.floats())).toBeLessThan(3e-5);
  });
});

describe("on the small SD1.5", () => {
  let pipeline: Pipeline;
  beforeAll(async () => {
    const folder = join(GOLDEN, "models/sd15");
    pipeline = await Pipeline.load({ model: folder, adapters: [join(folder, "adapters/base.safetensors")] });
  });
  afterAll(() => pipeline.dispose());
  const image = picture("square-64");
  const latents = async (...imagePrompts: ImagePrompt[]): Promise<Float32Array> =>
    (await pipeline.generate({ ...call, imagePrompts, output: "latents" })).latents[0]!;

  test("a window that holds no call is as if the picture were not there, bit for bit", async () => {
    expect(await latents({ image, start: 0.3, end: 0.4 })).toEqual(await latents());
  });

  test("nothing of a window, a preset or a scale by block stays behind", async () => {
    const before = await latents({ image });
    await latents({ image, end: 0.5, preset: "style", curve: [[0, 0.1]] });
    await latents({ image, scale: { up: 1 } });
    expect(await latents({ image })).toEqual(before);
  });

  test("several pictures of one call begin anew", async () => {
    const options = { ...call, imagePrompts: [{ image, end: 0.5 }], output: "latents" } as const;
    const { latents: both } = await pipeline.generate({ ...options, count: 2 });
    const { latents: alone } = await pipeline.generate({ ...options, seed: call.seed + 1 });
    expect(both[1]).toEqual(alone[0]);
  });

  test("the whole window, a flat curve and a list of equal scales change nothing", async () => {
    const plain = await latents({ image, scale: 0.5 });
    expect(await latents({ image, scale: 0.5, start: 0, end: 1, curve: [[0.5, 1]] })).toEqual(plain);
    expect(await latents({ image, scale: Array<number>(16).fill(0.5) })).toEqual(plain);
  });

  test("an estimate takes the same options", async () => {
    const few = await pipeline.estimateMemory({ imagePrompts: [{ image, scale: { mid: 1 } }] });
    const all = await pipeline.estimateMemory({ imagePrompts: [{ image }] });
    expect(few.working).toBeLessThan(all.working);
  });

  test.each([
    [{ scale: 6 }, "imagePrompts[0].scale", "expected a finite number between -5 and 5 but received 6"],
    [{ scale: "1" }, "imagePrompts[0].scale", "but received"],
    [{ scale: NaN }, "imagePrompts[0].scale", "NaN"],
    [
      { scale: [1, 2] },
      "imagePrompts[0].scale",
      "expected 16 numbers, one for each of info.attentions, but received 2",
    ],
    [{ scale: { dwon: 1 } }, "imagePrompts[0].scale", 'there is no "dwon" in it: use a number, down, mid, up'],
    [
      { scale: { down: { block_3: 1 } } },
      "imagePrompts[0].scale.down.block_3",
      "it has down.block_0 (2), down.block_1 (2), down.block_2 (2)",
    ],
    [
      { scale: { up: { block_1: [1, 0] } } },
      "imagePrompts[0].scale.up.block_1",
      "expected 3 numbers, one for each of the block's attentions, but received 2",
    ],
    [{ scale: { up: { block_1: [1, 0, 7] } } }, "imagePrompts[0].scale.up.block_1[2]", "between -5 and 5"],
    [{ scale: { mid: [1, 1] } }, "imagePrompts[0].scale.mid", "expected 1 numbers"],
    [{ scale: { up: [1, 0, 1] } }, "imagePrompts[0].scale.up", "expected a number, or an object of blocks"],
    [{ scale: { mid: 1 }, preset: "style" }, "imagePrompts[0].preset", "a preset takes a scale that is one number"],
    [{ preset: "styel" }, "imagePrompts[0].preset", 'did you mean "style"?'],
    [{ start: 0.6, end: 0.5 }, "imagePrompts[0].start", "expected no more than end (0.5)"],
    [{ start: 2 }, "imagePrompts[0].start", "use 1 or less"],
    [
      {
        curve: [
          [0.5, 1],
          [0.5, 2],
        ],
      },
      "imagePrompts[0].curve[1]",
      "sort the points",
    ],
    [{ curve: [0, 1] }, "imagePrompts[0].curve[0]", "expected an array"],
  ])("%j is a typed error", async (options, option, says) => {
    const error = await rejection(pipeline.generate({ imagePrompts: [{ image, ...options } as ImagePrompt] }));
    expect(error).toMatchObject({ code: "ERR_IPA_INVALID_OPTION", option });
    expect(error.message).toContain(says);
  });
});

test("a preset on the UNet of the shipped model is a typed error", async () => {
  await using pipeline = await Pipeline.load({ model: MINI });
  const error = await rejection(
    pipeline.generate({ imagePrompts: [{ image: picture("square-64"), preset: "style" }] }),
  );
  expect(error).toMatchObject({ code: "ERR_IPA_INVALID_OPTION", option: "imagePrompts[0].preset" });
  expect(error.message).toContain("presets are for UNets of SD1.5's 16 attentions or SDXL's 11");
});
