import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import sharp from "sharp";

import { GeneratedImage } from "../lib/generated-image";
import { CallPictures, pictureRules } from "../lib/image/rules";
import { PictureSnapshot } from "../lib/image/snapshot";
import { CallSite } from "../lib/native/call";
import { loadAddon } from "../lib/native/load";
import { decodeOwnSize } from "./support/decode";
import { ROOT, pixels, rejection } from "./support/load";

// tools/goldens/images.py: diffusers' load_image, which is PIL
const folder = join(ROOT, "test/golden/images");
const expected = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Record<
  string,
  { width: number; height: number; rgb?: string; sha256?: string }
>;
const decode = (input: unknown): ReturnType<typeof decodeOwnSize> => decodeOwnSize(input);

let scratch: string;
beforeAll(() => (scratch = mkdtempSync(join(tmpdir(), "image-"))));
afterAll(() => rmSync(scratch, { recursive: true }));

describe("decoding equals PIL's", () => {
  test.each(Object.keys(expected))("%s", async (name) => {
    const { width, height, rgb } = await decode(join(folder, name));
    expect([width, height]).toEqual([expected[name]!.width, expected[name]!.height]);
    if (expected[name]!.rgb !== undefined)
      expect(Buffer.from(rgb).equals(Buffer.from(expected[name]!.rgb, "base64"))).toBe(true);
    else expect(createHash("sha256").update(rgb).digest("hex")).toBe(expected[name]!.sha256);
  });

  test("a path, a file URL, a Buffer, a Uint8Array and an ArrayBuffer are one picture", async () => {
    const file = join(folder, "rgb.png");
    const bytes = readFileSync(file);
    const view = new Uint8Array([0, ...bytes, 0]).subarray(1, bytes.length + 1);
    const inputs = [file, pathToFileURL(file), bytes, view, view.slice().buffer];
    for (const input of inputs)
      expect(Buffer.from((await decode(input)).rgb).toString("base64")).toBe(expected["rgb.png"]!.rgb);
  });

  test("AVIF, and CMYK JPEG with a profile, decode to RGB", async () => {
    const red = sharp({ create: { width: 32, height: 16, channels: 3, background: "#ff0000" } });
    for (const bytes of [
      await red.clone().avif({ quality: 90 }).toBuffer(),
      await red.clone().toColourspace("cmyk").withIccProfile("cmyk").jpeg().toBuffer(),
    ]) {
      const { rgb, width, height } = await decode(bytes);
      expect([width, height, rgb.length]).toEqual([32, 16, 32 * 16 * 3]);
      expect(rgb[0]).toBeGreaterThan(200);
      expect(rgb[1]).toBeLessThan(60);
    }
  });
});

describe("bounds", () => {
  const blank = (width: number, height: number): Promise<Buffer> =>
    sharp({ create: { width, height, channels: 3, background: "#808080" } })
      .png()
      .toBuffer();

  test("maxPixels of one picture, and twice that of a call's pictures together", async () => {
    const rules = pictureRules({ maxPixels: 10_000 });
    const pictures = new CallPictures(rules);
    const fitter = { addon: loadAddon(), site: new CallSite() };
    const fit = (input: unknown): Promise<unknown> =>
      new PictureSnapshot(input, "image", pictures).fit(fitter, () => ({ size: 8 }), undefined);
    expect(await rejection(decodeOwnSize(await blank(101, 100), undefined, rules))).toMatchObject({
      code: "ERR_IPA_IMAGE_LIMIT",
      message: expect.stringContaining("0.01 megapixels"),
    });
    await fit(await blank(100, 100));
    await fit({ data: pixels(90, 100), width: 90, height: 100 });
    expect(await rejection(fit(await blank(11, 100)))).toMatchObject({
      code: "ERR_IPA_IMAGE_LIMIT",
      message: expect.stringContaining("together"),
    });
    expect(() => new PictureSnapshot({ data: pixels(100, 100), width: 100, height: 100 }, "image", pictures)).toThrow(
      /together/,
    );
  });

  test("encoded bytes of a call together", () => {
    const pictures = new CallPictures();
    const most = new Uint8Array(20 * 1024 * 1024);
    const take = (): unknown => new PictureSnapshot(most, "image", pictures);
    for (let i = 0; i < 12; i++) take();
    expect(take).toThrow(
      expect.objectContaining({
        code: "ERR_IPA_IMAGE_LIMIT",
        message: expect.stringContaining("268435456 encoded bytes together"),
      }),
    );
  });
});

