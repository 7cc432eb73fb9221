/** Image embeddings as data: files of ours and of others, and combinations, against diffusers and torch. Needs `npm run build`. */
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import {
  ImageEmbeds,
  Pipeline,
  combineEmbeds,
  inspect,
  loadEmbeds,
  saveEmbeds,
  type CombineMethod,
  type ImagePrompt,
} from "../lib/index";
import { loadAddon } from "../lib/native/load";
import { ImagePromptSchema } from "../lib/options/image-prompt-schema";
import { readOptions } from "../lib/options/validate";
import { type CommandRun, runCommand } from "./support/command";
import { FakeAddon, MINI_INFO } from "./support/fake-addon";
import { GOLDEN, relativeError } from "./support/golden";
import { MINI, ROOT, loadFake, rejection } from "./support/load";
import { readSafetensors, writeSafetensors } from "./support/safetensors";

const MODEL = join(GOLDEN, "models/sd15");
const PICTURES = ["square-64", "wide-150x100"].map((name) => join(GOLDEN, `images/${name}.png`));
// tools/goldens/embeds.py
const golden = readSafetensors(join(GOLDEN, "embeds/golden.safetensors"));
const file = (name: string): string => join(GOLDEN, "embeds", name);
const tensor = (name: string): ImageEmbeds => new ImageEmbeds(golden.get(name)!.floats(), golden.get(name)!.shape);
const adapters = (...names: string[]): { file: string }[] =>
  names.map((name) => ({ file: join(MODEL, `adapters/${name}.safetensors`) }));
/** Floats and shape, for toEqual. */
const plain = (embeds: ImageEmbeds): { shape: readonly number[]; floats: number[] } => ({
  shape: embeds.shape,
  floats: [...embeds],
});
const CALL = {
  prompt: "a photo of a red cat",
  negativePrompt: "",
  steps: 6,
  guidance: 5,
  width: 64,
  height: 64,
  scheduler: "ddim",
  seed: 4,
  output: "latents",
} as const;

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "embeds-"))));
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(["base", "plus"])("%s adapter", (adapter) => {
  let pipeline: Pipeline;
  beforeAll(async () => (pipeline = await Pipeline.load({ model: MODEL, adapters: adapters(adapter) })));
  afterAll(() => pipeline.dispose());

  const latents = async (imagePrompts: ImagePrompt[]): Promise<Float32Array> =>
    (await pipeline.generate({ ...CALL, imagePrompts })).latents[0]!;
  const encode = (picture: string): Promise<ImageEmbeds> => pipeline.encodeImage(picture);

  test("encodeImage gives what diffusers' encoder gives, with its shape", async () => {
    const both = combineEmbeds(await Promise.all(PICTURES.map(encode)), "concat");
    expect(both.shape).toEqual(golden.get(adapter)!.shape);
    expect(relativeError(both, tensor(adapter))).toBeLessThan(1e-5);
  });

  test("a picture and its embeddings from a file give the same bits, one by one or together", async () => {
    const embeds = await Promise.all(PICTURES.map(encode));
    const [one, two] = [
      join(folder, `${adapter}.safetensors`),
      pathToFileURL(join(folder, `${adapter}-two.SAFETENSORS`)),
    ];
    await saveEmbeds(one, embeds[0]!);
    await saveEmbeds(two, embeds);
    expect(plain(await loadEmbeds(one))).toEqual(plain(embeds[0]!));
    expect(await latents([{ embeds: await loadEmbeds(one) }])).toEqual(await latents([{ image: PICTURES[0]! }]));
    expect(await latents([{ embeds: await loadEmbeds(two) }])).toEqual(
      await latents(PICTURES.map((image) => ({ image }))),
    );
    // What others read: a plain safetensors file.
    const written = readSafetensors(one).get("image_embeds")!;
    expect([written.shape, written.floats()]).toEqual([embeds[0]!.shape, Float32Array.from(embeds[0]!)]);
  });

  test("the embeddings of others, as they saved them", async () => {
    const expected = plain(tensor(adapter));
    expect(plain(await loadEmbeds(file(`diffusers-${adapter}.ipadpt`)))).toEqual(expected);
    expect(plain(await loadEmbeds(file(`comfy-${adapter}.ipadpt`)))).toEqual(expected);
    expect(await inspect(file(`comfy-${adapter}.ipadpt`))).toMatchObject({ format: "pytorch", tensors: 1 });
  });

  test("diffusers' latents of two pictures, and of combined ones", async () => {
    const both = await loadEmbeds(file(`diffusers-${adapter}.ipadpt`));
    expect(
      relativeError(await latents([{ embeds: both, scale: 0.8 }]), golden.get(`${adapter}.latents.two`)!.floats()),
    ).toBeLessThan(1e-4);
    for (const how of ["average", "subtract"] as const) {
      const ours = await latents([{ embeds: combineEmbeds(both, how), scale: 0.8 }]);
      expect(relativeError(ours, golden.get(`${adapter}.latents.${how}`)!.floats())).toBeLessThan(1e-4);
    }
  });

  test.each<CombineMethod>(["concat", "average", "add", "subtract", "norm-average"])(
    "torch's %s, plain and weighted",
    (how) => {
      const list = [tensor(adapter), tensor(`${adapter}.third`)];
      for (const [name, weights] of [
        ["plain", undefined],
        ["weighted", [0.7, 1.6, -0.25]],
      ] as const) {
        const [ours, theirs] = [
          combineEmbeds(list, how, weights),
          tensor(`${adapter}.${name}.${how.replace("-", " ")}`),
        ];
        expect(ours.shape).toEqual(theirs.shape);
        expect(relativeError(ours, theirs)).toBeLessThan(1e-7);
      }
    },
  );
});

