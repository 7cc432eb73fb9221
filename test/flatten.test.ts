/** The alpha of pictures. Needs `npm run build`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Pipeline, type ImageInput } from "../lib/index";
import { GOLDEN } from "./support/golden";
import { readSafetensors } from "./support/safetensors";

// tools/goldens/flatten.py
const FOLDER = join(GOLDEN, "flatten");
const golden = readSafetensors(join(FOLDER, "flatten.safetensors"));
const SIDE = 64;
const bytes = (name: string): Uint8Array => golden.get(name)!.bytes;

let pipeline: Pipeline;
beforeAll(async () => (pipeline = await Pipeline.load({ model: join(GOLDEN, "models/sd15") })));
afterAll(() => pipeline.dispose());

const raw = (channels: 2 | 4): ImageInput => {
  const pixels = bytes("pixels");
  const data =
    channels === 4 ? pixels : Uint8Array.from({ length: 2 * SIDE * SIDE }, (_, i) => pixels[2 * i + (i % 2)]!);
  return { data, width: SIDE, height: SIDE, channels };
};

/** The corner of the last square of pixels that a latent covers, of 8 to a side. */
const PAINTED = (SIDE - 8) * SIDE + SIDE - 8;

/** What stays of a picture of which one pixel is painted: all in front of that. */
async function kept(image: ImageInput): Promise<Uint8Array> {
  const mask = new Uint8Array(SIDE * SIDE);
  mask[PAINTED] = 255;
  const { images } = await pipeline.generate({
    image,
    mask: { data: mask, width: SIDE, height: SIDE, channels: 1 },
    steps: 1,
    guidance: 1,
  });
  return images[0]!.data.subarray(0, 3 * PAINTED);
}

function furthest(made: Uint8Array, expected: Uint8Array): number {
  return made.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
}

test.each<[string, string, () => ImageInput]>([
  ["a PNG with alpha", "rgba", () => join(FOLDER, "rgba.png")],
  ["its bytes", "rgba", () => readFileSync(join(FOLDER, "rgba.png"))],
  ["a WebP", "rgba", () => join(FOLDER, "rgba.webp")],
  ["16 bits", "rgba", () => join(FOLDER, "rgba16.png")],
  ["grey with alpha", "la", () => join(FOLDER, "la.png")],
  ["a palette with transparent colours", "p", () => join(FOLDER, "p.png")],
  ["a Blob", "p", () => new Blob([readFileSync(join(FOLDER, "p.png"))])],
  ["raw RGBA", "rgba", () => raw(4)],
])("the picture to change lies on white as by Pillow: %s", async (_, name, image) => {
  expect(furthest(await kept(image()), bytes(name))).toBeLessThanOrEqual(1);
});

test("raw grey with alpha lies on white", async () => {
  const pixels = bytes("pixels");
  const made = await kept(raw(2));
  for (let i = 0; i < PAINTED; i++) {
    // Red as grey.
    const [grey, alpha] = [pixels[4 * i]!, pixels[4 * i + 3]!];
    expect(Math.abs(made[3 * i]! - (grey * alpha + 255 * (255 - alpha)) / 255)).toBeLessThanOrEqual(1);
  }
});

test("a mask's alpha is dropped: the colour below it counts", async () => {
  const image = { data: new Uint8Array(3 * SIDE * SIDE).fill(90), width: SIDE, height: SIDE };
  const see = async (alpha: number): Promise<Uint8Array> => {
    const data = new Uint8Array(4 * SIDE * SIDE);
    for (let i = 0; i < SIDE * SIDE; i++) data.set(i % SIDE < 32 ? [255, 255, 255, alpha] : [0, 0, 0, alpha], 4 * i);
    const mask = { data, width: SIDE, height: SIDE, channels: 4 } as const;
    return (await pipeline.generate({ image, mask, steps: 1, guidance: 1, seed: 1 })).images[0]!.data;
  };
  expect(await see(0)).toEqual(await see(255));
});
