/** The command line on the fake addon, run in this process; test/cli-process.test.ts runs the built program. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import sharp from "sharp";

import { NAMES, flagOf, withFlags } from "../lib/cli/flag-names";
import {
  parseControlImage,
  parseEmbeddingFlag,
  parseFileFlag,
  parseNegativeFlag,
  parsePromptFlag,
} from "../lib/cli/file-flags";
import { OrderedFlags } from "../lib/cli/flags";
import { settingLines } from "../lib/cli/setting-lines";
import { InstallError } from "../lib/errors";
import { ProgressBar, ProgressLines, formatBytes, formatCount, formatSeconds } from "../lib/cli/report";
import { type CommandRun, runCommand } from "./support/command";
import { FakeAddon, supportOf } from "./support/fake-addon";
import { MINI, ROOT } from "./support/load";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "cli-"))));
afterEach(() => {
  rmSync(folder, { recursive: true });
  process.exitCode = undefined;
});

const cli = (args: string[], addon = new FakeAddon(), tty = false, signal?: AbortSignal): Promise<CommandRun> =>
  runCommand(args, () => addon, signal ? { tty, signal } : { tty });

describe("IMG[:SCALE]", () => {
  const files = new Set(["odd:0.5", "C:\\a:0.5"]);
  test.each<[string, string, number | undefined]>([
    ["cat.png", "cat.png", undefined],
    ["cat.png:0.8", "cat.png", 0.8],
    ["cat.png:1", "cat.png", 1],
    ["cat.png:-0.5", "cat.png", -0.5],
    ["cat.png:.5", "cat.png", 0.5],
    ["cat.png:1e-1", "cat.png", 0.1],
    ["a:b.png", "a:b.png", undefined],
    ["a:b.png:0.3", "a:b.png", 0.3],
    ["C:\\cat.png", "C:\\cat.png", undefined],
    ["C:\\cat.png:0.8", "C:\\cat.png", 0.8],
    ["C:5", "C:5", undefined],
    ["odd:0.5", "odd:0.5", undefined],
    ["odd:0.5:0.7", "odd:0.5", 0.7],
    ["http://host:8080", "http://host:8080", undefined],
    ["cat.png:", "cat.png:", undefined],
  ])("%s", (text, path, scale) => {
    expect(parseFileFlag(text, "--image-prompt", (file) => files.has(file))).toEqual(
      scale === undefined ? { path } : { path, scale },
    );
  });

  test.each<[string, unknown]>([
    ["cat.png", { path: "cat.png", settings: {} }],
    ["cat.png,start=0.2", { path: "cat.png", settings: { start: 0.2 } }],
    ["cat.png:0.8,preset=style,end=.5", { path: "cat.png", scale: 0.8, settings: { preset: "style", end: 0.5 } }],
    ["plus.png,structure-scale=2", { path: "plus.png", settings: { structureScale: 2 } }],
    ["a,b.png", { path: "a,b.png", settings: {} }],
    ["a,start=1.png", { path: "a,start=1.png", settings: {} }],
  ])("image prompt %s", (text, expected) => {
    expect(parsePromptFlag(text, "--image-prompt", (file) => file === "a,start=1.png")).toEqual(expected);
  });

  test.each([
    [
      "cat.png,begin=1",
      "--image-prompt: there is no begin in FILE:SCALE,NAME=VALUE: use structure-scale, preset, start, end",
    ],
    ["cat.png,start=soon", "--image-prompt, start: expected a number"],
    ["cat.png,start=2", "--image-prompt, start: expected a finite number between 0 and 1"],
    ["cat.png,preset=stile", 'did you mean "style"?'],
  ])("image prompt %s is refused", (text, says) => {
    expect(() => parsePromptFlag(text, "--image-prompt", () => false)).toThrow(says);
  });

  test.each([
    ["cat.png:0.5,mask", 'expected FILE:SCALE,NAME=VALUE but behind cat.png:0.5 stands ",mask": write mask=FILE'],
    ["gone.png,fit", 'behind gone.png stands ",fit": write fit=NAME'],
    ["cat.png,0.5", 'behind cat.png stands ",0.5": write cat.png:0.5'],
    ["cat.png:half", 'behind cat.png stands ":half": a number stands behind the colon'],
    ["cat.png:", 'behind cat.png stands ":": a number stands behind the colon'],
    ["cat.png,tiny,fit=pad", 'behind cat.png stands ",tiny": NAME is one of structure-scale, preset'],
  ])("image prompt %s is told as a mistake in the form", (text, says) => {
    expect(() => parsePromptFlag(text, "--image-prompt", (file) => file === "cat.png")).toThrow(says);
  });

  test("the forms of other flags are told too", () => {
    const exists = (file: string): boolean => file === "a.pt";
    expect(() => parseFileFlag("a.pt:half", "--lora", exists)).toThrow("--lora: expected FILE:NUMBER but behind a.pt");
    expect(() => parseFileFlag("a.pt=0.5", "--lora", exists)).toThrow("write FILE:NUMBER");
    expect(() => parseEmbeddingFlag("a.pt:cat", "--embedding", exists)).toThrow("write a.pt=cat");
    expect(() => parseNegativeFlag("a.pt,kind", "--negative-image-prompt", exists)).toThrow("write kind=NAME");
  });

  test.each<[string, unknown]>([
    ["edges.png", { image: "edges.png" }],
    [
      "edges.png:0.8,start=0.1,end=0.6,guess=true",
      { image: "edges.png", scale: 0.8, start: 0.1, end: 0.6, guess: true },
    ],
    ["there,end=1", { image: "there,end=1" }],
  ])("control image %s", (text, flag) => {
    expect(parseControlImage(text, "--control-image", (file) => file === "there,end=1")).toEqual(flag);
  });

  test.each([
    [
      "a.png,weight=1",
      "--control-image: there is no weight in FILE:SCALE,NAME=VALUE: use mode, preprocess, start, end, guess",
    ],
    ["a.png,guess=maybe", "--control-image, guess: expected true or false"],
  ])("control image %s is refused", (text, says) => {
    expect(() => parseControlImage(text, "--control-image", () => false)).toThrow(says);
  });

  test.each<[string, string, string | undefined]>([
    ["style.pt", "style.pt", undefined],
    ["style.pt=<style>", "style.pt", "<style>"],
    ["a=b.pt=x", "a=b.pt", "x"],
    ["rank=4/style.pt", "rank=4/style.pt", undefined],
    ["rank=4.pt", "rank=4.pt", undefined],
    ["style.pt=", "style.pt=", undefined],
  ])("textual inversion %s", (text, file, token) => {
    expect(parseEmbeddingFlag(text, "--embedding", (path) => path === "rank=4.pt")).toEqual(
      token === undefined ? { file } : { file, token },
    );
  });

  test("an image prompt belongs to the adapter before it", () => {
    const order = new OrderedFlags();
    order.addImage("first.png");
    order.addAdapter("a");
    order.addImage("second.png");
    order.addAdapter("b");
    order.addEmbeds("third.safetensors");
    expect(order.prompts.map(({ path, adapter }) => [path, adapter])).toEqual([
      ["first.png", 0],
      ["second.png", 0],
      ["third.safetensors", 1],
    ]);
  });
});

describe("generate", () => {
  const image = join(ROOT, "test/golden/images/rgb.png");

  test("every flag reaches the engine", async () => {
    const addon = new FakeAddon();
    const output = join(folder, "out.png");
    const latents = join(folder, "latents.safetensors");
    const lora = join(ROOT, "test/golden/loras/sd15-peft.safetensors");
    const embedding = join(ROOT, "test/golden/embeddings/style.safetensors");
    const args = [
      "generate",
      "--model",
      MINI,
      "--adapter",
      join(MINI, "ip-adapter.safetensors"),
      "--image-prompt",
      `${image}:0.8`,
      "--image-encoder",
      join(MINI, "image_encoder"),
    ];
    args.push(
      "--prompt",
      "a cat",
      "--negative-prompt",
      "a dog",
      "--scheduler",
      "ddim",
      "--steps",
      "3",
      "--guidance",
      "4.5",
      "--seed",
      "7",
      "--width",
      "128",
      "--height",
      "64",
    );
    args.push(
      "--dtype",
      "f32",
      "--threads",
      "2",
      "--eta",
      "0.5",
      "--lora",
      `${lora}:-0.5`,
      "--lora",
      lora,
      "--embedding",
      `${embedding}=<style>`,
      "--count",
      "1",
      "--save-latents",
      latents,
      "--output",
      output,
    );
    args.push(
      "--guidance-interval",
      "0.1,0.8",
      "--feature-cache",
      "3:2",
      "--token-merging",
      "0.25",
      "--preview",
      "2",
      "--preview-decoder",
      "linear",
      "--vae",
      join(MINI, "vae"),
      "--vae-tiling",
      "on",
      "--seamless",
      "both",
      "--vae-tile",
      "256",
      "--memory-budget",
      "2e9",
    );
    const { code, out, err } = await cli(args, addon);
    expect([code, out]).toEqual([0, `${output} (seed 7)\n${latents}\n`]);
    expect(err).toContain("step 3/3");
    expect(addon.loads[0]).toMatchObject({
      model: MINI,
      vae: join(MINI, "vae"),
      threads: 2,
      adapters: [{ file: join(MINI, "ip-adapter.safetensors") }],
      loras: [
        { file: lora, weight: -0.5 },
        { file: lora, weight: 1 },
      ],
      embeddings: [{ file: embedding }],
    });
    expect(addon.requests[0]).toMatchObject({
      scheduler: "ddim",
      steps: 3,
      guidance: 4.5,
      seeds: [7],
      width: 128,
      height: 64,
      eta: 0.5,
      branches: [{ adapter: 0, scale: 0.8 }],
    });
    expect(addon.requests[0]).toMatchObject({
      guidanceInterval: [0.1, 0.8],
      featureCache: { every: 3, depth: 2 },
      tokenMerging: 0.25,
      preview: { every: 2, decoder: "linear" },
      vaeTiling: "on",
      seamless: "both",
      vaeTile: 256,
      memoryBudget: 2e9,
    });
    expect(addon.written[0]).toMatchObject({ path: latents, tensors: [{ name: "latents", shape: [1, 8, 8, 16] }] });
    expect(addon.written[0]!.tensors[0]!.data).toHaveLength(1024);
    expect(await sharp(output).metadata()).toMatchObject({ format: "png", width: 128, height: 64 });
    expect(addon.closed).toBe(1);
  });

  test("latents and the refiner's options", async () => {
    const addon = new FakeAddon();
    addon.info = { ...addon.info, family: "sdxl", refiner: true, ...supportOf({}) };
    addon.tensor = { shape: [2, 8, 16, 16], data: new Float32Array(4096).fill(0.5).buffer };
    const args = [
      "generate",
      "--steps",
      "2",
      "--count",
      "2",
      "--negative-prompt",
      "",
      "--output",
      join(folder, "a.png"),
      "--latents",
      "l.safetensors",
    ];
    args.push(
      "--denoising-start",
      "0.25",
      "--denoising-end",
      "0.75",
      "--clip-skip",
      "1",
      "--original-size",
      "640,480",
      "--crop-offset",
      "8,16",
      "--aesthetic-score",
      "7",
    );
    expect(await cli(args, addon)).toMatchObject({ code: 0 });
    expect(addon.requests[0]).toMatchObject({ denoisingStart: 0.25, denoisingEnd: 0.75, clipSkip: 1 });
    expect(addon.requests[0]).toMatchObject({ originalSize: [640, 480], cropOffset: [8, 16], aestheticScore: 7 });
    expect(addon.requests[0]!.latents.map(({ length }) => length)).toEqual([2048, 2048]);
    addon.tensor.shape = [4096];
    expect(await cli(args, addon)).toMatchObject({ code: 2, err: expect.stringContaining("(n, channels, h, w)") });
  });

  test("a picture to change, its mask and its guidance", async () => {
    const addon = new FakeAddon();
    addon.info = { ...addon.info, task: "instruct", ...supportOf({}) };
    const args = ["generate", "--steps", "1", "--output", join(folder, "a.png"), "--image", image, "--mask", image];
    expect(await cli([...args, "--width", "64", "--height", "64", "--image-guidance", "2.5"], addon)).toMatchObject({
      code: 0,
    });
    expect(addon.requests[0]).toMatchObject({
      image: { width: expect.any(Number) },
      mask: { width: expect.any(Number) },
      imageGuidance: 2.5,
      width: 64,
    });
    expect(await cli([...args, "--image-guidance", "0.5"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("--image-guidance: expected"),
    });
    expect(await cli(["generate", "--image", join(folder, "none.png")])).toMatchObject({
      code: 1,
      err: expect.stringContaining("none.png"),
    });
  });

  test("several pictures carry their seeds in their names", async () => {
    const { code, lines } = await cli([
      "generate",
      "--steps",
      "1",
      "--count",
      "3",
      "--seed",
      "5",
      "--output",
      join(folder, "a.webp"),
      "--json",
      "--sigmas",
      "karras",
    ]);
    expect(code).toBe(0);
    expect(readdirSync(folder)).toEqual(["a-5.webp", "a-6.webp", "a-7.webp"]);
    expect(lines.map(({ type }) => type)).toEqual(["progress", "progress", "progress", "result"]);
    expect(lines.at(-1)).toMatchObject({ images: [{ seed: 5, width: 128, height: 128 }, { seed: 6 }, { seed: 7 }] });
  });

  test("noise levels are a name or numbers", async () => {
    const addon = new FakeAddon();
    const generate = (sigmas: string): ReturnType<typeof cli> =>
      cli(["generate", "--sigmas", sigmas, "--output", join(folder, "a.png")], addon);
    expect(await generate("ays")).toMatchObject({ code: 0 });
    expect(addon.requests[0]).toMatchObject({ sigmas: "ays", steps: 30 });
    expect(await generate("14.6,2,.5")).toMatchObject({ code: 0 });
    expect(addon.requests[1]).toMatchObject({ sigmas: "", sigmaValues: Float32Array.of(14.6, 2, 0.5), steps: 3 });
  });

  test("embeddings come from a file", async () => {
    const addon = new FakeAddon();
    const { code } = await cli(
      ["generate", "--steps", "1", "--image-embeds", "e.safetensors", "--output", join(folder, "a.png")],
      addon,
    );
    expect(code).toBe(0);
    expect(addon.requests[0]!.branches[0]!.images.map(({ embeds }) => embeds?.length)).toEqual([256, 256]);
    addon.tensor.shape = [512];
    expect(
      await cli(["generate", "--image-embeds", "e.safetensors", "--output", join(folder, "a.png")], addon),
    ).toMatchObject({ code: 1, err: expect.stringContaining("(n, d)") });
  });

  test("faces come from a file, by themselves or one for each picture of their adapter", async () => {
    const addon = new FakeAddon();
    const adapter = join(MINI, "ip-adapter.safetensors");
    addon.info.adapters = [
      {
        variant: "faceid",
        tokens: 4,
        embedSize: 0,
        hiddenStates: false,
        faceSize: 256,
        faceEmbedding: "normed_embedding",
        shortcut: false,
        hasImageEncoder: false,
        imageSize: 0,
      },
      {
        variant: "faceid_plus",
        tokens: 4,
        embedSize: 192,
        hiddenStates: true,
        faceSize: 256,
        faceEmbedding: "normed_embedding",
        shortcut: true,
        hasImageEncoder: true,
        imageSize: 64,
      },
    ];
    const args = [
      "generate",
      "--steps",
      "1",
      "--output",
      join(folder, "a.png"),
      "--adapter",
      adapter,
      "--face-embeds",
      "f.safetensors:0.5",
      "--adapter",
      adapter,
    ];
    args.push("--adapter-encoder", join(MINI, "image_encoder"), "--image-prompt", image);
    const faces = ["--face-embeds", "f.safetensors"];
    expect(await cli([...args, "--image-prompt", image, ...faces], addon)).toMatchObject({ code: 0 });
    expect(addon.loads[0]!.adapters).toMatchObject([
      { file: adapter },
      { file: adapter, imageEncoder: join(MINI, "image_encoder") },
    ]);
    expect(addon.loads[0]!.adapters[0]).not.toHaveProperty("imageEncoder");
    const branches = addon.requests[0]!.branches;
    expect(branches).toMatchObject([
      { adapter: 1, scale: 1 },
      { adapter: 0, scale: 0.5 },
    ]);
    expect(branches[0]!.images.map(({ rgb, face }) => [rgb !== undefined, face?.length])).toEqual([
      [true, 256],
      [true, 256],
    ]);
    expect(branches[1]!.images.map(({ rgb, face }) => [rgb !== undefined, face?.length])).toEqual([
      [false, 256],
      [false, 256],
    ]);
    expect(await cli([...args, ...faces], addon)).toMatchObject({
      code: 2,
      err: expect.stringContaining("as many faces as pictures"),
    });
    expect(await cli(["generate", "--adapter-encoder", MINI, "--adapter", adapter], addon)).toMatchObject({
      code: 2,
      err: expect.stringContaining("--adapter before it"),
    });
  });

  test.each([
    [["--guidance-interval", "0.5"], "START,END"],
    [["--guidance-interval", "0.5,x"], '"x"'],
    [["--guidance-interval", "0.8,0.2"], "use [0.2, 0.8]"],
    [["--feature-cache", "2:1:1"], "EVERY:DEPTH"],
    [["--sigmas", "3,x"], '"x"'],
    [["--sigmas", "linear"], '"ays", or an array of numbers'],
    [["--feature-cache", "1"], "use 2 or more"],
    [["--preview-decoder", "linear"], "--preview N"],
  ])("%j says what is wrong", async (flags, says) => {
    expect(await cli(["generate", ...flags, "--output", join(folder, "a.png")])).toMatchObject({
      code: 2,
      err: expect.stringContaining(says),
    });
  });

  test("previews are written on the way", async () => {
    const output = join(folder, "p.png");
    const { code } = await cli(["generate", "--steps", "4", "--preview", "1", "--seed", "200", "--output", output]);
    expect(code).toBe(0);
    // The finished picture (all 200), not a late preview (all 0), is what stays.
    expect((await sharp(output).raw().toBuffer())[0]).toBe(200);
    expect(readdirSync(folder)).toEqual(["p.png"]);
  });

  test("a terminal gets a bar, which is gone at the end", async () => {
    const { err } = await cli(["generate", "--steps", "3", "--output", join(folder, "a.png")], new FakeAddon(), true);
    expect(err).toContain("\r[");
    expect(err).toContain("3/3");
    expect(err.slice(err.lastIndexOf("\r")).startsWith("\r\u001b[Kloaded")).toBe(true);
  });

  test.each<[string, string[], number, string]>([
    ["a bad number", ["--steps", "many"], 2, 'ERR_IPA_INVALID_OPTION: --steps: expected a number but received "many"'],
    ["a bad value", ["--steps", "20.5"], 2, "use 20 or 21"],
    ["an unknown scheduler", ["--scheduler", "dimm"], 2, 'did you mean "ddim"?'],
    ["an unknown flag", ["--promt", "x"], 2, "--prompt"],
    ["a flag without value", ["--steps"], 2, "argument missing"],
    ["a spare argument", ["cat.png"], 2, "too many arguments"],
    ["a missing picture", ["--image-prompt", "/no/such.png"], 1, "ERR_IPA_NOT_FOUND"],
    ["a URL", ["--image-prompt", "https://example.com/a.png"], 2, "fetch it yourself"],
    ["a missing model", ["--model", "/no/such"], 1, "ERR_IPA_NOT_FOUND"],
    ["a missing output folder", ["--output", "/no/such/out.png"], 1, "ERR_IPA_NOT_FOUND: --output: folder not found"],
    ["an output that is a folder", ["--output", ROOT], 1, "ERR_IPA_IO"],
    ["an output of unknown format", ["--output", "out.bmp"], 2, "ending in .png"],
    ["an output below a file", ["--output", join(ROOT, "package.json", "out.png")], 1, "ERR_IPA_IO"],
    ["latents over the picture", ["--output", "same.png", "--save-latents", "./same.png"], 2, "--save-latents"],
    ["a missing latents folder", ["--save-latents", "/no/such/l.safetensors"], 1, "--save-latents"],
  ])("error: %s", async (_name, args, expected, says) => {
    const addon = new FakeAddon();
    const output = args.includes("--output") ? [] : ["--output", join(folder, "a.png")];
    const { code, err } = await cli(["generate", ...output, ...args], addon);
    expect([code, err]).toEqual([expected, expect.stringContaining(says)]);
    expect(addon.requests).toHaveLength(0);
    expect(existsSync(join(folder, "a.png"))).toBe(false);
  });

  test("errors are one line, and one JSON line for machines", async () => {
    const addon = new FakeAddon();
    addon.generateError = { code: "ERR_IPA_NO_MEMORY", message: "no\nmemory" };
    const { code, err, lines } = await cli(["generate", "--json", "--output", join(folder, "a.png")], addon);
    expect([code, err]).toEqual([1, "error ERR_IPA_NO_MEMORY: no memory\n"]);
    expect(lines).toEqual([{ type: "error", code: "ERR_IPA_NO_MEMORY", message: "no\nmemory" }]);
  });

  test("Ctrl-C ends with 130 and frees the model", async () => {
    const addon = new FakeAddon();
    const controller = new AbortController();
    const call = cli(
      ["generate", "--steps", "1000", "--output", join(folder, "a.png")],
      addon,
      false,
      controller.signal,
    );
    while (addon.requests.length === 0) await new Promise(setImmediate);
    controller.abort();
    expect(await call).toMatchObject({ code: 130, err: "interrupted\n" });
    expect([addon.running, addon.closed]).toEqual([0, 1]);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("inspect", () => {
  test("a line for people, an object for machines", async () => {
    const file = join(folder, "a.safetensors");
    writeFileSync(file, "x");
    expect(await cli(["inspect", file])).toMatchObject({
      code: 0,
      out: "sd1 ip-adapter (base): 22.0M parameters, 36 tensors, F16 36, 44.0 MB, safetensors, 4 image tokens, needs ViT-H/14 (1024)\n",
    });
    expect((await cli(["inspect", file, "--json"])).lines[0]).toMatchObject({ kind: "ip-adapter", tokens: 4 });
    expect(await cli(["inspect", join(folder, "none")])).toMatchObject({
      code: 1,
      err: expect.stringContaining("ERR_IPA_NOT_FOUND"),
    });
  });
});

test("settings of a picture are said within bounds, whatever its record holds", () => {
  const depth = 5000;
  const scale: unknown = JSON.parse(`${'{"up":'.repeat(depth)}1${"}".repeat(depth)}`);
  const generate = { imagePrompts: [{ image: "a.png", scale }], sigmas: Array<number>(1000).fill(1.5) };
  const lines = settingLines({ library: "", load: {}, generate: generate as never, files: [] });
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(/^image prompt 1: a\.png, scale \(up \(up .*…/);
  expect(lines[1]).toBe("sigmas: 1000 values");
});

test("convert hands its flags over and says what was written", async () => {
  const addon = new FakeAddon();
  const output = join(folder, "a.gguf");
  expect(await cli(["convert", "in.ckpt", output, "--type", "q8_0"], addon)).toMatchObject({
    code: 0,
    out: `${output}: 36 tensors, Q8_0 30 F16 6, 12.0 MB, gguf\n`,
  });
  expect(await cli(["convert", "in.ckpt", output, "--type", "bf16", "--force"], addon, true)).toMatchObject({
    code: 0,
    err: expect.stringContaining("36/36"),
  });
  expect(addon.conversions).toEqual([
    { input: join(process.cwd(), "in.ckpt"), output, type: "q8_0", overwrite: false },
    { input: join(process.cwd(), "in.ckpt"), output, type: "bf16", overwrite: true },
  ]);
  const { lines } = await cli(["convert", "in.ckpt", output, "--type", "q8_0", "--json"]);
  expect(lines).toEqual([
    expect.objectContaining({ type: "progress", tensors: 36 }),
    { type: "result", file: output, format: "gguf", tensors: 36, bytes: 12_000_000, types: { Q8_0: 30, F16: 6 } },
  ]);
});

describe("the program", () => {
  test("help and version succeed, no command is a usage error", async () => {
    expect(await cli(["--help"])).toMatchObject({ code: 0, out: expect.stringContaining("generate") });
    expect(await cli(["generate", "--help"])).toMatchObject({
      code: 0,
      out: expect.stringContaining("--image-prompt"),
    });
    expect(await cli(["--version"])).toMatchObject({ code: 0, out: "0.1.0\n" });
    expect((await cli([])).code).toBe(2);
    expect(await cli(["generate", "a cat"])).toMatchObject({ code: 2, err: expect.stringContaining("use --prompt") });
    expect(await cli(["genrate"])).toMatchObject({ code: 2, err: expect.stringContaining("generate") });
  });

  test("a read-only folder is told before the generation", async () => {
    const locked = join(folder, "locked");
    mkdirSync(locked, { mode: 0o555 });
    const { code } = await cli(["generate", "--steps", "1", "--output", join(locked, "a.png")]);
    // The superuser may write everywhere.
    expect(code).toBe(process.getuid?.() === 0 ? 0 : 1);
  });
});

describe("progress", () => {
  test("the bar shows the time left from the second step on, and fits the terminal", () => {
    let [text, now] = ["", 0];
    const bar = new ProgressBar({ write: (t: string) => (text += t), columns: 40 }, () => now);
    bar.update(1, 10);
    expect(text).not.toContain("left");
    now = 2000;
    bar.update(2, 10);
    expect(text).toContain("16s left");
    for (const line of text.split("\r")) expect(line.replace("\u001b[K", "").length).toBeLessThan(40);
    bar.end();
    expect(text.endsWith("\r\u001b[K")).toBe(true);
  });

  test("lines come at every tenth", () => {
    const lines: string[] = [];
    const progress = new ProgressLines({ write: (text: string) => lines.push(text) }, () => 0);
    for (let step = 1; step <= 100; step++) progress.update(step, 100);
    expect(lines).toHaveLength(10);
    expect(lines[9]).toBe("step 100/100, 0s left\n");
  });

  test("units", () => {
    expect([0, 59_400, 61_000, 3_660_000].map(formatSeconds)).toEqual(["0s", "59s", "1m01s", "1h01m"]);
    expect([5, 1500, 44_000_000].map(formatBytes)).toEqual(["5 B", "1.50 KB", "44.0 MB"]);
    expect([12, 1500, 22_000_000, 2.6e9].map(formatCount)).toEqual(["12", "1.5K", "22.0M", "2.60B"]);
  });
});

describe("flags of other programs, and messages in flags", () => {
  test.each([
    ["--cfg 4", "use --guidance\n"],
    ["--sampler euler", "use --scheduler\n"],
    ["--num-inference-steps 20", "use --steps\n"],
    ["--guidance-scale=7", "use --guidance\n"],
    ["--size 512x768", "use --width 512 --height 768\n"],
    ["--size=512x768", "use --width 512 --height 768\n"],
    ["-p cat", "use --prompt\n"],
    ["--out a.png", "use --output\n"],
    ["--neg x", "use --negative-prompt\n"],
    ["--prev 3", "Did you mean --preview?"],
    ["--stpes 3", "did you mean --steps?"],
    ["--torch_dtype bfloat16", "use --dtype bf16\n"],
    ["--ip-adapter-image a.png", "use --image-prompt FILE\n"],
    ["--ip-adapter-scale 0.6", "use --image-prompt FILE:0.6\n"],
    ["--ip-adapter a", "use --adapter FILE\n"],
    ["--lora-scale 1", "use --lora FILE:WEIGHT\n"],
    ["--karras", "use --sigmas karras\n"],
    ["--hf-token x", "HF_TOKEN"],
    ["--device gpu", "--device: expected a device"],
    ["--device mps", "Metal is not there"],
    [
      "--vae-device cuda0",
      '--vae-device: expected a device ("auto", "cpu", "cuda", "cuda:1" and so on) but received "cuda0"',
    ],
    ["--text-encoder-device gpu", 'use "cuda"'],
    ["--gpu 1", "use --device cuda:1\n"],
    ["--use-cuda", "use --device cuda\n"],
    ["--medvram", "use --offload\n"],
    ["--clip-on-cpu", "use --text-encoder-device cpu\n"],
    ["--loras a", "use --lora FILE:WEIGHT\n"],
    // Nothing of the API that a command line cannot have.
    ["--timeout 4", "use --deadline (milliseconds)"],
    ["--callback 1", "unknown option '--callback'\n"],
  ])("%s", async (flags, says) => {
    const { code, err } = await cli(["generate", ...flags.split(" ")]);
    expect([code, err]).toEqual([2, expect.stringContaining(says)]);
    expect(err).not.toMatch(/Pipeline|\bundefined\b|\[\{/);
  });

  test.each([
    ["--image-guidance 0.5", /--image-guidance: expected/],
    ["--lora none.safetensors", /: --lora: file not found/],
    ["--adapter owner/name", /: --adapter: file not found.*owner\/name\/FILE\.safetensors/],
    [`--image-prompt ${join(ROOT, "package.json")} --image-prompt x.png:9`, /: --image-prompt number 2: /],
    ["--scheduler DPM++_2M_Karras", /: use --scheduler dpm\+\+2m --sigmas karras$/m],
    ["--prompt <lora:x:0.8>", /use --lora x\.safetensors:0\.8/],
    ["--prompt <lora:x:0.8>", /; with --prompt-syntax plain it is text$/m],
    ["--vae-tile 1", /: --vae-tile: /],
    ["--feature-cache 1", /: --feature-cache: expected/],
    ["--preview 1 --preview-decoder x", /: --preview-decoder: expected/],
    ["--guidance-interval 0,2", /: --guidance-interval: expected/],
  ])("%s", async (flags, says) => expect((await cli(["generate", ...flags.split(" ")])).err).toMatch(says));

  test("messages of convert speak of its arguments", async () => {
    const addon = new FakeAddon();
    const output = join(folder, "a.gguf");
    const convert = async (...flags: string[]): Promise<string> =>
      (await cli(["convert", join(ROOT, "package.json"), output, ...flags], addon)).err;
    expect(await convert("--type", "x")).toContain(": --type: expected one of");
    expect(await convert("--type", "f16", "--overwrite")).toBe(
      "error: unknown option '--overwrite': use --force\n(add --help for the options)\n",
    );
    expect(await convert("--type", "f16", "--model", "x")).not.toContain("Pipeline");
    const exists = `output: "${output}" exists: pass overwrite: true (--force) to replace it`;
    expect(withFlags(exists, ["convert"])).toBe(`<out>: "${output}" exists: use --force to replace it`);
  });

  test.each(["generate", "encode", "convert", "pull", "inspect"])(
    "the help of %s has no words of the API",
    async (name) => {
      const { out } = await cli([name, "--help"]);
      const ofApi = /info\.|encoded bytes|\[\[|\b(?!diffusers)[a-z]+[A-Z]\w*/.exec(out);
      expect(ofApi).toBeNull();
      if (name === "generate") for (const pair of ["[0,1]", "[0,0]"]) expect(out).toContain(pair);
    },
  );

  test("an option named as a flag is one", async () => {
    const { out } = await cli(["generate", "--help"]);
    for (const name of NAMES) expect(out).toContain(`${flagOf(name)} `);
  });

  test("what to do about a missing addon keeps its lines", async () => {
    const addon = new FakeAddon();
    addon.system = () => {
      throw new Error("unused");
    };
    Object.defineProperty(addon, "load", {
      value: () => {
        throw new InstallError("ERR_IPA_ADDON_MISSING", "no addon\nTo fix it:\n- build it");
      },
    });
    expect((await cli(["generate"], addon)).err).toContain("no addon\nTo fix it:\n- build it");
  });
});
