/** Fooocus' inpainting for SDXL, against diffusers with the patch and the head put into it by hand. Needs `npm run build`. */
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Pipeline, inspect, readMetadata, type GenerateOptions, type LoadOptions } from "../lib/index";
import { GOLDEN, describedCall, relativeError } from "./support/golden";
import { rejection } from "./support/load";
import { loadAddon } from "../lib/native/load";
import { runCommand } from "./support/command";
import { readSafetensors } from "./support/safetensors";
import { writeRaw, type RawTensor } from "./support/safetensors-parts";

interface Case {
  scheduler: NonNullable<GenerateOptions["scheduler"]>;
  strength?: number;
  fill?: NonNullable<GenerateOptions["maskFill"]>;
  guidance?: number;
  weight?: number;
  adapter?: boolean;
  plain?: boolean;
  patch?: string;
}
const FOLDER = join(GOLDEN, "inpaint");
// tools/goldens/inpaint.py
const index = JSON.parse(readFileSync(join(FOLDER, "index.json"), "utf8")) as {
  prompt: string;
  negative: string;
  seed: number;
  steps: number;
  guidance: number;
  cases: Case[];
};
const golden = readSafetensors(join(FOLDER, "latents.safetensors"));
const MODEL = join(GOLDEN, "models/sdxl");
const LORA = join(GOLDEN, "loras/sdxl-peft.safetensors");
const HEAD = join(FOLDER, "head.pth");
const PATCH = join(FOLDER, "patch.fooocus.patch");
const image = join(GOLDEN, "images/square-64.png");
const mask = join(GOLDEN, "images/mask-64.png");
const temporary = mkdtempSync(join(tmpdir(), "inpaint-"));

const call = { ...describedCall(index), output: "latents" } as const;

const pipelines = new Map<string, Promise<Pipeline>>();
function load(options: LoadOptions): Promise<Pipeline> {
  const key = JSON.stringify(options);
  if (!pipelines.has(key)) pipelines.set(key, Pipeline.load({ model: MODEL, ...options }));
  return pipelines.get(key)!;
}
const both: LoadOptions = { inpaint: { head: HEAD, patch: PATCH } };
afterAll(async () => {
  for (const pipeline of pipelines.values()) await (await pipeline).dispose();
  rmSync(temporary, { recursive: true });
});

function loadOptions({ weight, adapter = false, plain = false, patch }: Case): LoadOptions {
  return {
    ...(plain ? {} : { inpaint: { head: HEAD, patch: patch === undefined ? PATCH : join(FOLDER, patch), weight } }),
    ...(adapter ? { adapters: [join(MODEL, "adapters/base.safetensors")] } : {}),
  };
}

function callOf({ scheduler, strength, fill, guidance, adapter = false }: Case): GenerateOptions<"latents"> {
  return {
    ...call,
    image,
    mask,
    scheduler,
    ...(strength === undefined ? {} : { strength }),
    ...(fill === undefined ? {} : { maskFill: fill }),
    ...(guidance === undefined ? {} : { guidance }),
    ...(adapter ? { imagePrompts: [{ image, scale: 0.8 }] } : {}),
  };
}

test.each(index.cases.map((one, i) => [Object.entries(one).join(" "), one, i] as const))(
  "the latents are diffusers': %s",
  async (_, one, i) => {
    const pipeline = await load(loadOptions(one));
    const { latents } = await pipeline.generate(callOf(one));
    expect(relativeError(latents[0]!, golden.get(String(i))!.floats())).toBeLessThan(3e-5);
  },
);

