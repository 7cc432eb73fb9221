/** Decoding in tiles and what a call takes, on the native addon and the shipped model. Needs `npm run build`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { IpAdapterError, OptionError, Pipeline, type GenerateOptions, type ProgressEvent } from "../lib/index";
import { readSafetensors } from "./support/safetensors";
import { ROOT, pixels, rejection } from "./support/load";

const golden = JSON.parse(readFileSync(join(ROOT, "test/golden/tiles.json"), "utf8")) as {
  prompt: string;
  seed: number;
  width: number;
  height: number;
  steps: number;
  guidance: number;
  tile: number;
  diffusers_tiled_psnr: number;
};
const { prompt, seed, width, height, steps, guidance, tile } = golden;
const call: GenerateOptions = { prompt, seed, width, height, steps, guidance };
const large: GenerateOptions = { width: 1024, height: 1024 };

let pipeline: Pipeline;
beforeAll(async () => (pipeline = await Pipeline.load()));
afterAll(() => pipeline.dispose());

const theirs = readSafetensors(join(ROOT, "test/golden/tiles.safetensors")).get("image")!.bytes;
const errors = (ours: Uint8Array): Int16Array => Int16Array.from(ours, (value, i) => value - theirs[i]!);
const meanSquare = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value * value, 0) / values.length;

describe("decoding in tiles", () => {
  test("the whole picture is diffusers'; the tiles are nearer to it than diffusers' own tiles", async () => {
    const whole = errors((await pipeline.generate({ ...call, vaeTiling: "off" })).images[0]!.data);
    expect(whole.reduce((worst, error) => Math.max(worst, Math.abs(error)), 0)).toBeLessThanOrEqual(1);
    const tiled = errors((await pipeline.generate({ ...call, vaeTiling: "on", vaeTile: tile })).images[0]!.data);
    const psnr = 10 * Math.log10(255 ** 2 / meanSquare(tiled));
    expect(psnr).toBeGreaterThan(golden.diffusers_tiled_psnr + 2);
  });

  test("there is no seam: no column's difference to the whole picture jumps out from those beside it", async () => {
    const tiled = errors((await pipeline.generate({ ...call, vaeTiling: "on", vaeTile: 192 })).images[0]!.data);
    /** mean square of the change of the error from column x - 1 to column x */
    const jumps = Array.from({ length: width }, (_, x) => {
      const column: number[] = [];
      for (let i = 3 * Math.max(1, x); i < tiled.length; i += 3 * width)
        for (let c = i; c < i + 3; c++) column.push(tiled[c]! - tiled[c - 3]!);
      return meanSquare(column);
    });
    const outstanding: number[] = [];
    // Away from the picture's own edges, where padding shows.
    for (let x = 16; x < width - 16; x++) {
      const beside = Math.max(...jumps.slice(x - 6, x - 1), ...jumps.slice(x + 2, x + 7));
      if (jumps[x]! > 3 * beside) outstanding.push(x);
    }
    expect(outstanding).toEqual([]);
  });

  test("the same bits each time, with previews or without, and latents as without tiles", async () => {
    const on: GenerateOptions = { ...call, vaeTiling: "on", vaeTile: 128, steps: 2 };
    const [a, b, off] = [
      await pipeline.generate(on),
      await pipeline.generate({ ...on, preview: { every: 1 }, onProgress: () => undefined }),
      await pipeline.generate({ ...on, vaeTiling: "off", vaeTile: undefined }),
    ];
    expect(Buffer.compare(a.images[0]!.data, b.images[0]!.data)).toBe(0);
    expect(a.latents[0]).toEqual(off.latents[0]);
  });

  test("tiles are reported after the last step, and the call can be stopped between them", async () => {
    const events: ProgressEvent[] = [];
    const on: GenerateOptions = { ...call, vaeTiling: "on", vaeTile: 128, steps: 2 };
    await pipeline.generate({ ...on, onProgress: (event) => events.push(event) });
    expect(events.slice(0, 2).map(({ step, tile: done }) => [step, done])).toEqual([
      [1, undefined],
      [2, undefined],
    ]);
    const { tiles } = events[2]!;
    expect(tiles).toBeGreaterThan(4);
    expect(events.slice(2).map((event) => [event.step, event.tile])).toEqual(
      Array.from({ length: tiles! }, (_, i) => [2, i + 1]),
    );
    const controller = new AbortController();
    const stopped = pipeline.generate({
      ...on,
      signal: controller.signal,
      onProgress: (event) => event.tile === 1 && controller.abort("enough"),
    });
    expect(await rejection(stopped)).toBe("enough");
  });
});

