/** Pictures shrink to what the engine needs while they are read, and nothing of what it computes changes. Needs `npm run build:native`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Pipeline } from "../lib/index";
import { loadRequest } from "../lib/load-request";
import type { NativeImage, NativePipeline } from "../lib/native/contract";
import { loadAddon } from "../lib/native/load";
import { FakeAddon } from "./support/fake-addon";
import { ROOT, loadFake, pixels } from "./support/load";
import { readSafetensors } from "./support/safetensors";

const GOLDEN = join(ROOT, "test/golden");
// tools/goldens: transformers' CLIPImageProcessor
interface Resize {
  source: string;
  output: string;
  width: number;
  height: number;
  size: number;
}
const { cases } = JSON.parse(readFileSync(join(GOLDEN, "clip_resize.json"), "utf8")) as { cases: Resize[] };
const golden = readSafetensors(join(GOLDEN, "clip_resize.safetensors"));
const bytesOf = (tensor: string): Uint8Array => golden.get(tensor)!.bytes;

const fit = (data: Uint8Array, { width, height, size }: Resize): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    loadAddon().fitPicture({ data, width, height, layout: "rgb" }, { size }, (error, rgb) =>
      error === null ? resolve(new Uint8Array(rgb!)) : reject(new Error(error.message)),
    );
  });

test("fitted pictures are those of CLIPImageProcessor, but for a few roundings", async () => {
  let [differ, all, largest] = [0, 0, 0];
  for (const one of cases) {
    const wanted = bytesOf(one.output);
    const made = await fit(bytesOf(one.source), one);
    expect(made).toHaveLength(wanted.length);
    wanted.forEach((value, i) => {
      largest = Math.max(largest, Math.abs(value - made[i]!));
      if (value !== made[i]) differ++;
    });
    all += wanted.length;
  }
  expect(largest).toBeLessThanOrEqual(1);
  expect(differ / all).toBeLessThan(0.01);
});

test("features keep their bits: of the whole picture by the engine, and of the fitted one", async () => {
  await using pipeline = await Pipeline.load();
  const native = await new Promise<NativePipeline>((resolve) =>
    loadAddon().load(loadRequest({}), (_error, value) => resolve(value!)),
  );
  const whole = (image: NativeImage): Promise<Float32Array> =>
    new Promise((resolve) => native.encodeImage(image, 0, (_error, floats) => resolve(new Float32Array(floats!))));
  for (const [width, height] of [
    [64, 64],
    [300, 100],
    [50, 400],
    [7, 9],
  ] as const) {
    const data = pixels(width, height);
    const embeds = await pipeline.encodeImage({ data, width, height });
    expect(new Float32Array(embeds)).toEqual(await whole({ rgb: data, width, height }));
  }
  await new Promise<void>((resolve) => native.close(() => resolve()));
});

test("each adapter gets its pictures in the size of its own encoder; the source picture and its mask in that of the result", async () => {
  const addon = new FakeAddon();
  addon.info.task = "inpainting";
  addon.info.adapters.push(
    { ...addon.info.adapters[0]!, imageSize: 224 },
    { ...addon.info.adapters[0]!, variant: "faceid_plus", faceSize: 512, imageSize: 336 },
  );
  const { pipeline } = await loadFake(addon);
  const image = { data: pixels(500, 400), width: 500, height: 400 };
  const faceEmbeds = new Float32Array(512);
  await pipeline.generate({
    steps: 1,
    width: 128,
    height: 96,
    image,
    mask: image,
    imagePrompts: [{ image }, { image, adapter: 1 }, { image, adapter: 2, faceEmbeds }],
  });
  const { branches, ...request } = addon.requests[0]!;
  expect(branches.map(({ images }) => images.map(({ width, height, rgb }) => [width, height, rgb!.length]))).toEqual(
    [64, 224, 336].map((size) => [[size, size, 3 * size * size]]),
  );
  for (const picture of [request.image!, request.mask!])
    expect([picture.width, picture.height, picture.rgb!.length]).toEqual([128, 96, 3 * 128 * 96]);
});

test("what is fitted is given up when it is large, never a part of another buffer", async () => {
  const large = pixels(800, 800);
  const part = new Uint8Array(large.length + 8).subarray(8);
  const one = { source: "", output: "", width: 800, height: 800, size: 16 };
  await fit(large, one);
  await fit(part, one);
  expect([large.length, part.length]).toEqual([0, 3 * 800 * 800]);
});

test("the addon refuses what does not fit together", () => {
  const addon = loadAddon();
  const nothing = (): void => undefined;
  const data = pixels(4, 4);
  for (const [picture, size] of [
    [{ data, width: 5, height: 4, layout: "rgb" }, { size: 8 }],
    [{ data, width: 4, height: 4, layout: "rgba" }, { size: 8 }],
    [{ data, width: 4, height: 4, layout: "hsv" }, { size: 8 }],
    [{ data: [1, 2], width: 4, height: 4, layout: "rgb" }, { size: 8 }],
    [{ data, width: 4, height: 4, layout: "rgb" }, { size: 0 }],
    [
      { data, width: 4, height: 4, layout: "rgb" },
      { width: 1e9, height: 1 },
    ],
    [
      {
        data,
        get width() {
          structuredClone(data, { transfer: [data.buffer as ArrayBuffer] });
          return 4;
        },
        height: 4,
        layout: "rgb",
      },
      { size: 8 },
    ],
    [{ data: new Uint8Array(0), width: 0, height: 0, layout: "rgb" }, { size: 8 }],
  ]) {
    expect(() => addon.fitPicture(picture as never, size as never, nothing)).toThrow();
  }
});