test("files of two adapters, without guidance, of several pictures per prompt, in half precision, in the older form", async () => {
  const base = plain(tensor("base"));
  for (const name of [
    "diffusers-base-legacy",
    "diffusers-base-three",
    "diffusers-base-no-guidance-three",
    "comfy-base-legacy",
    "diffusers-base+plus",
  ]) {
    expect(plain(await loadEmbeds(file(`${name}.ipadpt`)))).toEqual(base);
  }
  expect(plain(await loadEmbeds(file("comfy-base-half.ipadpt")))).toEqual(plain(tensor("base.half")));
  expect(plain(await loadEmbeds(file("diffusers-base+plus.ipadpt"), { adapter: 1 }))).toEqual(plain(tensor("plus")));
  // A file for one adapter may be for the second of a pipeline.
  expect(plain(await loadEmbeds(file("diffusers-base.ipadpt"), { adapter: 1 }))).toEqual(base);
});

test("content is taken away from a picture, as InstantStyle does", () => {
  const content = tensor("content");
  const picture = new ImageEmbeds(tensor("base").slice(0, content.length), content.shape);
  const ours = combineEmbeds([picture, content], "subtract", [1, 0.5]);
  expect(relativeError(ours, tensor("content.subtracted"))).toBeLessThan(1e-7);
});

test("where all pictures have 0, so has their norm average", () => {
  expect([...combineEmbeds(new ImageEmbeds([0, 3, 0, 4], [2, 2]), "norm-average")]).toEqual([0, Math.fround(0.7)]);
});

test("ComfyUI's spelling of a way to combine is taken, in every place", () => {
  const embeds = new ImageEmbeds([1, 3, 2, 4], [2, 2]);
  const theirs = "norm average" as CombineMethod;
  expect(combineEmbeds(embeds, theirs)).toEqual(combineEmbeds(embeds, "norm-average"));
  expect(readOptions(ImagePromptSchema, { combine: theirs })).toEqual({ combine: "norm-average" });
});

test("ImageEmbeds are floats with a shape; parts of them are only floats", () => {
  const data = Float32Array.of(1, 2, 3, 4);
  const embeds = new ImageEmbeds(data, [2, 2]);
  data.fill(0);
  expect([...embeds]).toEqual([1, 2, 3, 4]);
  expect(embeds).toBeInstanceOf(Float32Array);
  expect(Object.isFrozen(embeds.shape)).toBe(true);
  for (const part of [embeds.slice(1), embeds.subarray(1), embeds.map((v) => v)])
    expect(part).not.toHaveProperty("shape");
});