describe("estimateMemory", () => {
  test("weights are those of info, and the rest follows size, number and tiles", async () => {
    const small = await pipeline.estimateMemory();
    expect(small).toEqual({
      weights: pipeline.info.memoryBytes,
      working: expect.any(Number),
      total: small.weights + small.working,
      tiled: false,
      devices: {},
    });
    const whole = await pipeline.estimateMemory({ ...large, vaeTiling: "off" });
    const tiled = await pipeline.estimateMemory({ ...large, vaeTiling: "on" });
    expect(whole.working).toBeGreaterThan(20 * small.working);
    expect([whole.tiled, tiled.tiled]).toEqual([false, true]);
    expect(tiled.working).toBeLessThan(whole.working / 2);
    const four = await pipeline.estimateMemory({ ...large, vaeTiling: "off", count: 4 });
    // One arena for all; only results add up.
    expect(four.working - whole.working).toBeLessThan(whole.working / 4);
    const image = { data: pixels(8, 8), width: 8, height: 8 };
    expect((await pipeline.estimateMemory({ imagePrompts: [{ image }] })).working).toBeGreaterThanOrEqual(
      small.working,
    );
  });

  test("a budget makes tiles where they help, and is kept", async () => {
    const whole = await pipeline.estimateMemory({ ...large, vaeTiling: "off" });
    const tiled = await pipeline.estimateMemory({ ...large, vaeTiling: "on" });
    expect(await pipeline.estimateMemory({ ...large, memoryBudget: whole.total })).toEqual(whole);
    expect(await pipeline.estimateMemory({ ...large, memoryBudget: whole.total - 1 })).toEqual(tiled);
    const smallest = await pipeline.estimateMemory({ ...large, vaeTiling: "on", vaeTile: 256 });
    expect(smallest.total).toBeLessThan(tiled.total);
    expect(await pipeline.estimateMemory({ ...large, memoryBudget: tiled.total - 1 })).toEqual(smallest);
    const error = await rejection(pipeline.generate({ ...large, memoryBudget: smallest.total - 1 }));
    expect(error).toBeInstanceOf(IpAdapterError);
    expect(error).toMatchObject({
      code: "ERR_IPA_NO_MEMORY",
      message: expect.stringMatching(/memoryBudget: \d+ MB are needed/),
    });
    const tiny = await rejection(pipeline.generate({ ...large, memoryBudget: 1000 }));
    expect(tiny.message).toContain("but 1 KB allowed");
  });

  test("bad values are refused as generate() refuses them", async () => {
    expect(await rejection(pipeline.estimateMemory({ width: 100 }))).toBeInstanceOf(OptionError);
    expect(await rejection(pipeline.estimateMemory({ vaeTile: 256, vaeTiling: "off" }))).toMatchObject({
      option: "vaeTile",
      message: expect.stringContaining("leave one of them out"),
    });
    expect(await rejection(pipeline.estimateMemory({ vaeTile: 260 }))).toMatchObject({
      option: "vaeTile",
      message: expect.stringContaining("256 or 264"),
    });
    expect(await rejection(pipeline.estimateMemory({ onProgress: () => 0 } as never))).toMatchObject({
      code: "ERR_IPA_UNKNOWN_OPTION",
    });
    const other = await Pipeline.load();
    await other.dispose();
    expect(await rejection(other.estimateMemory())).toMatchObject({ code: "ERR_IPA_DISPOSED" });
  });
});
