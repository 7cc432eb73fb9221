/** The shipped model shows what it is shipped to show, and computes what diffusers computes with it. Needs `npm run build`. */
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

import sharp from "sharp";

import { Pipeline, preprocess, type GenerateOptions } from "../lib/index";
import { readSafetensors, type Tensor } from "./support/safetensors";
import { MINI, ROOT } from "./support/load";

const APPLE = join(ROOT, "examples/images/red-apple.png");
const ADAPTERS = ["ip-adapter", "ip-adapter-plus"];
const adapters = ADAPTERS.map((name) => ({ file: join(MINI, `${name}.safetensors`) }));
const CUSTOM = join(ROOT, "models/mini-custom");
const LORA = join(CUSTOM, "pytorch_lora_weights.safetensors");
const CONTROLS = join(ROOT, "models/mini-controls");
const CONTROL_NAMES = ["controlnet-edges", "t2i-adapter-edges"];

let pipeline: Pipeline;
beforeAll(
  async () =>
    (pipeline = await Pipeline.load({
      model: MINI,
      adapters,
      controls: CONTROL_NAMES.map((name) => join(CONTROLS, name)),
    })),
);
afterAll(() => pipeline.dispose());

interface Picture {
  data: Uint8Array;
  width: number;
  height: number;
}
const paint = async (options: GenerateOptions): Promise<Picture> =>
  (await pipeline.generate({ steps: 20, guidance: 4, ...options })).images[0]!;

/** Mean colour of a rectangle given in shares of the sides. */
function mean(
  { data, width, height }: Picture,
  [left, top, right, bottom]: [number, number, number, number],
): [number, number, number] {
  const sum: [number, number, number] = [0, 0, 0];
  let n = 0;
  for (let y = Math.round(top * height); y < bottom * height; y++)
    for (let x = Math.round(left * width); x < right * width; x++, n++)
      for (let c = 0; c < 3; c++) sum[c]! += data[(y * width + x) * 3 + c]!;
  return sum.map((v) => v / n) as [number, number, number];
}
const rim = (p: Picture): [number, number, number] => mean(p, [0, 0, 1, 0.04]);
const middle = (p: Picture): [number, number, number] => mean(p, [0.4, 0.45, 0.6, 0.7]);
/** The background colours the model was taught (tools/mini/mini/world.py). */
const COLOURS = {
  red: [190, 36, 44],
  yellow: [250, 222, 96],
  green: [44, 132, 74],
  blue: [52, 106, 232],
  purple: [142, 68, 196],
  black: [22, 22, 26],
  white: [250, 250, 250],
  grey: [142, 144, 150],
} as const;
const distance = (a: readonly number[], b: readonly number[]): number => Math.hypot(...a.map((v, i) => v - b[i]!));
const nearest = (colour: readonly number[]): string =>
  Object.entries(COLOURS).sort(([, a], [, b]) => distance(colour, a) - distance(colour, b))[0]![0];

describe("what a newcomer tries", () => {
  test.each(Object.keys(COLOURS))("a sentence sets the background: %s", async (colour) => {
    expect(nearest(rim(await paint({ prompt: `a dog on a ${colour} background`, seed: 1 })))).toBe(colour);
  });

  test.each([["blue"], ["yellow"], ["black"]])(
    "a red apple as image prompt and a %s background in words",
    async (colour) => {
      for (const [adapter, name] of ADAPTERS.entries()) {
        const picture = await paint({
          prompt: `on a ${colour} background`,
          imagePrompts: [{ image: APPLE, adapter }],
          seed: 2,
        });
        expect([name, nearest(rim(picture))]).toEqual([name, colour]);
        const [r, g, b] = middle(picture);
        expect(r - Math.max(g, b)).toBeGreaterThan(50);
      }
    },
  );

  test("scale goes from the sentence's subject to the picture's", async () => {
    const redness = async (scale: number): Promise<number> => {
      const [r, g, b] = middle(
        await paint({ prompt: "a frog on a white background", imagePrompts: [{ image: APPLE, scale }], seed: 3 }),
      );
      return r - Math.max(g, b);
    };
    expect(await redness(0)).toBeLessThan(0);
    expect(await redness(1)).toBeGreaterThan(60);
  });
});

describe("the same numbers as diffusers", () => {
  const index = JSON.parse(readFileSync(join(ROOT, "test/golden/mini.json"), "utf8")) as {
    steps: number;
    guidance: number;
    cases: {
      name: string;
      prompt: string;
      seed: number;
      adapter?: string;
      scale?: number;
      lora?: number;
      control?: string;
    }[];
  };
  const golden = readSafetensors(join(ROOT, "test/golden/mini.safetensors"));
  const tensor = (name: string): Tensor => golden.get(name)!;

  test.each(index.cases)("$name", async ({ name, prompt, seed, adapter, scale, lora, control }) => {
    const imagePrompts =
      adapter === undefined
        ? []
        : [
            {
              image: { data: tensor(`${name}.picture`).bytes, width: 64, height: 64 },
              adapter: ADAPTERS.indexOf(adapter),
              scale: scale!,
            },
          ];
    const controls =
      control === undefined
        ? []
        : [
            {
              control: CONTROL_NAMES.indexOf(control),
              image: { data: tensor(`${name}.edges`).bytes, width: 128, height: 128, channels: 1 as const },
            },
          ];
    await using changed =
      lora === undefined
        ? undefined
        : await Pipeline.load({ model: MINI, adapters, loras: [{ file: LORA, weight: lora }] });
    const { latents, images } = await (changed ?? pipeline).generate({
      prompt,
      seed,
      imagePrompts,
      controls,
      steps: index.steps,
      guidance: index.guidance,
    });
    const [ours, theirs] = [latents[0]!, tensor(`${name}.latents`).floats()];
    expect(ours).toHaveLength(theirs.length);
    const error = Math.hypot(...ours.map((v, i) => v - theirs[i]!)) / Math.hypot(...theirs);
    expect(error).toBeLessThan(1e-4);
    const [mine, other] = [images[0]!.data, tensor(`${name}.image`).bytes];
    expect(mine.reduce((worst, v, i) => Math.max(worst, Math.abs(v - other[i]!)), 0)).toBeLessThanOrEqual(1);
  });
});

