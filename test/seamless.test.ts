/** Pictures whose edges meet, against diffusers with circular padding, and on the shipped model. Needs `npm run build`. */
import { join } from "node:path";

import { Pipeline, readMetadata, type GenerateOptions, type LoadOptions } from "../lib/index";
import { GOLDEN, readGolden, relativeError } from "./support/golden";
import { pixels, rejection } from "./support/load";

interface Case {
  model: string;
  seamless: NonNullable<GenerateOptions["seamless"]>;
  scheduler?: GenerateOptions["scheduler"];
  width?: number;
  height?: number;
  image?: boolean;
  mask?: boolean;
  strength?: number;
  control?: string;
  adapter?: string;
  tiny?: boolean;
  hires?: number;
  decode?: boolean;
}
// tools/goldens/seamless.py
const { index, golden, call } = readGolden<Case>("seamless");
const MODELS = join(GOLDEN, "models");

function loadOptions({ model, control, adapter, tiny }: Case): LoadOptions {
  if (model === "mini") return {};
  const folder = join(MODELS, model.split("-")[0]!);
  const options: LoadOptions = { model: folder };
  if (model.endsWith("inpaint")) options.unet = join(MODELS, "source-pictures", model);
  if (tiny === true) options.vae = join(MODELS, "source-pictures/taesd");
  if (adapter !== undefined) options.adapters = [join(folder, "adapters", `${adapter}.safetensors`)];
  if (control !== undefined)
    Object.assign(options, {
      unet: join(MODELS, "controls/unet-sd15"),
      controls: [{ file: join(MODELS, "controls", control) }],
    });
  return options;
}

function optionsOf(one: Case): GenerateOptions {
  const { seamless, scheduler = "ddim", width = 64, height = 64, strength, hires } = one;
  const options: GenerateOptions = { ...call, seamless, scheduler, width, height };
  if (one.image === true) options.image = join(GOLDEN, "images/square-64.png");
  if (one.mask === true) options.mask = join(GOLDEN, "images/mask-64.png");
  if (strength !== undefined && hires === undefined) options.strength = strength;
  if (hires !== undefined) options.hires = { scale: hires, strength };
  if (one.adapter !== undefined) options.imagePrompts = [{ image: join(GOLDEN, "images/square-64.png"), scale: 0.8 }];
  if (one.control !== undefined) options.controls = [{ control: 0, image: join(GOLDEN, "images/wide-150x100.png") }];
  return options;
}

const pipelines = new Map<string, Promise<Pipeline>>();
function load(options: LoadOptions): Promise<Pipeline> {
  const key = JSON.stringify(options);
  if (!pipelines.has(key)) pipelines.set(key, Pipeline.load(options));
  return pipelines.get(key)!;
}
afterAll(async () => {
  for (const pipeline of pipelines.values()) await (await pipeline).dispose();
});

const nameOf = ({ model, seamless, ...rest }: Case): string =>
  `${model} ${seamless}: ${Object.entries(rest).flat().join(" ")}`;

describe("as diffusers with circular padding", () => {
  test.each(index.cases.map((one, i) => [nameOf(one), one, i] as const))("%s", async (_, one, i) => {
    const pipeline = await load(loadOptions(one));
    const { images, latents } = await pipeline.generate(optionsOf(one));
    // A pixel of the picture between two passes may be rounded to its neighbour.
    const allowed = one.hires === undefined ? 3e-5 : 1e-2;
    expect(relativeError(latents[0]!, golden.get(`${i}.latents`)!.floats())).toBeLessThan(allowed);
    const picture = golden.get(`${i}.image`)?.bytes;
    if (picture === undefined) return;
    const ours = images[0]!.data;
    expect(ours).toHaveLength(picture.length);
    expect(ours.reduce((worst, value, at) => Math.max(worst, Math.abs(value - picture[at]!)), 0)).toBeLessThanOrEqual(
      1,
    );
  });
});

