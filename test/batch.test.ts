/** Several calls in one, and prompt files, grids and contact sheets of the command line. Needs `npm run build:all`. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import sharp from "sharp";

import { BatchError, Pipeline, readMetadata, type BatchProgressEvent, type GenerateOptions } from "../lib/index";
import { drawText } from "../lib/image/letters";
import { drawSheet } from "../lib/image/sheet";
import { loadAddon } from "../lib/native/load";
import { GeneratedImage } from "../lib/generated-image";
import { runCommand } from "./support/command";
import { ROOT, pixels, rejection } from "./support/load";

const folder = mkdtempSync(join(tmpdir(), "batch-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const picture = join(ROOT, "test/golden/images/rgb.png");

let pipeline: Pipeline;
beforeAll(async () => (pipeline = await Pipeline.load()));
afterAll(() => pipeline.dispose());

const ITEMS: GenerateOptions[] = [
  { prompt: "a red apple", seed: 1, steps: 2, imagePrompts: [{ image: picture, scale: 0.5 }] },
  { prompt: "a blue hat", seed: 2, steps: 3, scheduler: "euler_a", guidance: 3 },
  { prompt: "a cup", seed: 3, steps: 1, imagePrompts: [{ image: { data: pixels(20, 10), width: 20, height: 10 } }] },
];

test("item i is what generate() makes of it alone", async () => {
  const alone = [];
  for (const item of ITEMS) alone.push((await pipeline.generate(item)).images[0]!.data);
  const batch = await pipeline.generateBatch(ITEMS);
  expect(batch.map(({ seeds }) => seeds)).toEqual([[1], [2], [3]]);
  expect(batch.map(({ images }) => images[0]!.data)).toEqual(alone);
  const turned = await pipeline.generateBatch([...ITEMS].reverse());
  expect(turned.map(({ images }) => images[0]!.data)).toEqual([...alone].reverse());
});

test("pictures carry their own item's settings", async () => {
  const batch = await pipeline.generateBatch([{ prompt: "one", seed: 4, steps: 1 }, "two"]);
  const settings = await Promise.all(
    batch.map(async ({ images }) => (await readMetadata(await images[0]!.toPNG())).settings),
  );
  expect(settings.map((one) => one!.generate.prompt)).toEqual(["one", "two"]);
});

test("progress names the item", async () => {
  const events: BatchProgressEvent[] = [];
  await pipeline.generateBatch(ITEMS, { onProgress: (event) => events.push(event) });
  expect(events.map(({ item, step, total, items }) => [item, step, total, items])).toEqual([
    [0, 1, 2, 3],
    [0, 2, 2, 3],
    [1, 1, 3, 3],
    [1, 2, 3, 3],
    [1, 3, 3, 3],
    [2, 1, 1, 3],
  ]);
});

test("all items are checked before the first runs", async () => {
  const before = pipeline.pending;
  const error = await rejection(pipeline.generateBatch([{ steps: 1 }, { steps: 0 }]));
  expect(error).toMatchObject({ name: "OptionError", code: "ERR_IPA_INVALID_OPTION", option: "items[1].steps" });
  expect(error.message).toMatch(/^items\[1\]\.steps: expected an integer/);
  expect(pipeline.pending).toBe(before);
  expect(await rejection(pipeline.generateBatch([]))).toMatchObject({ option: "items" });
  expect(await rejection(pipeline.generateBatch("a" as never))).toMatchObject({ option: "items" });
  expect(await rejection(pipeline.generateBatch([{ onProgress: () => undefined }]))).toMatchObject({
    option: "items[0].onProgress",
    message: expect.stringContaining("pass it as generateBatch(items, { signal, onProgress })"),
  });
});

test("an item that fails names itself and hands over what is done", async () => {
  const missing = { image: join(folder, "none.png") };
  const error: unknown = await rejection(pipeline.generateBatch([ITEMS[0]!, { imagePrompts: [missing] }, ITEMS[2]!]));
  if (!(error instanceof BatchError)) throw error;
  expect(error).toMatchObject({ name: "BatchError", code: "ERR_IPA_NOT_FOUND", item: 1 });
  expect(error.message).toMatch(/^items\[1\]: imagePrompts\[0\]\.image/);
  expect(error.results.map(({ seeds }) => seeds)).toEqual([[1]]);
});

test("a signal stops it, between items and in one; what onProgress throws ends it", async () => {
  const controller = new AbortController();
  const seen: number[] = [];
  const onProgress = ({ item }: BatchProgressEvent): void => {
    seen.push(item);
    if (item === 1) controller.abort(new Error("enough"));
  };
  const error = await rejection(pipeline.generateBatch(ITEMS, { signal: controller.signal, onProgress }));
  expect(error).toMatchObject({ message: "enough" });
  expect(seen).not.toContain(2);
  const thrown = pipeline.generateBatch(ITEMS, {
    onProgress: () => {
      throw new Error("no more");
    },
  });
  expect(await rejection(thrown)).toMatchObject({ message: "no more" });
});

describe("on the command line", () => {
  const cli = (...args: string[]): ReturnType<typeof runCommand> =>
    runCommand(["generate", "--steps", "1", ...args], loadAddon);

  test("a grid of scales and seeds, with a sheet", async () => {
    const sheet = join(folder, "sheet.png");
    const { code, out } = await cli(
      ...["--image-prompt", picture, "--grid", "scale=0.4,1", "--grid", "seed=1,2,3"],
      ...["--output", join(folder, "grid.png"), "--sheet", sheet],
    );
    expect(code).toBe(0);
    expect(out.trim().split("\n")).toHaveLength(7);
    const made = await Promise.all(
      [1, 2, 3, 4, 5, 6].map(async (i) => (await readMetadata(join(folder, `grid-${i}.png`))).settings!.generate),
    );
    expect(
      made.map(({ seed, imagePrompts }) => [seed, (imagePrompts as unknown as { scale: number }[])[0]!.scale]),
    ).toEqual([
      [1, 0.4],
      [2, 0.4],
      [3, 0.4],
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
    const { width, height } = await sharp(sheet).metadata();
    expect([width, height]).toEqual([8 + 3 * 136, 8 + 24 + 2 * (24 + 136)]);
    // Each picture lies where its row and column meet.
    for (const [i, left, top] of [
      [1, 8, 56],
      [6, 8 + 2 * 136, 56 + 160],
    ] as const) {
      const part = await sharp(sheet).extract({ left, top, width: 128, height: 128 }).raw().toBuffer();
      expect(
        part.equals(
          await sharp(join(folder, `grid-${i}.png`))
            .raw()
            .toBuffer(),
        ),
      ).toBe(true);
    }
  });

  test("a file of prompts", async () => {
    const prompts = join(folder, "prompts.txt");
    writeFileSync(prompts, "# two\na red apple\n\r\na blue hat\r\n");
    const output = join(folder, "prompt.webp");
    expect((await cli("--prompts", prompts, "--seed", "5", "--output", output)).code).toBe(0);
    const files = readdirSync(folder).filter((name) => name.startsWith("prompt-"));
    expect(files).toEqual(["prompt-1.webp", "prompt-2.webp"]);
    const { settings } = await readMetadata(join(folder, "prompt-2.webp"));
    expect(settings!.generate).toMatchObject({ prompt: "a blue hat", seed: 5 });
  });

  test.each([
    [["--grid", "size=1"], "--grid: expected NAME=VALUE,VALUE with scale, or an option"],
    [["--grid", "prompt=a,b"], "--grid: expected NAME=VALUE,VALUE"],
    [["--grid", "seed=1,x"], '--grid: expected a number but received "x"'],
    [["--grid", "scale=1,2"], "--grid: scale is that of image prompts, and there are none"],
    [["--grid", "steps=0,1"], "steps: expected an integer between 1 and 1000 but received 0"],
    [["--grid", `seed=${"1,".repeat(1100)}1`], "expected at most 1024 pictures but it makes 1101"],
    [["--prompts", "none.txt"], "--prompts: "],
    [["--prompts", join(ROOT, "examples/images/red-apple.png")], "--prompts: expected a text file in UTF-8"],
    [["--sheet", "sheet.gif"], "--sheet: expected a name ending in .png, .jpg or .webp"],
    [["--sheet", "a.png", "--count", "2"], "--sheet: expected one picture per call"],
    [["--grid", "seed=1,2", "--save-latents", "a.safetensors"], "--save-latents: expected one call"],
  ])("%j is refused", async (args, message) => {
    const { code, err } = await cli(...args, "--output", join(folder, "x.png"));
    expect(code).toBeGreaterThan(0);
    expect(err).toContain(message);
  });
});

describe("sheets", () => {
  test("letters have their own forms, and others a question mark", () => {
    const all = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-+.,:=_/#()%? ";
    const forms = new Set(Array.from(all, (letter) => Buffer.from(drawText(letter, 1).rgb).toString("hex")));
    expect(forms.size).toBe(all.length);
    expect(drawText("a漢", 2)).toEqual(drawText("A?", 2));
    // The left stroke, the crossbar and the right stroke of an H.
    const { rgb, width } = drawText("H", 1);
    const rows = Array.from({ length: 7 }, (_, y) =>
      Array.from({ length: 5 }, (_, x) => (rgb[3 * (y * width + x)] === 40 ? "#" : ".")).join(""),
    );
    expect(rows).toEqual(["#...#", "#...#", "#...#", "#####", "#...#", "#...#", "#...#"]);
  });

  test("pictures of unequal and large size fit", async () => {
    const image = (width: number, height: number): GeneratedImage =>
      new GeneratedImage(new Uint8Array(3 * width * height), width, height, 1);
    const sheet = await drawSheet(
      { rows: [""], columns: ["a", ""], images: [image(1024, 64), image(16, 2048)] },
      "png",
    );
    expect(await sharp(sheet).metadata()).toMatchObject({ width: 8 + 2 * (256 + 8), height: 32 + 512 + 8 });
  });
});