describe("raw pixels", () => {
  test("grey, RGB and RGBA", async () => {
    const rgba = pixels(3, 2, 4);
    const rgb = rgba.filter((_, i) => i % 4 !== 3);
    expect((await decode({ data: rgba, width: 3, height: 2, channels: 4 })).rgb).toEqual(rgb);
    expect((await decode({ data: rgb, width: 3, height: 2 })).rgb).toEqual(rgb);
    expect((await decode({ data: new Uint8ClampedArray([9, 8]), width: 2, height: 1, channels: 1 })).rgb).toEqual(
      new Uint8Array([9, 9, 9, 8, 8, 8]),
    );
  });

  test("writes after the call do not reach the picture", async () => {
    const bytes = readFileSync(join(folder, "rgb.png"));
    const data = pixels(4, 4);
    const raw = { data, width: 4, height: 4 };
    const before = data.slice();
    const [encoded, plain] = [decode(bytes), decode(raw)];
    bytes.fill(0);
    data.fill(0);
    raw.width = 1;
    expect(Buffer.from((await encoded).rgb).toString("base64")).toBe(expected["rgb.png"]!.rgb);
    expect((await plain).rgb).toEqual(before);
  });
});

describe("writing", () => {
  const image = new GeneratedImage(pixels(16, 8), 16, 8, 42);

  test("PNG and lossless WebP keep every byte", async () => {
    for (const bytes of [await image.toPNG(), await image.toBuffer("webp", { lossless: true })]) {
      expect((await decode(bytes)).rgb).toEqual(image.data);
    }
  });

  test("the format follows the argument or the extension", async () => {
    const formats = async (bytes: Buffer): Promise<string | undefined> => (await sharp(bytes).metadata()).format;
    expect(await formats(await image.toJPEG({ quality: 50 }))).toBe("jpeg");
    expect(await formats(await image.toBuffer("jpg"))).toBe("jpeg");
    for (const [name, format] of [
      ["a.png", "png"],
      ["b.JPG", "jpeg"],
      ["c.jpeg", "jpeg"],
      ["d.webp", "webp"],
    ] as const) {
      await image.toFile(join(scratch, name));
      expect(await formats(readFileSync(join(scratch, name)))).toBe(format);
    }
    await image.toFile(pathToFileURL(join(scratch, "e.png")));
    expect(readdirSync(scratch).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("a failure leaves the old file and no other", async () => {
    const file = join(scratch, "kept.png");
    writeFileSync(file, "old");
    expect(await rejection(image.toFile(file, { compressionLevel: 11 }))).toMatchObject({
      code: "ERR_IPA_INVALID_OPTION",
    });
    expect(readFileSync(file, "utf8")).toBe("old");
    expect(await rejection(image.toFile(join(scratch, "no", "folder.png")))).toMatchObject({
      code: "ERR_IPA_NOT_FOUND",
    });
    expect(await rejection(image.toFile(join(scratch, "x.bmp")))).toMatchObject({
      code: "ERR_IPA_INVALID_OPTION",
      option: "path",
    });
    expect(await rejection(image.toBuffer("tiff" as "png"))).toMatchObject({
      code: "ERR_IPA_INVALID_OPTION",
      option: "format",
    });
    expect(readdirSync(scratch).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});
