/** Several calls in one, and prompt files, grids and contact sheets of the command line. Needs `npm run build`. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import sharp from "sharp";

import { BatchError, Pipeline, readMetadata, type BatchProgressEvent, type GenerateOptions } from "../lib/index";
import { batchItems, parseAxis, sheetLabels } from "../lib/cli/batch";
import { wrapLabel } from "../lib/image/label";
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
    [["--grid", "count=1,2"], "--grid: count: each call makes one picture: use --grid seed=1,2,3"],
    [["--grid", "seed=1", "--grid", "seed=2"], "--grid: seed is there twice: write all its values in one"],
    [["--grid", "seed=1,2", "--seed", "3"], "--seed: --grid seed=… has its values: leave one of them out"],
    [["--prompt", "a", "--prompts", "none.txt"], "--prompt: --prompts FILE has the prompts of all calls"],
    [["--grid", "guidance=1,101"], "guidance: expected a finite number between 0 and 100 but received 101"],
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
    const all = `${Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join("")}…`;
    const forms = new Set(Array.from(all, (letter) => Buffer.from(drawText([letter], 1).rgb).toString("hex")));
    expect(forms.size).toBe(all.length);
    expect(drawText(["a漢é"], 2)).toEqual(drawText(["a?e"], 2));
    // The left stroke, the crossbar and the right stroke of an H.
    const { rgb, width } = drawText(["H"], 1);
    const rows = Array.from({ length: 7 }, (_, y) =>
      Array.from({ length: 5 }, (_, x) => (rgb[3 * (y * width + x)] === 40 ? "#" : ".")).join(""),
    );
    expect(rows).toEqual(["#...#", "#...#", "#...#", "#####", "#...#", "#...#", "#...#"]);
  });

  test.each<[string, number, string[]]>([
    ["scheduler dpm++2m_sde", 11, ["scheduler", "dpm++2m_sde"]],
    ["image-guidance -1.5", 10, ["image-", "guidance", "-1.5"]],
    ["scale 0.4", 10, ["scale 0.4"]],
    ["a red apple on a white plate, in the morning", 12, ["a red apple", "on a white", "plate, in…"]],
    ["Donaudampfschiff", 10, ["Donaudampf", "schiff"]],
    ["", 10, []],
  ])("%j in lines of %d letters", (text, letters, lines) => {
    expect(wrapLabel(text, letters, 3)).toEqual(lines);
  });

  test("columns are as wide as the words above them", async () => {
    const image = new GeneratedImage(new Uint8Array(3 * 128 * 128).fill(255), 128, 128, 1);
    const names = ["scheduler euler", "scheduler dpm++2m_sde"];
    const sheet = await drawSheet({ rows: [""], columns: names, images: [image, image] }, "png");
    const { width } = await sharp(sheet).metadata();
    const [pitch, letter] = [(width - 8) / 2, 12];
    expect(pitch).toBe("dpm++2m_sde".length * letter + 8);
    // The value is there to its last letter, in the second line.
    const { rgb, ...size } = drawText(["scheduler", "dpm++2m_sde"], 2);
    const written = await sharp(sheet)
      .extract({ left: 8 + pitch, top: 8, ...size })
      .raw()
      .toBuffer();
    expect(written.equals(rgb)).toBe(true);
  });

  test("a thousand rows with labels stay as high as other programs read", async () => {
    const image = new GeneratedImage(new Uint8Array(3), 1, 1, 1);
    const rows = Array.from({ length: 1024 }, (_, i) => `seed ${i}`);
    const sheet = await drawSheet({ rows, columns: [""], images: rows.map(() => image) }, "png");
    expect((await sharp(sheet).metadata()).height).toBeLessThan(16_384);
  });

  test("a row says the values first and the prompt last", () => {
    const grid = [parseAxis("scale=0.4"), parseAxis("seed=1,2")];
    const items = batchItems({ imagePrompts: [{ image: picture }] }, ["a red apple"], grid);
    expect(sheetLabels(items, grid)).toEqual({ rows: ["scale 0.4, a red apple"], columns: ["seed 1", "seed 2"] });
    const alone = batchItems({}, ["a red apple", "a cup"], []);
    expect(sheetLabels(alone, [])).toEqual({ rows: ["a red apple", "a cup"], columns: [""] });
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