describe("refused", () => {
  test.each<[string, () => unknown, string, string]>([
    [
      "a length without a shape",
      () => new ImageEmbeds(new Float32Array(4), [2, 3]),
      "shape",
      "(2, 3) has 6 numbers but data has 4",
    ],
    ["one dimension", () => new ImageEmbeds(new Float32Array(4), [4]), "shape", "[pictures, size]"],
    ["no pictures", () => new ImageEmbeds(new Float32Array(0), [0, 4]), "shape", "(0, 4)"],
    ["text as a size", () => new ImageEmbeds(new Float32Array(4), ["4", 1] as never), "shape", '("4", 1)'],
    ["no shape", () => new ImageEmbeds(new Float32Array(4), undefined as never), "shape", "undefined"],
    ["NaN", () => new ImageEmbeds([1, NaN], [1, 2]), "data[1]", "finite"],
    ["bytes", () => new ImageEmbeds(new Uint8Array(4) as never, [1, 4]), "data", "a Uint8Array of 4"],
    ["a method that is none", () => combineEmbeds(tensor("base"), "mean" as never), "how", '"average"'],
    [
      "a plain array",
      () => combineEmbeds([new Float32Array(4) as never], "add"),
      "embeds[0]",
      "new ImageEmbeds(floats, shape)",
    ],
    ["nothing", () => combineEmbeds([], "add"), "embeds", "empty"],
    [
      "two kinds",
      () => combineEmbeds([tensor("base"), tensor("plus")], "concat"),
      "embeds[1]",
      "one adapter's encoder",
    ],
    ["one picture less the mean of none", () => combineEmbeds(tensor("content"), "subtract"), "embeds", "two pictures"],
    [
      "too few weights",
      () => combineEmbeds(tensor("base"), "add", [1]),
      "weights",
      "expected one for each picture, 2, but received 1",
    ],
    [
      "weights of text",
      () => combineEmbeds(tensor("base"), "add", ["1", 1] as never),
      "weights[0]",
      "use the number 1",
    ],
    ["weights that cancel out", () => combineEmbeds(tensor("base"), "average", [1, -1]), "weights", 'use "add"'],
  ])("%s", (_name, make, option, message) => {
    expect(make).toThrow(expect.objectContaining({ code: "ERR_IPA_INVALID_OPTION", option }) as Error);
    expect(make).toThrow(message);
  });

  const made = (name: string, tensors: Record<string, number[]>): string => {
    const path = join(folder, name);
    const entries = Object.entries(tensors).map(([key, shape]) => [
      key,
      { shape, data: new Float32Array(shape.reduce((product, size) => product * size, 1)) },
    ]);
    writeFileSync(path, writeSafetensors(Object.fromEntries(entries) as Parameters<typeof writeSafetensors>[0]));
    return path;
  };

  test.each<[string, () => Promise<unknown>, string, string]>([
    [
      "a file that is not there",
      () => loadEmbeds(join(folder, "none.safetensors")),
      "ERR_IPA_NOT_FOUND",
      "none.safetensors",
    ],
    [
      "a picture",
      () => loadEmbeds(PICTURES[0]!),
      "ERR_IPA_UNSUPPORTED",
      "no weight file that is read here: this is a PNG picture",
    ],
    [
      "a JPEG whose first segment is a table",
      () => loadEmbeds(join(ROOT, "test/golden/images/cmyk-plain.jpg")),
      "ERR_IPA_UNSUPPORTED",
      "a JPEG picture",
    ],
    ["an adapter", () => loadEmbeds(adapters("base")[0]!.file), "ERR_IPA_MISSING_TENSOR", '"image_proj.norm.bias"'],
    ["no tensors", () => loadEmbeds(made("empty.safetensors", {})), "ERR_IPA_MISSING_TENSOR", "none"],
    ["one dimension", () => loadEmbeds(made("flat.safetensors", { image_embeds: [16] })), "ERR_IPA_SHAPE", "has (16)"],
    [
      "four dimensions",
      () => loadEmbeds(made("deep.safetensors", { image_embeds: [1, 2, 3, 4] })),
      "ERR_IPA_SHAPE",
      "(n, d) or (n, t, d)",
    ],
    [
      "no pictures",
      () => loadEmbeds(made("no-pictures.safetensors", { image_embeds: [0, 16] })),
      "ERR_IPA_SHAPE",
      "has (0, 16)",
    ],
    ["a list of vectors", () => loadEmbeds(made("list.safetensors", { 0: [2, 16] })), "ERR_IPA_SHAPE", "(2, n, d)"],
    [
      "an adapter there is nothing for",
      () => loadEmbeds(file("diffusers-base+plus.ipadpt"), { adapter: 2 }),
      "ERR_IPA_INVALID_OPTION",
      "between 0 and 1",
    ],
    [
      "an unknown option",
      () => loadEmbeds(file("comfy-base.ipadpt"), { adaptor: 1 } as never),
      "ERR_IPA_UNKNOWN_OPTION",
      '"adapter"',
    ],
    [
      "another format to write",
      () => saveEmbeds(join(folder, "a.ipadpt"), tensor("base")),
      "ERR_IPA_INVALID_OPTION",
      ".safetensors",
    ],
    [
      "a folder that is not there",
      () => saveEmbeds(join(folder, "none/a.safetensors"), tensor("base")),
      "ERR_IPA_NOT_FOUND",
      "none",
    ],
    [
      "plain floats to write",
      () => saveEmbeds(join(folder, "a.safetensors"), new Float32Array(16) as never),
      "ERR_IPA_INVALID_OPTION",
      "ImageEmbeds",
    ],
  ])("%s", async (_name, start, code, message) => {
    const error = await rejection(start());
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
    expect(error.stack).toContain("embeds.test.ts");
  });

  test("numbers that are none, and a call that is over before it began", async () => {
    const path = join(folder, "nan.safetensors");
    writeFileSync(path, writeSafetensors({ image_embeds: { shape: [1, 2], data: Float32Array.of(1, NaN) } }));
    expect(await rejection(loadEmbeds(path))).toMatchObject({ message: expect.stringContaining("finite") });
    const reason = new Error("enough");
    expect(await rejection(loadEmbeds(path, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(existsSync(join(folder, "a.safetensors"))).toBe(false);
  });

  test("embeddings for another adapter, by their shape, where a number of floats alone would fit", async () => {
    const [base] = MINI_INFO.adapters;
    const load = async (other: object): ReturnType<typeof loadFake> => {
      const addon = new FakeAddon();
      addon.info.adapters = [{ ...base!, ...other }];
      return loadFake(addon);
    };
    const refused = async (other: object, prompt: object): Promise<unknown> =>
      rejection((await load(other)).pipeline.generate({ imagePrompts: [prompt as ImagePrompt] }));
    const two = { embeds: new ImageEmbeds(new Float32Array(10 * 256), [2, 5, 256]) };
    const hidden = new ImageEmbeds(new Float32Array(5 * 256), [1, 5, 256]);
    expect(await refused({}, { embeds: hidden })).toMatchObject({
      option: "imagePrompts[0].embeds",
      message: expect.stringContaining("(1, 5, 256)"),
    });
    expect(
      await refused(
        { variant: "plus", hiddenStates: true },
        { embeds: new ImageEmbeds(new Float32Array(512), [2, 256]) },
      ),
    ).toMatchObject({
      message: expect.stringContaining(
        "this plus adapter takes a multiple of 256 floats (hidden states) but received embeddings of shape (2, 256)",
      ),
    });
    const { addon, pipeline } = await load({ variant: "plus", hiddenStates: true });
    await pipeline.generate({ imagePrompts: [two] });
    expect(addon.requests[0]!.branches[0]!.images.map(({ embeds }) => embeds!.length)).toEqual([1280, 1280]);
    expect(
      await refused(
        { variant: "faceid_plus", hiddenStates: true, faceSize: 512 },
        { ...two, faceEmbeds: new Float32Array(512) },
      ),
    ).toMatchObject({
      message: expect.stringContaining("a face takes one picture but received 2"),
    });
  });
});

describe("on the command line", () => {
  const cli = (...args: string[]): Promise<CommandRun> => runCommand(args, loadAddon);
  const generate = async (name: string, ...args: string[]): Promise<Buffer> => {
    const latents = join(folder, `${name}.safetensors`);
    const options = [
      "--model",
      MODEL,
      "--steps",
      "2",
      "--seed",
      "1",
      "--width",
      "64",
      "--height",
      "64",
      "--output",
      join(folder, "out.png"),
      "--save-latents",
      latents,
    ];
    expect(await cli("generate", ...options, ...args)).toMatchObject({ code: 0 });
    return readFileSync(latents);
  };

  test("encode writes what generate reads, and the picture is the same", async () => {
    const [{ file: adapter }] = adapters("plus") as [{ file: string }];
    const embeds = join(folder, "cli.safetensors");
    expect(await cli("encode", ...PICTURES, "--model", MODEL, "--adapter", adapter, "--output", embeds)).toMatchObject({
      code: 0,
      out: `${embeds}: image_embeds (${golden.get("plus")!.shape.join(", ")}) for a plus adapter\n`,
    });
    const byPicture = await generate(
      "by-picture",
      "--adapter",
      adapter,
      "--image-prompt",
      PICTURES[0]!,
      "--image-prompt",
      PICTURES[1]!,
    );
    expect(await generate("by-embeds", "--adapter", adapter, "--image-embeds", embeds)).toEqual(byPicture);
  });

  test("generate reads .ipadpt, and of a file for two adapters each gets its own", async () => {
    const [base, plus] = adapters("base", "plus").map((one) => one.file) as [string, string];
    const both = file("diffusers-base+plus.ipadpt");
    const ours = await generate(
      "both",
      "--adapter",
      base,
      "--image-embeds",
      both,
      "--adapter",
      plus,
      "--image-embeds",
      both,
    );
    const [first, second] = [join(folder, "first.safetensors"), join(folder, "second.safetensors")];
    await saveEmbeds(first, await loadEmbeds(both));
    await saveEmbeds(second, await loadEmbeds(both, { adapter: 1 }));
    expect(
      await generate("each", "--adapter", base, "--image-embeds", first, "--adapter", plus, "--image-embeds", second),
    ).toEqual(ours);
    expect(await generate("half", "--adapter", base, "--image-embeds", file("comfy-base-half.ipadpt"))).not.toEqual(
      ours,
    );
  });

  test("encode with the shipped model, as JSON; bad calls write nothing", async () => {
    const embeds = join(folder, "shipped.safetensors");
    const { code, out } = await cli("encode", PICTURES[0]!, "--output", embeds, "--json");
    expect([code, JSON.parse(out)]).toEqual([0, { type: "result", file: embeds, shape: [1, 256], variant: "base" }]);
    expect(await cli("encode")).toMatchObject({ code: 2, err: expect.stringContaining("add one of them") });
    expect(await cli("encode", PICTURES[0]!, "--prompt", "a")).toMatchObject({
      code: 2,
      err: expect.stringContaining("--prompt: a file has embeddings of pictures or of a prompt"),
    });
    expect(await cli("encode", PICTURES[0]!, "--clip-skip", "1")).toMatchObject({
      code: 2,
      err: expect.stringContaining("--clip-skip: it belongs to --prompt TEXT"),
    });
    expect(await cli("encode", PICTURES[0]!, "--model", MINI)).toMatchObject({
      code: 2,
      err: expect.stringContaining("--adapter"),
    });
    expect(await cli("encode", PICTURES[0]!, "--output", join(folder, "x.ipadpt"))).toMatchObject({
      code: 2,
      err: expect.stringContaining(".safetensors"),
    });
    expect(await cli("encode", join(folder, "none.png"), "--output", join(folder, "x.safetensors"))).toMatchObject({
      code: 1,
      err: expect.stringContaining("none.png"),
    });
    expect(
      await cli("generate", "--image-embeds", file("golden.safetensors"), "--output", join(folder, "x.png")),
    ).toMatchObject({ code: 1, err: expect.stringContaining("--image-embeds") });
    expect(readdirSync(folder).filter((name) => name.startsWith("x."))).toEqual([]);
  });
});
