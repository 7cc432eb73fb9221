/** What stays of a picture that is repainted in part. Needs `npm run build`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Pipeline, type GenerateOptions, type RawImage } from "../lib/index";
import { GOLDEN } from "./support/golden";
import { pixels, rejection } from "./support/load";
import { readSafetensors } from "./support/safetensors";

interface Call {
  name: string;
  model: string;
  scheduler: NonNullable<GenerateOptions["scheduler"]>;
  size: number;
  padding: number;
  strength?: number;
}
// tools/goldens/mask_crop.py
const index = JSON.parse(readFileSync(join(GOLDEN, "mask-crop.json"), "utf8")) as {
  prompt: string;
  negative: string;
  seed: number;
  steps: number;
  guidance: number;
  mask_box: [number, number, number, number];
  calls: Call[];
};
const golden = readSafetensors(join(GOLDEN, "mask-crop.safetensors"));
const [left, top, right, bottom] = index.mask_box;
const inside = (x: number, y: number): boolean => x >= left && x < right && y >= top && y < bottom;

/** A mask that is white in the box, and black elsewhere. */
const boxMask = (width: number, height: number): Uint8Array =>
  Uint8Array.from({ length: width * height }, (_, i) => (inside(i % width, Math.floor(i / width)) ? 255 : 0));

const source = readSafetensors(join(GOLDEN, "pictures.safetensors")).get("images/wide-150x100.png")!;
const WIDTH = 150;
const HEIGHT = 100;
const image = { data: new Uint8Array(source.bytes), width: WIDTH, height: HEIGHT };
const mask = { data: boxMask(WIDTH, HEIGHT), width: WIDTH, height: HEIGHT, channels: 1 as const };

/** The largest differences inside and outside of the box. */
function differences(found: Uint8Array, expected: Uint8Array, width = WIDTH): { inside: number; outside: number } {
  const most = { inside: 0, outside: 0 };
  found.forEach((value, i) => {
    const pixel = Math.floor(i / 3);
    const where = inside(pixel % width, Math.floor(pixel / width)) ? "inside" : "outside";
    most[where] = Math.max(most[where], Math.abs(value - expected[i]!));
  });
  return most;
}

test.each(index.calls.map((call) => [`${call.model} ${call.scheduler} ${call.size}`, call] as const))(
  "maskCrop is diffusers' padding_mask_crop: %s",
  async (_, call) => {
    await using pipeline = await Pipeline.load({ model: join(GOLDEN, "models", call.model) });
    const options: GenerateOptions = {
      prompt: index.prompt,
      negativePrompt: index.negative,
      seed: index.seed,
      steps: index.steps,
      guidance: index.guidance,
      scheduler: call.scheduler,
      width: call.size,
      height: call.size,
      image,
      mask,
      maskCrop: call.padding,
      ...(call.strength === undefined ? {} : { strength: call.strength }),
    };
    const { images, latentShape } = await pipeline.generate(options);
    const [picture] = images;
    expect([picture!.width, picture!.height]).toEqual([WIDTH, HEIGHT]);
    expect(latentShape[1] * pipeline.info.vaeScale).toBe(call.size);
    const expected = golden.get(call.name)!.bytes;
    const most = differences(picture!.data, expected);
    expect(most.outside).toBe(0);
    expect(most.inside).toBeLessThanOrEqual(2);
    expect((await pipeline.estimateMemory(options)).working).toBeGreaterThan(0);
  },
);

describe("what is kept", () => {
  const small = { width: 144, height: 96, steps: 2, seed: 1, scheduler: "ddim" } as const;
  let pipeline: Pipeline;
  beforeAll(async () => {
    pipeline = await Pipeline.load({ model: join(GOLDEN, "models/sd15") });
  });
  afterAll(() => pipeline.dispose());
  const own = { data: pixels(144, 96), width: 144, height: 96 };
  const boxed = { data: boxMask(144, 96), width: 144, height: 96, channels: 1 as const };

  test("outside the mask the picture stays to the byte, unless the caller wants all of the VAE's", async () => {
    const call = { ...small, image: own, mask: boxed };
    const kept = (await pipeline.generate(call)).images[0]!.data;
    const whole = (await pipeline.generate({ ...call, keepUnmasked: false })).images[0]!.data;
    expect(differences(kept, own.data, 144).outside).toBe(0);
    expect(differences(whole, own.data, 144).outside).toBeGreaterThan(0);
    expect(differences(kept, whole, 144).inside).toBe(0);
  });

  test("maskFeather softens the edge and leaves what is far from it", async () => {
    const call = { ...small, image: own, mask: boxed };
    const sharp = (await pipeline.generate(call)).images[0]!.data;
    const soft = (await pipeline.generate({ ...call, maskFeather: 2 })).images[0]!.data;
    expect(Buffer.compare(sharp, soft)).not.toBe(0);
    const at = (data: Uint8Array, x: number, y: number): number[] => [
      ...data.subarray(3 * (y * 144 + x), 3 * (y * 144 + x) + 3),
    ];
    expect(at(soft, 2, 2)).toEqual(at(own.data, 2, 2));
    const [x, y] = [(left + right) >> 1, (top + bottom) >> 1];
    expect(at(soft, x, y)).toEqual(at(sharp, x, y));
  });

  test("a black mask leaves nothing to crop to", async () => {
    const black = { data: new Uint8Array(144 * 96), width: 144, height: 96, channels: 1 as const };
    expect(await rejection(pipeline.generate({ ...small, image: own, mask: black, maskCrop: 4 }))).toMatchObject({
      code: "ERR_IPA_INVALID_OPTION",
      option: "mask",
      message: expect.stringContaining("all of it is black"),
    });
  });

  const dotted = (value: number, where: (x: number, y: number) => boolean): RawImage => ({
    data: Uint8Array.from({ length: 144 * 96 }, (_, i) => (where(i % 144, Math.floor(i / 144)) ? value : 0)),
    width: 144,
    height: 96,
    channels: 1,
  });
  test.each<[GenerateOptions, string, string]>([
    [{ maskFeather: 3 }, "maskFeather", "add mask"],
    [{ image: own, keepUnmasked: true }, "keepUnmasked", "add mask"],
    [{ image: own, mask: boxed, maskFeather: 3, keepUnmasked: false }, "maskFeather", "use keepUnmasked: true"],
    [{ image: own, mask: boxed, maskCrop: 3, keepUnmasked: false }, "keepUnmasked", "leave one of them out"],
    [{ image: own, mask: boxed, maskFill: "blur" }, "maskFill", "use a strength below 1"],
    [{ image: own, mask: boxed, maskFill: "neutral", strength: 1 }, "maskFill", "use a strength below 1"],
    [{ image: own, mask: dotted(127, () => true) }, "mask", "none of it is white"],
    // The pixel in the middle of a square of 8: no latent is painted for it.
    [{ image: own, mask: dotted(255, (x, y) => x === 20 && y === 20) }, "mask", "make it larger, or add maskCrop"],
  ])("%#: options that do not go together", async (options, option, message) => {
    expect(await rejection(pipeline.generate({ ...small, ...options }))).toMatchObject({
      option,
      message: expect.stringContaining(message),
    });
  });
});