describe("the shipped model", () => {
  const options = { prompt: "a flat cat on a yellow background", steps: 6, guidance: 4, seed: 3, width: 128 } as const;
  const height = 104;
  const [rows, columns, scale] = [13, 16, 8];

  /** Lines of `length` values, each moved around by `step` values. */
  function moved<T extends Float32Array | Uint8Array>(from: T, length: number, step: number): T {
    const out = from.slice() as T;
    from.forEach((value, i) => (out[i - (i % length) + (((i % length) + step) % length)] = value));
    return out;
  }
  const worst = (a: Uint8Array, b: Uint8Array): number =>
    a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

  // By four latents: the UNet halves twice, so that it computes the same at other places.
  test.each([
    ["f32", 1e-5, 1],
    ["bf16", 0.02, 16],
    ["int8", 0.05, 40],
  ] as const)("noise moved around gives the picture moved around, in %s", async (dtype, allowed, levels) => {
    const pipeline = await load({ dtype });
    const noise = (await pipeline.generate({ ...options, height, steps: 1, output: "latents" })).latents[0]!;
    const run = (latents: Float32Array, seamless: GenerateOptions["seamless"]) =>
      pipeline.generate({ ...options, height, latents, seamless });
    for (const seamless of ["x", "both", "y", undefined] as const) {
      const [there, here] = [await run(moved(noise, columns, 4), seamless), await run(noise, seamless)];
      const latents = relativeError(there.latents[0]!, moved(here.latents[0]!, columns, 4));
      const picture = worst(there.images[0]!.data, moved(here.images[0]!.data, 3 * 128, 3 * 4 * scale));
      if (seamless === "x" || seamless === "both") {
        expect(latents).toBeLessThan(allowed);
        expect(picture).toBeLessThanOrEqual(levels);
      } else expect(latents).toBeGreaterThan(2 * allowed);
    }
    expect(noise).toHaveLength(8 * rows * columns);
  });

  test("in the direction of y, too", async () => {
    const pipeline = await load({ dtype: "f32" });
    const tall = { ...options, height: 128, output: "latents" } as const;
    const noise = (await pipeline.generate({ ...tall, steps: 1 })).latents[0]!;
    const run = async (latents: Float32Array): Promise<Float32Array> =>
      (await pipeline.generate({ ...tall, latents, seamless: "y" })).latents[0]!;
    const [there, here] = [await run(moved(noise, 16 * 16, 16 * 8)), await run(noise)];
    expect(relativeError(there, moved(here, 16 * 16, 16 * 8))).toBeLessThan(1e-4);
  });

  test("bf16 and int8 stay close to f32", async () => {
    const made = async (dtype: "f32" | "bf16" | "int8"): Promise<Float32Array> =>
      (await (await load({ dtype })).generate({ ...options, height, seamless: "both", output: "latents" })).latents[0]!;
    const exact = await made("f32");
    expect(relativeError(await made("bf16"), exact)).toBeLessThan(0.03);
    expect(relativeError(await made("int8"), exact)).toBeLessThan(0.06);
  });

  test("decoded in tiles it has no seam, not even at its edges", async () => {
    const pipeline = await load({ dtype: "f32" });
    const side = 256;
    const large = { ...options, width: side, height: side, steps: 3, seamless: "both" } as const;
    const whole = (await pipeline.generate({ ...large, vaeTiling: "off" })).images[0]!.data;
    const tiled = (await pipeline.generate({ ...large, vaeTiling: "on", vaeTile: 128 })).images[0]!.data;
    const errors = Int16Array.from(tiled, (value, i) => value - whole[i]!);
    expect(errors.some((error) => error !== 0)).toBe(true);
    /** mean square of the change of the error from the column, or row, before; before the first is the last */
    const jumps = (step: number, next: number): number[] =>
      Array.from({ length: side }, (_, x) => {
        let sum = 0;
        for (let i = 0; i < side; i++)
          for (let c = 0; c < 3; c++) {
            const change = errors[x * step + i * next + c]! - errors[((x + side - 1) % side) * step + i * next + c]!;
            sum += change * change;
          }
        return sum / side;
      });
    for (const found of [jumps(3, 3 * side), jumps(3 * side, 3)]) {
      const at = (x: number): number => found[(x + side) % side]!;
      const outstanding = found.flatMap((jump, x) => {
        const beside = [-6, -5, -4, -3, -2, 2, 3, 4, 5, 6].map((offset) => at(x + offset));
        return jump > 3 * Math.max(...beside) ? [x] : [];
      });
      expect(outstanding).toEqual([]);
    }
  });

  test("calls with and without it do not know of each other", async () => {
    const pipeline = await load({ dtype: "f32" });
    const kinds = [undefined, "x", "both", undefined, "y"] as const;
    const items = kinds.map((seamless) => ({ ...options, height, steps: 2, seamless }));
    const together = await pipeline.generateBatch(items);
    const pictures = together.map(({ images }) => Buffer.from(images[0]!.data).toString("base64"));
    expect(pictures[3]).toBe(pictures[0]);
    expect(new Set(pictures).size).toBe(4);
    for (const [i, item] of items.entries())
      expect((await pipeline.generate(item)).latents[0]).toEqual(together[i]!.latents[0]);
    const [plain, wrapped] = [items[0]!, items[2]!].map((item) => pipeline.estimateMemory(item));
    expect(await wrapped).toEqual(await plain);
  });

  test("pictures say so", async () => {
    const pipeline = await load({ dtype: "f32" });
    for (const [seamless, tiling] of [
      ["both", true],
      ["x", false],
    ] as const) {
      const { images } = await pipeline.generate({ ...options, height, steps: 1, seamless });
      const { parameters, settings } = await readMetadata(await images[0]!.toBuffer("png"));
      expect(parameters!.includes("Tiling: True")).toBe(tiling);
      expect(settings!.generate).toMatchObject({ seamless });
    }
  });
});

describe("what it does not go with", () => {
  const image = { data: pixels(64, 64), width: 64, height: 64 };

  test("maskCrop", async () => {
    const pipeline = await load({ model: join(MODELS, "sd15") });
    const refused = { image, mask: image, maskCrop: 4, seamless: "x" } as const;
    for (const promise of [pipeline.generate(refused), pipeline.estimateMemory(refused)])
      expect(await rejection(promise)).toMatchObject({
        code: "ERR_IPA_INVALID_OPTION",
        option: "seamless",
        message: expect.stringContaining("maskCrop"),
      });
  });

  test("other names", async () => {
    const pipeline = await load({ model: join(MODELS, "sd15") });
    expect(await rejection(pipeline.generate({ seamless: "z" as never }))).toMatchObject({ option: "seamless" });
  });
});