describe("one pipeline for both", () => {
  const plainCalls: GenerateOptions<"latents">[] = [
    { ...call, steps: 2 },
    { ...call, steps: 2, image, strength: 0.6 },
  ];

  test("calls without a mask are those of a pipeline without it, to the bit, before and after calls with one", async () => {
    const with1 = await load(both);
    const without = await load({});
    for (const options of plainCalls) {
      const { latents } = await without.generate(options);
      expect((await with1.generate(options)).latents).toEqual(latents);
      await with1.generate({ ...call, steps: 2, image, mask });
      expect((await with1.generate(options)).latents).toEqual(latents);
    }
  });

  test("waiting calls of both kinds do not mix", async () => {
    const pipeline = await load(both);
    const calls = [{}, { image, mask }, {}, { image, mask }].map((more) => ({ ...call, steps: 2, ...more }));
    const alone = [];
    for (const one of calls) alone.push((await pipeline.generate(one)).latents);
    const together = await Promise.all(calls.map((one) => pipeline.generate(one)));
    expect(together.map(({ latents }) => latents)).toEqual(alone);
  });

  test("LoRAs and the patch are both added, and taken off again", async () => {
    const loras = [{ file: LORA, weight: 0.7 }];
    const options = { ...call, steps: 2, image, mask } as const;
    const loaded = await Pipeline.load({ model: MODEL, ...both, loras });
    const changed = await Pipeline.load({ model: MODEL, ...both });
    try {
      const plain = await changed.generate(options);
      await changed.setLoras([]);
      const { memoryBytes } = changed.info;
      await changed.setLoras(loras);
      const want = await loaded.generate(options);
      expect((await changed.generate(options)).latents).toEqual(want.latents);
      expect(relativeError(want.latents[0]!, plain.latents[0]!)).toBeGreaterThan(1e-2);
      const text = { ...call, steps: 2 } as const;
      expect((await changed.generate(text)).latents).toEqual((await (await load({ loras })).generate(text)).latents);
      await changed.setLoras([]);
      expect((await changed.generate(options)).latents).toEqual(plain.latents);
      expect(changed.info.memoryBytes).toBe(memoryBytes);
    } finally {
      await loaded.dispose();
      await changed.dispose();
    }
  });

  test("info says so, and both versions of the weights are in the memory that is told", async () => {
    const with1 = await load(both);
    const without = await load({});
    expect(with1.info.inpaint).toEqual({ weight: 1 });
    expect(without.info.inpaint).toBeUndefined();
    const spare = with1.info.memoryBytes - without.info.memoryBytes;
    const { parameters, types } = await inspect(PATCH);
    expect(spare).toBeGreaterThan(4 * (parameters - types["F32"]!));
    const options = { ...call, image, mask } as const;
    const estimate = await with1.estimateMemory(options);
    expect(estimate.total - (await without.estimateMemory(options)).total).toBeGreaterThanOrEqual(spare);
    const memoryBudget = estimate.total;
    await with1.generate({ ...options, memoryBudget });
    expect(await rejection(with1.generate({ ...options, memoryBudget: memoryBudget - 1 }))).toMatchObject({
      message: expect.stringContaining("memoryBudget"),
    });
  });

  test.each(["int8", "bf16"] as const)("it goes with %s", async (dtype) => {
    const pipeline = await Pipeline.load({ model: MODEL, ...both, dtype });
    try {
      const { latents } = await pipeline.generate(callOf(index.cases[0]!));
      expect(relativeError(latents[0]!, golden.get("0")!.floats())).toBeLessThan(0.2);
    } finally {
      await pipeline.dispose();
    }
  });

  test("a part of a picture, a picture that grows, cached features and several pictures", async () => {
    const pipeline = await load(both);
    const wide = join(GOLDEN, "images/wide-150x100.png");
    const rest = { prompt: index.prompt, seed: index.seed, width: 64, height: 64 };
    const cropped = await pipeline.generate({ ...rest, steps: 2, image: wide, mask, maskCrop: 4, maskFill: "blur" });
    expect([cropped.images[0]!.width, cropped.images[0]!.height]).toEqual([150, 100]);
    const options = { ...call, steps: 3, image, mask } as const;
    const [first, second] = (await pipeline.generate({ ...options, count: 2 })).latents;
    expect((await pipeline.generate({ ...options, seed: index.seed + 1 })).latents[0]).toEqual(second);
    expect(relativeError(first!, second!)).toBeGreaterThan(1e-2);
    const cached = await pipeline.generate({ ...options, featureCache: { every: 2, depth: 1 } });
    expect(relativeError(cached.latents[0]!, first!)).toBeLessThan(1);
    const grown = await pipeline.generate({
      prompt: index.prompt,
      steps: 2,
      image,
      outpaint: { right: 16 },
      maskFill: "neutral",
    });
    expect(grown.images[0]!.width).toBe(80);
  });
});

