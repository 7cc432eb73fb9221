/** Image prompts with scales by block, windows, curves and presets make the latents of diffusers, or of formulas beside it. Needs `npm run build`. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

import {
  Pipeline,
  combineEmbeds,
  type EstimateOptions,
  type GenerateOptions,
  type ImagePrompt,
  type PicturePrompt,
  type RawImage,
} from "../lib/index";
import { tilesOf } from "../lib/image/tiles";
import { GOLDEN, describeSmallModels, readGolden, relativeError } from "./support/golden";
import { MINI, ROOT, rejection } from "./support/load";

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
/** The same options with the files of pictures. */
function withFiles<T>(value: T, key = ""): T {
  if (typeof value === "string") return (["image", "mask", "imageMask"].includes(key) ? picture(value) : value) as T;
  if (Array.isArray(value)) return value.map((entry: unknown) => withFiles(entry)) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [name, withFiles(entry as unknown, name)]),
  ) as T;
}

describeSmallModels(index.cases, (pipeline, cases) => {
  test.each(cases)("the latents of the reference: $name", async ({ name, scheduler, imagePrompts, options }) => {
    const { latents } = await pipeline().generate({
      ...call,
      ...withFiles(options),
      scheduler,
      imagePrompts: withFiles(imagePrompts),
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

describe("masks, negative image prompts and regions", () => {
  const folder = join(GOLDEN, "models/sd15");
  let pipeline: Pipeline;
  beforeAll(async () => {
    pipeline = await Pipeline.load({ model: folder, adapters: [join(folder, "adapters/base.safetensors")] });
  });
  afterAll(() => pipeline.dispose());
  const image = picture("square-64");
  const even = (value: number, width = 8, height = 8): RawImage => ({
    data: new Uint8Array(width * height).fill(value),
    width,
    height,
  });
  const latents = async (options: GenerateOptions): Promise<Float32Array> =>
    (await pipeline.generate({ ...call, ...options, output: "latents" })).latents[0]!;

  test.each(["binary", "soft"] as const)("a %s mask of black is as if the picture were not there", async (maskMode) => {
    const masked = await latents({ imagePrompts: [{ image, mask: even(0), maskMode }] });
    expect(masked).toEqual(await latents({}));
  });

  test.each(["binary", "soft"] as const)("a %s mask of white is as if it were not there", async (maskMode) => {
    const masked = await latents({ imagePrompts: [{ image, mask: even(255), maskMode }] });
    expect(relativeError(masked, await latents({ imagePrompts: [{ image }] }))).toBeLessThan(1e-6);
  });

  test("a region of black changes no bit, and one of white has the picture to itself", async () => {
    const regions = (value: number) => [{ mask: even(value), prompt: "a green dog" }];
    expect(await latents({ regions: regions(0) })).toEqual(await latents({}));
    const whole = await latents({ regions: regions(255) });
    expect(relativeError(whole, await latents({ prompt: "a green dog" }))).toBeLessThan(1e-6);
  });

  test("regions and masks need no guidance, and stay when calls are repeated", async () => {
    const options = { guidance: 1, regions: [{ mask: picture("mask-left"), prompt: "a dog", imagePrompts: [image] }] };
    expect(await latents(options)).toEqual(await latents(options));
    expect(await latents({ guidance: 1 })).not.toEqual(await latents(options));
  });

  test("negative image prompts of zeros are those that are always there", async () => {
    const imagePrompts = [{ image }];
    const zeros = await latents({ imagePrompts, negativeImagePrompts: [{ kind: "zeros" }] });
    expect(zeros).toEqual(await latents({ imagePrompts }));
  });

  test.each(["fade", "dissolve", "gaussian", "shuffle"] as const)("%s is the same noise every time", async (kind) => {
    const options = (strength: number): GenerateOptions => ({
      imagePrompts: [{ image }],
      negativeImagePrompts: [{ image, kind, strength }],
    });
    expect(await latents(options(0.7))).toEqual(await latents(options(0.7)));
    expect(await latents(options(0.7))).not.toEqual(await latents(options(0.2)));
    const none = await latents({ imagePrompts: [{ image }], negativeImagePrompts: [image] });
    expect(await latents(options(0))).toEqual(none);
  });

  test("a mask on the reference hides what is black", async () => {
    const { data, ...size } = even(90, 64, 64);
    const half = Uint8Array.from(data, (_, i) => (i % 64 < 32 ? 255 : 0));
    const left = Uint8Array.from(data, (value, i) => (i % 64 < 32 ? value : 200));
    const masked = (pixels: Uint8Array | Uint8ClampedArray): Promise<Float32Array> =>
      latents({ imagePrompts: [{ image: { data: pixels, ...size }, imageMask: { data: half, ...size } }] });
    expect(await masked(left)).toEqual(await masked(data));
  });

  test("embeddings of several pictures are combined in their mask, as combineEmbeds() does", async () => {
    const one = await pipeline.encodeImage(image);
    const other = await pipeline.encodeImage(picture("wide-150x100"));
    const both = combineEmbeds([one, other], "concat");
    const mask = picture("mask-left");
    const made = await latents({ imagePrompts: [{ embeds: both, combine: "average", mask }] });
    const embeds = combineEmbeds([one, other], "average");
    expect(relativeError(made, await latents({ imagePrompts: [{ embeds, mask }] }))).toBeLessThan(1e-6);
  });

  test("many pictures of a call wait for their turn without a warning", () => {
    // Warnings of Node.js are the process's, which the tests do not see.
    const program = `
      const { Pipeline } = require(process.argv[1]);
      const mask = { data: new Uint8Array(64 * 64).fill(255), width: 64, height: 64 };
      const regions = Array.from({ length: 16 }, () => ({ mask, prompt: "a dog" }));
      Pipeline.load().then(async (pipeline) => {
        await pipeline.generate({ steps: 1, regions });
        await pipeline.dispose();
      });`;
    const { status, stderr } = spawnSync(process.execPath, ["-e", program, ROOT], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  test("an estimate counts masks, regions and negative pictures without reading them, and reads of tiles how many there are", async () => {
    const none = "/no/such.png";
    const options: EstimateOptions = {
      imagePrompts: [
        { image, mask: none, fit: "tile" },
        { image: none, scale: 0.5, mask: none, maskMode: "soft", kvScaling: "kv" },
      ],
      negativeImagePrompts: [none],
      regions: [{ mask: none, prompt: "a dog", imagePrompts: [none] }],
    };
    const plain = await pipeline.estimateMemory({});
    expect((await pipeline.estimateMemory(options)).working).toBeGreaterThan(plain.working);
    const tiles = { imagePrompts: [{ image: none, fit: "tile" }] } as const;
    expect(await rejection(pipeline.estimateMemory(tiles))).toMatchObject({ code: "ERR_IPA_NOT_FOUND" });
  });

  type Wrong = [options: object, option: string, says: string];
  const combine = "add";
  const masked = { image, combine, mask: even(255) };
  const combined: [unknown[], string][] = [
    [[{ image, combine }], "but there is one: add others with the same settings"],
    [[{ image, combine }, { image }], "imagePrompts[1] has another combine than imagePrompts[0]"],
    [
      [
        { image, combine, scale: 0.5 },
        { image, combine },
      ],
      "imagePrompts[1] has another scale, preset, start, end or",
    ],
    [[masked, image], "combine them with combineEmbeds()"],
    [[{ image, combine }, masked], "imagePrompts[1] stays apart"],
    [[{ image, combine, fit: "tile" }, image], "tiles stay apart"],
  ];
  const negative: [object, string, string][] = [
    [{ image, strength: 0.5 }, "strength", "add kind"],
    [{ kind: "black", strength: 0.5 }, "strength", '"black" has none'],
    [{ kind: "zeros", weight: 0.5 }, "weight", "leave it out"],
  ];
  test.each<Wrong>([
    [{ imagePrompts: [{ image, maskMode: "soft" }] }, "imagePrompts[0].maskMode", "add mask"],
    [
      { imagePrompts: [{ image, imageMask: even(1) }] },
      "imagePrompts[0].imageMask",
      "expected the size of image, 64x64, but received 8x8",
    ],
    [{ imagePrompts: [{ image, imageMask: image, fit: "tile" }] }, "imagePrompts[0].imageMask", "tiles have none"],
    [{ imagePrompts: [{ embeds: new Float32Array(24), fit: "pad" }] }, "imagePrompts[0].fit", "add image"],
    [{ imagePrompts: [{ image, fit: "cover" }] }, "imagePrompts[0].fit", "expected one of"],
    [
      { imagePrompts: [1, 2].map(() => ({ image, combine: "average", weight: 0 })) },
      "imagePrompts",
      "weights add up to 0",
    ],
    ...combined.map(([imagePrompts, says]): Wrong => [{ imagePrompts }, "imagePrompts[0].combine", says]),
    [
      { negativeImagePrompts: [{ kind: "black" }, { kind: "black" }], imagePrompts: [image] },
      "negativeImagePrompts",
      "2 for image prompts of 1 pictures",
    ],
    [{ negativeImagePrompts: [{}] }, "negativeImagePrompts[0]", "add image"],
    [{ negativeImagePrompts: [{ image, kind: "black" }] }, "negativeImagePrompts[0].kind", "takes no image"],
    [{ negativeImagePrompts: [{ image, adapter: 3 }] }, "negativeImagePrompts[0].adapter", "one adapter is loaded"],
    [{ negativeImagePrompts: [image] }, "negativeImagePrompts[0]", "there are none: add imagePrompts"],
    ...[{ guidance: 1 }, { guidanceInterval: [0.5, 0.5] }].map((unguided): Wrong => [
      { imagePrompts: [image], negativeImagePrompts: [image], ...unguided },
      "negativeImagePrompts",
      "use a guidance above 1",
    ]),
    ...negative.map(([entry, name, says]): Wrong => [
      { imagePrompts: [image], negativeImagePrompts: [entry] },
      `negativeImagePrompts[0].${name}`,
      says,
    ]),
    [{ regions: [{ prompt: "a dog" }] }, "regions[0].mask", "add mask"],
    [{ regions: [{ mask: even(1), scale: 2 }] }, "regions[0].scale", "use 1 or less"],
    [{ regions: [{ mask: even(1), prompt: "<lora:a:1>" }] }, "regions[0].prompt", "lora"],
    [
      { regions: [{ mask: even(1), imagePrompts: [{ image, preset: "x" }] }] },
      "regions[0].imagePrompts[0].preset",
      "expected one of",
    ],
  ])("%# is a typed error of %s", async (options, option, says) => {
    const error = await rejection(pipeline.generate(options));
    expect(error).toMatchObject({ code: "ERR_IPA_INVALID_OPTION", option });
    expect(error.message).toContain(says);
  });
});

describe("encodeText", () => {
  test("the projected text embedding of SDXL's second encoder, as combineEmbeds takes it", async () => {
    await using pipeline = await Pipeline.load({ model: join(GOLDEN, "models/sdxl") });
    const text = await pipeline.encodeText(index.prompt);
    expect(text.shape).toEqual([1, 40]);
    expect(relativeError(Float32Array.from(text), golden.get("text embedding")!.floats())).toBeLessThan(1e-5);
    expect([...combineEmbeds([text, text], "subtract", [1, 0.5])]).toEqual([...text].map((value) => value * 0.5));
    const aborted = pipeline.encodeText("a", { signal: AbortSignal.abort() });
    expect(await rejection(aborted)).toMatchObject({ name: "AbortError" });
    expect(await rejection(pipeline.encodeText(5 as unknown as string))).toMatchObject({ option: "prompt" });
  });

  test("other models have none", async () => {
    await using pipeline = await Pipeline.load({ model: join(GOLDEN, "models/sd15") });
    expect(await rejection(pipeline.encodeText("a"))).toMatchObject({
      option: "prompt",
      message: expect.stringContaining("only SDXL's second text encoder") as string,
    });
  });
});

test("a region's negative prompt beside none of the call is a typed error where zeros stand for it", async () => {
  await using pipeline = await Pipeline.load({ model: join(GOLDEN, "models/sdxl") });
  const regions = [{ mask: picture("mask-left"), negativePrompt: "red" }];
  const error = await rejection(pipeline.generate({ regions }));
  expect(error).toMatchObject({ option: "regions[0].negativePrompt" });
  expect(error.message).toContain("add negativePrompt to the call too");
});

test.each([
  [150, 100, 2],
  [100, 100, 4],
  [75, 131, 2],
  [900, 100, 4],
  [1, 5, 4],
])("tiles of %i x %i pixels", (width, height, count) => {
  const tiles = tilesOf({ width, height });
  expect(tiles).toHaveLength(count);
  // From end to end, and within.
  expect(Math.max(...tiles.map(({ left, side }) => left + side.width))).toBe(width);
  expect(Math.max(...tiles.map(({ top, side }) => top + side.height))).toBe(height);
  expect(Math.min(...tiles.flatMap(({ left, top }) => [left, top]))).toBe(0);
});

test("a preset on the UNet of the shipped model is a typed error", async () => {
  await using pipeline = await Pipeline.load({ model: MINI });
  const error = await rejection(
    pipeline.generate({ imagePrompts: [{ image: picture("square-64"), preset: "style" }] }),
  );
  expect(error).toMatchObject({ code: "ERR_IPA_INVALID_OPTION", option: "imagePrompts[0].preset" });
  expect(error.message).toContain("presets are for UNets of SD1.5's 16 attentions or SDXL's 11");
});
