/** Pictures for structure controls, against OpenCV and Pillow (tools/goldens/preprocessors.py). Needs `npm run build:native`. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import sharp from "sharp";

import {
  Picture,
  type PreprocessName,
  type PreprocessOptions,
  type RawImage,
  drawFaceKeypoints,
  preprocess,
} from "../lib/index";
import { CallSite } from "../lib/native/call";
import { loadAddon } from "../lib/native/load";
import { PREPROCESSORS, PreprocessSchema } from "../lib/options/schema";
import { preprocessWith } from "../lib/preprocess";
import { runCommand } from "./support/command";
import { ROOT, rejection } from "./support/load";
import { readSafetensors } from "./support/safetensors";

interface Case {
  what: PreprocessName | "face";
  name: string;
  source: string;
  width: number;
  height: number;
  packed: boolean;
  points: [number, number][];
}

const GOLDEN = join(ROOT, "test/golden");
const { cases } = JSON.parse(readFileSync(join(GOLDEN, "preprocessors.json"), "utf8")) as { cases: Case[] };
const golden = readSafetensors(join(GOLDEN, "preprocessors.safetensors"));
const SQUARE = join(GOLDEN, "images/square-64.png");

/** A picture as OpenCV or Pillow made it. */
function expected({ name, width, height, packed }: Case): Uint8Array {
  const { bytes } = golden.get(name)!;
  if (!packed) return bytes;
  const bit = (pixel: number): number => (bytes[pixel >> 3]! >> (7 - (pixel & 7))) & 1;
  return Uint8Array.from({ length: 3 * width * height }, (_, i) => 255 * bit(Math.floor(i / 3)));
}

const sourceOf = ({ source, width, height }: Case): string | RawImage =>
  source === "" ? SQUARE : { data: golden.get(`source.${source}`)!.bytes, width, height };

const numbersOf = (one: Case): object =>
  Object.fromEntries(
    Object.keys(PreprocessSchema.properties[one.what as PreprocessName].properties).map((name) => [
      name,
      (one as unknown as Record<string, number>)[name],
    ]),
  );

const { data: ODD } = sourceOf(cases.find(({ source }) => source === "odd")!) as RawImage;
const odd = { data: ODD, width: 37, height: 53 };
const message = async (how: unknown, options: object = {}): Promise<string> =>
  (await rejection(preprocess(odd, how as PreprocessName, options))).message;

describe("preprocess()", () => {
  test.each(cases.filter(({ what }) => what !== "face").map((one) => [one.name, one] as const))(
    "%s is the reference to the byte",
    async (_, one) => {
      const made = await preprocess(sourceOf(one), { [one.what]: numbersOf(one) });
      expect([made.width, made.height]).toEqual([one.width, one.height]);
      expect(Buffer.compare(made.data, expected(one))).toBe(0);
    },
  );

  test.each(PREPROCESSORS)("a name alone stands for the defaults of the schema: %s", async (name) => {
    const { properties } = PreprocessSchema.properties[name];
    const defaults = Object.entries(properties).map(([number, rule]: [string, { default: number }]) => [
      number,
      rule.default,
    ]);
    const written = await preprocess(SQUARE, { [name]: Object.fromEntries(defaults) as object });
    expect((await preprocess(SQUARE, name)).data).toEqual(written.data);
  });

  test("the picture is resized before, and what is made is a picture for other calls", async () => {
    const resized = await preprocess(odd, { tile: { factor: 1 } }, { width: 20, height: 31 });
    const edges = await preprocess(resized, "canny");
    expect(edges).toBeInstanceOf(Picture);
    const both = await preprocess(odd, "canny", { width: 20, height: 31 });
    expect([both.width, both.height]).toEqual([20, 31]);
    expect(both.data).toEqual(edges.data);
    const { data } = await sharp(await both.toPNG())
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(Buffer.compare(data, both.data)).toBe(0);
  });

  test("wrong options are errors that name the option, the cause and the fix", async () => {
    expect(await message("depth")).toBe(
      "how.depth: not one of the preprocessors: it takes a network, which is not in this package: make the map elsewhere, and pass it as the picture",
    );
    expect(await message("gray")).toBe("how.gray: not one of the preprocessors: use grey");
    expect(await message("cany")).toBe('how.cany: not one of the preprocessors: did you mean "canny"?');
    expect(await message({ canny: { low: -1 } })).toBe(
      "how.canny.low: expected a finite number between 0 and 2040 but received -1: use 0 or more",
    );
    expect(await message({ blur: { radius: 3 } })).toBe(
      "how.blur.radius: not one of the blur options: known are sigma",
    );
    expect(await message({})).toMatch(/^how: expected one of canny, .* but received none: add one$/);
    expect(await message({ blur: {}, canny: {} })).toMatch(/ but received canny and blur: leave all but one out$/);
    expect(await message(7)).toMatch(/^how: expected an object but received 7: use a name \("canny", "invert"/);
    expect(await message(undefined)).toMatch(/^how: expected an object but received undefined: use a name/);
    expect(await message("blur", { width: 5000 })).toBe(
      "width: expected an integer between 1 and 4096 but received 5000: use 4096 or less",
    );
  });

  test("a signal stops the work while it runs", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const addon = loadAddon();
    const stopping = {
      ...addon,
      fitPicture: (...args: Parameters<typeof addon.fitPicture>) => {
        setImmediate(() => controller.abort(reason));
        return addon.fitPicture(...args);
      },
    };
    // It would take seconds.
    const options = { width: 4096, height: 4096, signal: controller.signal };
    const call = preprocessWith(stopping, odd, { blur: { sigma: 64 } }, options, new CallSite());
    expect(await rejection(call)).toBe(reason);
    expect(await rejection(preprocess(odd, "canny", { signal: AbortSignal.abort(reason) }))).toBe(reason);
  });
});