describe("on the command line", () => {
  const cli = (...args: string[]): ReturnType<typeof runCommand> => runCommand(["generate", ...args], loadAddon);
  const place = (name: string): string => join(temporary, name);
  const flags = ["--model", MODEL, "--steps", "2", "--seed", "1", "--image", image, "--mask", mask];

  test("settings name both files, `--from` repeats the picture bit for bit, and finds another file", async () => {
    const patch = place("own.patch");
    copyFileSync(PATCH, patch);
    const inpaint = ["--inpaint-head", HEAD, "--inpaint-patch", patch, "--inpaint-weight", "0.5"];
    const made = await cli(...flags, ...inpaint, "--mask-fill", "blur", "--output", place("first.png"));
    expect(made.err).not.toContain("error");
    const { settings } = await readMetadata(place("first.png"));
    expect(settings?.load).toMatchObject({ inpaint: { head: HEAD, patch, weight: 0.5 } });
    expect(settings?.generate).toMatchObject({ maskFill: "blur" });
    for (const [option, path] of Object.entries({ "inpaint.head": HEAD, "inpaint.patch": patch }))
      expect(settings?.files).toContainEqual({ option, path, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    await cli("--from", place("first.png"), "--output", place("second.png"));
    expect(readFileSync(place("second.png"))).toEqual(readFileSync(place("first.png")));
    copyFileSync(join(FOLDER, "patch-f16.pt"), patch);
    const { code, err } = await cli("--from", place("first.png"), "--output", place("third.png"));
    expect(code).toBe(1);
    expect(err).toContain("ERR_IPA_CHANGED");
    expect(err).toContain(patch);
  });

  test("one file alone, or a wrong one, is said by its flag", async () => {
    const alone = await cli(...flags, "--inpaint-head", HEAD);
    expect(alone).toMatchObject({ code: 2, err: expect.stringContaining("--inpaint-patch: expected beside") });
    const missing = await cli(...flags, "--inpaint-head", place("none.pth"), "--inpaint-patch", PATCH);
    expect(missing).toMatchObject({ code: 1, err: expect.stringContaining("--inpaint-head: file") });
  });
});

test("inspect() tells the two files", async () => {
  expect(await inspect(HEAD)).toMatchObject({ kind: "inpaint-head", format: "pytorch", family: "sdxl", tensors: 1 });
  expect(await inspect(PATCH)).toMatchObject({ kind: "inpaint-patch", format: "pytorch", family: "sdxl" });
  expect(await inspect(join(FOLDER, "patch-f16.pt"))).toMatchObject({
    kind: "inpaint-patch",
    types: { U8: 6, F16: 12 },
  });
});

describe("what cannot work", () => {
  const loading = (options: LoadOptions): Promise<Error & { code?: string; option?: string }> =>
    rejection(Pipeline.load({ model: MODEL, ...options }));

  test("another family, and SDXL's refiner", async () => {
    const refiner = join(temporary, "refiner");
    for (const part of ["text_encoder_2", "tokenizer_2", "vae", "scheduler"])
      cpSync(join(MODEL, part), join(refiner, part), { recursive: true });
    cpSync(join(GOLDEN, "models/sdxl-refiner"), refiner, { recursive: true });
    for (const [model, what] of [
      [join(GOLDEN, "models/sd15"), "this is sd1"],
      [refiner, "this is its refiner"],
    ])
      expect(await loading({ ...both, model })).toMatchObject({
        code: "ERR_IPA_INVALID_OPTION",
        option: "inpaint",
        message: expect.stringContaining(`Fooocus' files are for SDXL, ${what}: leave it out`),
      });
  });

  test("a model that inpaints by itself", async () => {
    const unet = join(GOLDEN, "models/source-pictures/sdxl-inpaint");
    expect(await loading({ ...both, unet })).toMatchObject({
      option: "inpaint",
      message: expect.stringContaining("this is an inpainting model: leave it out"),
    });
  });

  test("the files in each other's place, and files of another kind", async () => {
    expect(await loading({ inpaint: { head: PATCH, patch: HEAD } })).toMatchObject({
      code: "ERR_IPA_MISMATCH",
      message: expect.stringContaining("it is a patch: pass it as inpaint.patch"),
    });
    expect(await loading({ inpaint: { head: HEAD, patch: LORA } })).toMatchObject({
      code: "ERR_IPA_MISMATCH",
      message: expect.stringContaining("this is no inpaint patch of Fooocus"),
    });
    expect(await loading({ adapters: [PATCH] })).toMatchObject({
      code: "ERR_IPA_MISMATCH",
      message: expect.stringContaining("its kind is inpaint-patch: pass it as inpaint.patch"),
    });
    expect(await loading({ inpaint: { head: HEAD, patch: join(temporary, "none.patch") } })).toMatchObject({
      code: "ERR_IPA_NOT_FOUND",
      message: expect.stringContaining("inpaint.patch: file"),
    });
    expect(await rejection(Pipeline.load({ model: MODEL, inpaint: { head: HEAD } as never }))).toMatchObject({
      code: "ERR_IPA_INVALID_OPTION",
      message: expect.stringContaining("patch"),
    });
  });

  test("a fill without a mask", async () => {
    const pipeline = await load(both);
    expect(await rejection(pipeline.generate({ ...call, image, maskFill: "blur" }))).toMatchObject({
      option: "maskFill",
      message: expect.stringContaining("add mask"),
    });
  });

  const name = "diffusion_model.input_blocks.0.0.bias";
  const bytes = { dtype: "U8", shape: [8], bytes: Buffer.alloc(8, 255) };
  const number = (value: number, shape: number[] = []) => ({ dtype: "F32", shape, bytes: floats(value) });
  const whole = { [`${name}.0`]: bytes, [`${name}.1`]: number(-1), [`${name}.2`]: number(1) };
  const half = Object.fromEntries(Object.entries(whole).slice(0, 2));
  test.each([
    ["a missing bound", "ERR_IPA_MISMATCH", "this is no inpaint patch", half],
    [
      "no bytes",
      "ERR_IPA_TYPE",
      "is of type F32, not of bytes",
      { ...whole, [`${name}.0`]: { dtype: "F32", shape: [8], bytes: Buffer.alloc(32) } },
    ],
    [
      "bounds of whole numbers",
      "ERR_IPA_TYPE",
      "not of floats",
      { ...whole, [`${name}.1`]: { dtype: "I32", shape: [], bytes: Buffer.alloc(4) } },
    ],
    [
      "several bounds",
      "ERR_IPA_SHAPE",
      "where one number is expected",
      { ...whole, [`${name}.2`]: { dtype: "F32", shape: [2], bytes: Buffer.alloc(8) } },
    ],
    ["a bound of infinity", "ERR_IPA_RANGE", "no finite numbers", { ...whole, [`${name}.2`]: number(Infinity) }],
    ["a bound that is no number", "ERR_IPA_RANGE", "no finite numbers", { ...whole, [`${name}.1`]: number(NaN) }],
    [
      "another shape",
      "ERR_IPA_SHAPE",
      "use a patch made for this model family",
      { ...whole, [`${name}.0`]: { dtype: "U8", shape: [4], bytes: Buffer.alloc(4) } },
    ],
    [
      "a layer that is not there",
      "ERR_IPA_MISMATCH",
      "has no tensor",
      Object.fromEntries(Object.entries(whole).map(([key, value]) => [key.replace("0.0", "90.0"), value])),
    ],
  ] as [string, string, string, Record<string, RawTensor>][])(
    "a damaged patch: %s",
    async (_, code, message, tensors) => {
      const patch = join(temporary, "damaged.safetensors");
      writeFileSync(patch, writeRaw(new Map(Object.entries(tensors))));
      expect(await loading({ inpaint: { head: HEAD, patch } })).toMatchObject({
        code,
        message: expect.stringContaining(message),
      });
    },
  );

  test("files cut short", async () => {
    for (const [part, file] of [
      ["head", HEAD],
      ["patch", PATCH],
    ] as const) {
      const cut = join(temporary, "cut.pth");
      const all = readFileSync(file);
      for (const length of [0, 7, all.length >> 1, all.length - 30]) {
        writeFileSync(cut, all.subarray(0, length));
        const error = await loading({ inpaint: { head: HEAD, patch: PATCH, [part]: cut } });
        expect(error.code).toMatch(/^ERR_IPA_(TRUNCATED|SYNTAX|LAYOUT|RANGE|UNSUPPORTED|IO|LIMIT)$/);
      }
    }
  });
});

function floats(...values: number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer);
}
