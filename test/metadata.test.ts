/** Pictures carry their settings, which make them again; other readers find them. Needs `npm run build`. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";

import sharp from "sharp";

import { GeneratedImage, inspect, Pipeline, readMetadata, type OutputFormat } from "../lib/index";
import { loadAddon } from "../lib/native/load";
import { contentHash } from "../lib/metadata/content-hash";
import { exifBlock, readExif, withJpegExif } from "../lib/metadata/exif";
import { textsOf, withTexts } from "../lib/metadata/png-text";
import { runCommand } from "./support/command";
import { MINI, ROOT, rejection } from "./support/load";

const folder = mkdtempSync(join(tmpdir(), "metadata-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string): string => join(folder, name);
const sha256 = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex");

const picture = path("reference.png");
const PROMPT = "a red apple, naïve — 漢字";
let pipeline: Pipeline;
let image: GeneratedImage;
beforeAll(async () => {
  cpSync(join(ROOT, "test/golden/images/rgb.png"), picture);
  pipeline = await Pipeline.load();
  const result = await pipeline.generate({
    prompt: PROMPT,
    negativePrompt: "blue",
    imagePrompts: [{ image: picture, scale: 0.7 }],
    scheduler: "euler_a",
    sigmas: "sgm_uniform",
    steps: 3,
    guidance: 4,
    seed: 11,
    count: 2,
  });
  image = result.images[1]!;
});
afterAll(() => pipeline.dispose());

const PARAMETERS = `${PROMPT}\nNegative prompt: blue\nSteps: 3, Sampler: Euler a, Schedule type: SGM Uniform, CFG scale: 4, Seed: 12, Size: 128x128, Version: node-ip-adapter 0.1.0`;

test("what is no regular file has no hash, and is not waited for", async () => {
  const pipe = path("pipe");
  const places = process.platform === "win32" ? [] : [(execFileSync("mkfifo", [pipe]), pipe), "/dev/zero"];
  expect(await Promise.all(places.map((place) => contentHash(place)))).toEqual(places.map(() => undefined));
  expect(await contentHash(picture)).toBe(sha256(picture));
  for (const place of places) {
    expect(await rejection(readMetadata(place))).toMatchObject({ code: "ERR_IPA_IO" });
    await rejection(inspect(place));
  }
});

test("a hash that nobody waits for loads nothing once it has begun: a test runner would fail the tests it outlives", () => {
  const script = `
    const { Module } = require("node:module");
    const { contentHash } = require(${JSON.stringify(join(ROOT, "dist/metadata/content-hash.js"))});
    const begun = [${JSON.stringify(picture)}, ${JSON.stringify(MINI)}].map((place) => contentHash(place));
    const loadedLate = [];
    const load = Module.prototype.require;
    Module.prototype.require = function (name) { loadedLate.push(name); return load.call(this, name); };
    Promise.all(begun).then((hashes) => console.log(JSON.stringify({ hashes, loadedLate })));`;
  const printed = execFileSync(process.execPath, ["-e", script], { encoding: "utf8" });
  expect(JSON.parse(printed)).toEqual({
    hashes: [sha256(picture), expect.stringMatching(/^[0-9a-f]{64}$/)],
    loadedLate: [],
  });
});

test.each(["png", "jpeg", "webp"] as const)("a %s has the settings of its picture", async (format: OutputFormat) => {
  const bytes = await image.toBuffer(format);
  const { parameters, settings, format: read } = await readMetadata(bytes);
  expect(read).toBe(format);
  expect(parameters).toBe(PARAMETERS);
  expect(settings).toEqual({
    library: "0.1.0",
    load: {},
    generate: {
      prompt: PROMPT,
      negativePrompt: "blue",
      imagePrompts: [{ image: picture, scale: 0.7 }],
      scheduler: "euler_a",
      sigmas: "sgm_uniform",
      steps: 3,
      guidance: 4,
      seed: 12,
      width: 128,
      height: 128,
    },
    files: [{ option: "imagePrompts[0].image", path: picture, sha256: sha256(picture) }],
  });
  const again = await pipeline.generate(settings!.generate);
  expect(again.images[0]!.data).toEqual(image.data);
});

test("the pixels of the files are those of files without settings", async () => {
  const plain = new GeneratedImage(image.data, image.width, image.height, image.seed);
  for (const [format, options] of [["png"], ["jpeg"], ["webp", { lossless: true }]] as const) {
    const decode = async (one: GeneratedImage): Promise<Buffer> =>
      sharp(await one.toBuffer(format, options))
        .raw()
        .toBuffer();
    expect(await decode(image)).toEqual(await decode(plain));
  }
});

test("libvips reads EXIF of JPEG and WebP", async () => {
  for (const format of ["jpeg", "webp"] as const) {
    const { exif } = await sharp(await image.toBuffer(format)).metadata();
    const block = exif!.toString("latin1", 0, 4) === "Exif" ? exif!.subarray(6) : exif!;
    expect(readExif(block).comment).toBe(PARAMETERS);
  }
});

test("metadata: false leaves them out", async () => {
  const { images } = await pipeline.generate({ steps: 1, metadata: false });
  for (const format of ["png", "jpeg", "webp"] as const)
    expect(await readMetadata(await images[0]!.toBuffer(format))).toEqual({ format });
});

test("inspect() shows them, in the API and on the command line", async () => {
  await image.toFile(path("shown.png"));
  const inspection = await inspect(path("shown.png"));
  expect(inspection).toMatchObject({ kind: "picture", format: "png", metadata: { parameters: PARAMETERS } });
  const shown = await runCommand(["inspect", path("shown.png")], loadAddon);
  expect(shown.out).toContain(PARAMETERS);
  expect(shown.out).toContain(`imagePrompts[0].image: ${picture} (sha256 ${sha256(picture)})`);
  expect(shown.out).toContain(`image prompt 1: ${picture}, scale 0.7`);
  cpSync(join(ROOT, "test/golden/images/rgb.png"), path("plain.png"));
  expect((await runCommand(["inspect", path("plain.png")], loadAddon)).out).toContain("no settings in it");
});

test("inspect says in plain words how much each thing counts", async () => {
  const { images } = await pipeline.generate({
    prompt: "a cat",
    steps: 2,
    seed: 1,
    strength: 0.6,
    width: 128,
    height: 128,
    image: picture,
    hires: { scale: 1.5 },
    imagePrompts: [
      { image: picture, scale: { up: { block_1: [0, 0.5] } }, curve: [[0, 0], [1, 1]] }, // prettier-ignore
      { image: readFileSync(picture), fit: "pad" },
    ],
    regions: [{ mask: picture, prompt: "a \u001b[31mhat", imagePrompts: [picture] }],
  });
  await images[0]!.toFile(path("counts.png"));
  const { out } = await runCommand(["inspect", path("counts.png")], loadAddon);
  const lines = out.split("\n").map((line) => line.trim());
  expect(lines.filter((line) => /^(?:image prompt|region \d|strength|hires)/.test(line))).toEqual([
    `image prompt 1: ${picture}, scale (up (block_1 [0, 0.5])), curve [[0, 0], [1, 1]]`,
    "image prompt 2: in memory, scale 1, fit pad",
    `region 1: mask ${picture}, prompt "a \\u001b[31mhat", image prompts [(${picture}, scale 1)], scale 1`,
    "strength: 0.6",
    "hires: scale 1.5, strength 0.5",
  ]);
});

describe("what was given in memory", () => {
  test("small arrays are in the file, pictures are named by their hashes", async () => {
    const bytes = readFileSync(picture);
    const embeds = await pipeline.encodeImage(picture);
    const latents = new Float32Array(8 * 16 * 16).map((_, i) => Math.sin(i));
    const { images } = await pipeline.generate({
      imagePrompts: [{ image: bytes }, { embeds, scale: 0.5 }],
      latents,
      steps: 1,
      seed: 1,
    });
    const { settings } = await readMetadata(await images[0]!.toPNG());
    expect(settings!.files).toEqual([{ option: "imagePrompts[0].image", sha256: sha256(picture) }]);
    expect(settings!.generate.latents).toEqual(latents);
    const [first, second] = settings!.generate.imagePrompts as unknown as { embeds?: Float32Array; image?: string }[];
    expect(first).toEqual({});
    expect(second!.embeds).toEqual(embeds);
    const again = await pipeline.generate({
      ...settings!.generate,
      imagePrompts: [{ image: bytes }, { embeds: second!.embeds!, scale: 0.5 }],
    });
    expect(again.images[0]!.data).toEqual(images[0]!.data);
    expect(await rejection(readMetadata(await images[0]!.toPNG(), { verify: true }))).toMatchObject({
      code: "ERR_IPA_NOT_FOUND",
      message: expect.stringContaining("imagePrompts[0].image: it was given in memory"),
    });
  });
});

test("a picture whose latents onStep changed says so, and the others of the call do not", async () => {
  const { images } = await pipeline.generate({
    steps: 2,
    seed: 1,
    count: 2,
    onStep: (latents, { image, step }) => (image === 1 && step === 1 ? latents.map((value) => value * 1.1) : undefined),
  });
  expect((await readMetadata(await images[0]!.toPNG())).settings).not.toHaveProperty("latentsChanged");
  const file = path("changed.png");
  await images[1]!.toFile(file);
  expect((await readMetadata(file)).settings).toMatchObject({ latentsChanged: true });
  const warning = "its settings alone do not make the same picture";
  const repeated = await runCommand(["generate", "--from", file, "--output", path("unchanged.png")], loadAddon);
  expect(repeated).toMatchObject({ code: 0, err: expect.stringContaining(warning) });
  expect((await readMetadata(path("unchanged.png"))).settings).not.toHaveProperty("latentsChanged");
  expect((await runCommand(["inspect", file], loadAddon)).out).toContain("changed by onStep");
});

test("settings name what was loaded when the call's turn came", async () => {
  const file = (name: string): string => join(MINI, `${name}.safetensors`);
  await using changing = await Pipeline.load({ model: MINI, adapters: [file("ip-adapter")] });
  const changed = changing.setAdapters([file("ip-adapter-plus")]);
  const { images } = await changing.generate({ imagePrompts: [{ image: picture }], steps: 1 });
  await changed;
  const { settings } = await readMetadata(await images[0]!.toPNG());
  expect(settings!.load.adapters).toMatchObject([{ file: file("ip-adapter-plus") }]);
  expect(settings!.files.map((named) => named.sha256)).toContain(sha256(file("ip-adapter-plus")));
});

describe("generate --from", () => {
  const cli = (...args: string[]): ReturnType<typeof runCommand> => runCommand(["generate", ...args], loadAddon);
  const pixels = async (file: string): Promise<Buffer> => sharp(file).raw().toBuffer();
  const model = path("model");
  const copy = path("copy.png");
  const apple = path("apple.png");
  beforeAll(async () => {
    cpSync(MINI, model, { recursive: true });
    cpSync(picture, copy);
    cpSync(join(ROOT, "examples/images/red-apple.png"), apple);
    const made = await cli(
      ...["--model", model, "--adapter", join(model, "ip-adapter.safetensors"), "--image-prompt", `${copy}:0.6`],
      ...["--prompt", "a green hat", "--steps", "2", "--seed", "5", "--output", path("first.webp")],
    );
    expect(made.code).toBe(0);
  });

  test("repeats a picture bit for bit", async () => {
    const repeated = await cli("--from", path("first.webp"), "--output", path("second.webp"));
    expect(repeated.err).not.toContain("error");
    expect(repeated.code).toBe(0);
    expect(readFileSync(path("second.webp"))).toEqual(readFileSync(path("first.webp")));
  });

  test.each<[string, string[], string?]>([
    ["a second pass", ["--hires", "1.5"]],
    ["a second pass over a picture", ["--image", apple, "--width", "96", "--height", "64", "--hires", "1.5"]],
    ["outpainting", ["--image", apple, "--outpaint", "8,16,0,0"]],
    ["a part of a picture", ["--image", apple, "--mask", copy, "--mask-crop", "4", "--width", "128", "--height", "96"]],
    ["the second of two variations", ["--variation", "10:0.3", "--count", "2"], "-11"],
  ])("repeats %s", async (_, flags, suffix = "") => {
    const common = ["--model", model, "--prompt", "a cat", "--steps", "2", "--seed", "5"];
    expect(await cli(...common, ...flags, "--output", path("made.png"))).toMatchObject({ code: 0 });
    const made = path(`made${suffix}.png`);
    const repeated = await cli("--from", made, "--output", path("repeated.png"));
    expect(repeated.err).not.toContain("error");
    expect(repeated.code).toBe(0);
    expect(readFileSync(path("repeated.png"))).toEqual(readFileSync(made));
  });

  test("other flags go over it", async () => {
    await cli(
      "--from",
      path("first.webp"),
      "--seed",
      "6",
      "--timesteps",
      "999,499",
      "--scheduler",
      "lcm",
      "--output",
      path("other.png"),
    );
    const { settings } = await readMetadata(path("other.png"));
    expect(settings!.generate).toMatchObject({
      prompt: "a green hat",
      seed: 6,
      timesteps: [999, 499],
      scheduler: "lcm",
    });
    expect(await pixels(path("other.png"))).not.toEqual(await pixels(path("first.webp")));
  });

  test.each([
    ["--output", "first.webp", "--from"],
    ["--sheet", "first.webp", "--from"],
    ["--sheet", "new.png", "--output"],
    ["--attention-maps", "new.png", "--output"],
    ["--save-latents", "new.png", "--output"],
  ])("%s %s does not go over the file of %s", async (flag, file, other) => {
    const output = flag === "--output" ? [] : ["--output", path("new.png")];
    expect(await cli("--from", path("first.webp"), ...output, flag, path(file))).toMatchObject({
      code: 2,
      err: expect.stringContaining(`${flag}: expected another file than ${other}`),
    });
  });

  test("what is no picture is told with its flag", async () => {
    const from = (file: string): ReturnType<typeof cli> => cli("--from", file, "--output", path("x.png"));
    expect((await from(folder)).err).toContain(`--from: ${folder} is a folder: name a picture file in it`);
    expect((await from(__filename)).err).toContain(`--from: ${__filename}: expected a PNG, JPEG or WebP`);
    expect((await from(path("none.png"))).err).toContain(`--from: picture not found: ${path("none.png")}`);
  });

  test("a picture without settings is told", async () => {
    const none = await cli("--from", path("plain.png"), "--output", path("x.png"));
    expect(none).toMatchObject({ code: 2, err: expect.stringContaining("has no settings of node-ip-adapter in it") });
  });

  test("a file that changed, or is missing, is named", async () => {
    const adapter = join(model, "ip-adapter.safetensors");
    const kept = readFileSync(adapter);
    const changed = Buffer.from(kept);
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    writeFileSync(adapter, changed);
    const from = (...more: string[]): ReturnType<typeof cli> =>
      cli("--from", path("first.webp"), "--output", path("third.png"), ...more);
    expect(await from()).toMatchObject({
      code: 1,
      err: expect.stringContaining("is not what the picture was made with"),
    });
    writeFileSync(adapter, kept);
    rmSync(copy);
    const missing = await from();
    expect(missing.code).toBe(1);
    expect(missing.err).toContain(`${copy}, which the picture was made with, is missing`);
    expect((await from("--image-prompt", picture)).code).toBe(0);
  });
});

describe("other programs", () => {
  // tools/goldens/metadata.py
  test.each(["pil.png", "pil.jpg", "pil.webp"])("texts as PIL writes them: %s", async (name) => {
    const { parameters } = await readMetadata(join(ROOT, "test/golden/metadata", name));
    expect(parameters).toBe("a cat — 猫\nNegative prompt: dog\nSteps: 20, Sampler: Euler a");
  });

  test("PIL reads these bytes as these texts", async () => {
    const expected = JSON.parse(readFileSync(join(ROOT, "test/golden/metadata/expected.json"), "utf8")) as {
      texts: [string, string][];
      exif: { description: string; comment: string };
      sha256: Record<string, string>;
    };
    const plain = await sharp({ create: { width: 8, height: 8, channels: 3, background: "#808080" } })
      .png()
      .toBuffer();
    // The chunks are compared as bytes with those that PIL has read.
    const chunks = withTexts(plain, expected.texts).subarray(
      33,
      33 + withTexts(plain, expected.texts).length - plain.length,
    );
    expect(createHash("sha256").update(chunks).digest("hex")).toBe(expected.sha256["chunks"]);
    expect(createHash("sha256").update(exifBlock(expected.exif)).digest("hex")).toBe(expected.sha256["exif"]);
  });
});

describe("damaged and hostile settings", () => {
  const base = sharp({ create: { width: 8, height: 8, channels: 3, background: "#808080" } });
  const withRecord = async (record: string): Promise<Buffer> =>
    withTexts(await base.clone().png().toBuffer(), [["node-ip-adapter", record]]);
  const valid = { version: 1, library: "0.1.0", load: {}, generate: { seed: 1 }, files: [] };

  test.each([
    ["no JSON", "{", "they are no JSON"],
    ["a list", "[]", "expected an object"],
    ["a later form", JSON.stringify({ ...valid, version: 2 }), "use a newer version"],
    ["nesting", `{"version":1,"x":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, "cannot be read"],
    ["a wrong type", JSON.stringify({ ...valid, generate: { steps: "4" } }), "steps: expected an integer"],
    ["out of range", JSON.stringify({ ...valid, generate: { width: 1e9 } }), "width: expected an integer"],
    ["an unknown option", JSON.stringify({ ...valid, generate: { evil: 1 } }), "evil"],
    ["a function", JSON.stringify({ ...valid, generate: { onProgress: "x" } }), "onProgress"],
    ["how many pictures", JSON.stringify({ ...valid, generate: { count: 64 } }), "count"],
    ["threads", JSON.stringify({ ...valid, load: { threads: 1024 } }), "threads"],
    ["a token of the hub", JSON.stringify({ ...valid, load: { token: "x" } }), "token"],
    ["a path of no text", JSON.stringify({ ...valid, load: { model: { a: 1 } } }), "model: expected a path"],
    [
      "many image prompts",
      JSON.stringify({ ...valid, generate: { imagePrompts: Array(65).fill({}) } }),
      "imagePrompts",
    ],
    ["endless numbers", JSON.stringify({ ...valid, generate: { latents: { f32: "A".repeat(300_000) } } }), "latents"],
    ["half numbers", JSON.stringify({ ...valid, generate: { latents: { f32: "AAAA" } } }), "latents"],
    ["no numbers", JSON.stringify({ ...valid, generate: { latents: 7 } }), "latents"],
    ["a wrong hash", JSON.stringify({ ...valid, files: [{ option: "model", sha256: "x" }] }), "files[0].sha256"],
    ["files of no list", JSON.stringify({ ...valid, files: {} }), "files: expected a list"],
    ["a prototype", '{"version":1,"library":"0","load":{"__proto__":{"x":1}},"generate":{},"files":[]}', "__proto__"],
  ])("%s", async (_, record, message) => {
    const error = await rejection(readMetadata(await withRecord(record)));
    expect(error).toMatchObject({ code: "ERR_IPA_SYNTAX" });
    expect(error.message).toContain(message);
  });

  test("long texts and bombs are passed over", async () => {
    const long = await withRecord(`{"version":1,"x":"${"a".repeat(1024 * 1024)}"}`);
    expect(await readMetadata(long)).toEqual({ format: "png" });
    const bomb = Buffer.concat([Buffer.from("parameters\0\0"), deflateSync(Buffer.alloc(64 * 1024 * 1024))]);
    const chunk = Buffer.concat([Buffer.alloc(4), Buffer.from("zTXt"), bomb, Buffer.alloc(4)]);
    chunk.writeUInt32BE(bomb.length);
    const png = await base.clone().png().toBuffer();
    expect(textsOf(Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)])).size).toBe(0);
  });

  test("files cut short at every byte give settings or an error, never a crash", async () => {
    for (const format of ["png", "jpeg", "webp"] as const) {
      const whole = await new GeneratedImage(new Uint8Array(8 * 8 * 3), 8, 8, 1, () =>
        Promise.resolve({ parameters: "a", record: JSON.stringify(valid) }),
      ).toBuffer(format);
      expect((await readMetadata(whole)).settings).toMatchObject({ library: "0.1.0" });
      for (let length = 16; length < whole.length; length++)
        await readMetadata(whole.subarray(0, length)).catch((error: unknown) =>
          expect(error).toMatchObject({ code: "ERR_IPA_SYNTAX" }),
        );
    }
  });

  test("offsets of EXIF that lie outside are passed over", () => {
    const block = exifBlock({ description: "long enough to lie elsewhere", comment: "b" });
    for (let at = 0; at + 4 <= block.length; at++) {
      const broken = Buffer.from(block);
      broken.writeUInt32BE(0xfffffff0, at);
      expect(() => readExif(broken)).not.toThrow();
    }
  });

  test("what is too long for a JPEG's segment is left out", async () => {
    const jpeg = await base.clone().jpeg().toBuffer();
    expect(withJpegExif(jpeg, Buffer.alloc(70_000))).toBeUndefined();
  });

  test("another format", async () => {
    expect(await rejection(readMetadata(Buffer.from("GIF89a")))).toMatchObject({ code: "ERR_IPA_UNSUPPORTED" });
    expect(await rejection(readMetadata(path("none.png")))).toMatchObject({ code: "ERR_IPA_NOT_FOUND" });
  });
});