describe("drawFaceKeypoints()", () => {
  test.each(cases.filter(({ what }) => what === "face").map((one) => [one.name, one] as const))(
    "%s is what draw_kps paints",
    async (_, one) => {
      const { width, height, points } = one;
      const made = await drawFaceKeypoints(points, { width, height });
      const values = [0, 153, 255];
      const wanted = [...golden.get(one.name)!.bytes].flatMap((digits) =>
        [digits / 9, (digits / 3) % 3, digits % 3].map((digit) => values[Math.floor(digit)]!),
      );
      expect(Buffer.compare(made.data, Uint8Array.from(wanted))).toBe(0);
    },
  );

  test("wrong points are errors that say which", async () => {
    const draw = async (points: unknown, options: object = { width: 8, height: 8 }): Promise<string> =>
      (await rejection(drawFaceKeypoints(points as [number, number][], options as { width: 8; height: 8 }))).message;
    const five = Array.from({ length: 5 }, () => [1, 2]);
    expect(await draw(five.slice(1))).toBe("points: expected at least 5 entries but received 4: add 1");
    expect(await draw([...five.slice(1), [1, NaN]])).toMatch(/^points\[4\]\[1\]: expected a finite number/);
    expect(await draw(five, { width: 8 })).toMatch(/^height: expected an integer .* but it is missing: add height$/);
  });
});

describe("the command preprocess", () => {
  let folder: string;
  let out: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "preprocess-"));
    out = join(folder, "out.png");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const command = (...args: string[]): ReturnType<typeof runCommand> => runCommand(["preprocess", ...args], loadAddon);
  const pixelsOf = async (file: string): Promise<Buffer> => sharp(file).raw().toBuffer();
  const made = async (how: PreprocessName | PreprocessOptions): Promise<Uint8Array> =>
    (await preprocess(SQUARE, how)).data;

  test.each<[string[], PreprocessName | PreprocessOptions]>([
    [["--canny", "50,90"], { canny: { low: 50, high: 90 } }],
    [["--canny"], "canny"],
    [["--invert"], "invert"],
    [["--blur", "2.5"], { blur: { sigma: 2.5 } }],
    [["--grey"], "grey"],
  ])("%s", async (flags, how) => {
    expect(await command(SQUARE, out, ...flags)).toMatchObject({ code: 0, out: `${out}: 64x64\n` });
    expect(Buffer.compare(await pixelsOf(out), await made(how))).toBe(0);
  });

  test("points of a face are drawn in the size of the picture, or another", async () => {
    const points = "10,12,40,12,25,30,14,44,38,45";
    const { code, lines } = await command(SQUARE, out, "--face-keypoints", points, "--width", "80", "--json");
    expect([code, lines]).toEqual([0, [{ type: "result", file: out, width: 80, height: 64 }]]);
    const wanted = await drawFaceKeypoints(
      [
        [10, 12],
        [40, 12],
        [25, 30],
        [14, 44],
        [38, 45],
      ],
      { width: 80, height: 64 },
    );
    expect(Buffer.compare(await pixelsOf(out), wanted.data)).toBe(0);
  });

  test.each<[string[], RegExp]>([
    [[], /expected one of --canny, .*--face-keypoints: add one/],
    [["--blur", "3", "--grey"], /leave all but one out/],
    [["--canny", "100"], /--canny: expected LOW,HIGH but received "100"/],
    [["--canny", "100,x"], /--canny: expected a number but received "x"/],
    [["--blur", "99"], /--blur: expected a finite number between 0\.1 and 64 but received 99/],
    [["--face-keypoints", "1,2"], /--face-keypoints: expected 10 numbers but received 2/],
    [["--grey", "--width", "0"], /--width: expected an integer between 1 and 4096/],
  ])("%s is a mistake that is told in flags", async (flags, text) => {
    const { code, err } = await command(SQUARE, out, ...flags);
    expect(err).toMatch(text);
    expect([code, existsSync(out)]).toEqual([2, false]);
  });
});