describe("the custom checkpoint", () => {
  test("the adapter works on it, and its look is there: a white border around what it paints", async () => {
    /** share of the pixels that are nearly white */
    const white = ({ data }: Picture): number => {
      let n = 0;
      for (let i = 0; i < data.length; i += 3) if (Math.min(data[i]!, data[i + 1]!, data[i + 2]!) > 225) n++;
      return (3 * n) / data.length;
    };
    await using custom = await Pipeline.load({ model: MINI, adapters, loras: [{ file: LORA }] });
    // The share over all subjects is measured by mini:evaluate (nine of ten); this is one subject and six fixed seeds.
    const colours = ["blue", "green", "purple", "red", "black", "yellow"] as const;
    let right = 0,
      border = 0;
    for (const [i, colour] of colours.entries()) {
      const call: GenerateOptions = {
        prompt: `on a ${colour} background`,
        imagePrompts: [{ image: APPLE }],
        seed: 20 + i,
        steps: 20,
        guidance: 2.5, // above it the LoRA's colours get pale
      };
      const [plain, sticker] = [await paint(call), (await custom.generate(call)).images[0]!];
      const [r, g, b] = middle(sticker);
      if (nearest(rim(sticker)) === colour && r - Math.max(g, b) > 50) right++;
      if (white(sticker) > white(plain) + 0.04) border++;
    }
    expect(right).toBeGreaterThanOrEqual(5);
    expect(border).toBeGreaterThanOrEqual(5);
  });
});

describe("the controls for edges", () => {
  /** Share of the white pixels of `wanted` with a white pixel of `found` at most two pixels away. */
  function followed(wanted: Picture, found: Picture): number {
    const white = (p: Picture, x: number, y: number): boolean => (p.data[(y * p.width + x) * 3] ?? 0) > 0;
    const near = [-2, -1, 0, 1, 2].flatMap((dy) => [-2, -1, 0, 1, 2].map((dx) => [dx, dy] as const));
    let all = 0,
      good = 0;
    for (let y = 2; y < wanted.height - 2; y++)
      for (let x = 2; x < wanted.width - 2; x++) {
        if (!white(wanted, x, y)) continue;
        all++;
        if (near.some(([dx, dy]) => dx * dx + dy * dy <= 4 && white(found, x + dx, y + dy))) good++;
      }
    return good / all;
  }

  test.each(CONTROL_NAMES)(
    "%s puts the image prompt's subject where the edges are, on the background in words",
    async (name) => {
      // A small apple on the left: an image prompt alone paints a large one in the middle.
      const small = await sharp(APPLE).flatten({ background: "#ffffff" }).resize(56, 56).toBuffer();
      const layout = sharp({ create: { width: 128, height: 128, channels: 3, background: "#ffffff" } });
      const edges = await preprocess(
        await layout
          .composite([{ input: small, left: 4, top: 36 }])
          .png()
          .toBuffer(),
        "canny",
      );
      // The share over 200 pictures is measured by mini:evaluate; these are six fixed seeds.
      let right = 0,
        gained = 0;
      for (const [i, colour] of (["white", "yellow", "white", "yellow", "white", "yellow"] as const).entries()) {
        const call: GenerateOptions = {
          prompt: `on a ${colour} background`,
          imagePrompts: [{ image: APPLE }],
          seed: 30 + i,
        };
        const control = CONTROL_NAMES.indexOf(name);
        const [free, led] = [
          await paint(call),
          await paint({ ...call, controls: [{ control, image: edges, scale: 1.4 }] }),
        ];
        const [before, after] = await Promise.all(
          [free, led].map(async (p) => followed(edges, await preprocess({ ...p, channels: 3 }, "canny"))),
        );
        gained += (after! - before!) / 6;
        if (nearest(rim(led)) === colour) right++;
      }
      expect(gained).toBeGreaterThan(0.1);
      expect(right).toBeGreaterThanOrEqual(5);
    },
  );
});

test("the models stay small enough to ship", () => {
  const bytes = (folder: string): number =>
    readdirSync(folder, { recursive: true, withFileTypes: true }).reduce(
      (sum, e) => sum + (e.isFile() ? statSync(join(e.parentPath, e.name)).size : 0),
      0,
    );
  expect(bytes(MINI) + bytes(CUSTOM)).toBeLessThanOrEqual(25e6);
  expect(bytes(CONTROLS)).toBeLessThanOrEqual(6e6);
});
