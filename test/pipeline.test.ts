/** The public API on the native addon and the shipped model. Needs `npm run build`. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  DisposedError,
  GeneratedImage,
  IpAdapterError,
  OptionError,
  Pipeline,
  inspect,
  setThreads,
  systemInfo,
} from "../lib/index";
import type { GenerateOptions, GenerateResult, LoadOptions, ProgressEvent } from "../lib/index";
import { loadAddon } from "../lib/native/load";
import { SCHEDULERS } from "../lib/options/schema";
import { MINI, ROOT, SHORT_CALL, pixels, rejection } from "./support/load";

const picture = { data: pixels(80, 60), width: 80, height: 60 };
const base: GenerateOptions = { prompt: "a red airplane on a blue background", steps: 4, seed: 11 };

let pipeline: Pipeline;
beforeAll(async () => (pipeline = await Pipeline.load()));
afterAll(() => pipeline.dispose());

const bytes = ({ images, latents }: GenerateResult): string =>
  [
    ...images.map(({ data }) => Buffer.from(data)),
    ...latents.map((l) => Buffer.from(l.buffer, l.byteOffset, l.byteLength)),
  ]
    .map((b) => b.toString("base64"))
    .join();

async function same(a: GenerateOptions, b: GenerateOptions): Promise<boolean> {
  return bytes(await pipeline.generate({ ...base, ...a })) === bytes(await pipeline.generate({ ...base, ...b }));
}

describe("what was loaded", () => {
  test("info tells the shipped model", () => {
    const { info } = pipeline;
    expect(info).toMatchObject({ family: "sd1", hasImageEncoder: true, latentChannels: 8 });
    expect(info.adapters).toEqual([expect.objectContaining({ variant: "base" })]);
    expect(info.textEncoders).toHaveLength(1);
    expect(info.parameters).toBeGreaterThan(1e6);
    expect(info.width % info.vaeScale).toBe(0);
    info.width = 1;
    expect(pipeline.info.width).not.toBe(1);
  });

  test("a UNet of another base is refused with what does not fit", async () => {
    const error = await rejection(Pipeline.load({ unet: join(ROOT, "test/golden/models/sd15/unet") }));
    expect(error).toMatchObject({ code: "ERR_IPA_MISMATCH", message: expect.stringMatching(/192.*32|32.*192/) });
    await expect(Pipeline.load({ unet: join(MINI, "vae") })).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_IPA_/),
    });
  });

  test("a UNet in a file with diffusers' names is the one in its folder; another file is none", async () => {
    const model = join(ROOT, "test/golden/models/sd15");
    const latents = async (load: LoadOptions): Promise<Float32Array> => {
      await using loaded = await Pipeline.load(load);
      return (await loaded.generate(SHORT_CALL)).latents[0]!;
    };
    expect(await latents({ model, unet: join(model, "unet/diffusion_pytorch_model.safetensors") })).toEqual(
      await latents({ model }),
    );
    expect(await rejection(Pipeline.load({ unet: join(MINI, "ip-adapter.safetensors") }))).toMatchObject({
      code: "ERR_IPA_MISMATCH",
      message: expect.stringContaining("no UNet"),
    });
  });

  test("systemInfo tells the machine", () => {
    const system = systemInfo();
    expect(system.isas).toContain(system.isa);
    expect(system.isas[0]).toBe("scalar");
    expect(system.cores).toBeGreaterThan(0);
    expect(system.threads).toBeGreaterThan(0);
    expect(system.version).toBe(
      (JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string }).version,
    );
  });

  test("setThreads sizes the shared pool, and pictures stay the same", async () => {
    const before = systemInfo().threads;
    const options = { prompt: "a red apple", seed: 3, steps: 2 };
    const reference = await pipeline.generate(options);
    for (const threads of [4, 1, 3]) {
      await setThreads(threads);
      expect(systemInfo().threads).toBe(threads);
      const again = await pipeline.generate(options);
      expect(Buffer.compare(again.images[0]!.data, reference.images[0]!.data)).toBe(0);
    }
    for (const bad of [0, 1.5, NaN, 1025, "2" as unknown as number])
      await expect(setThreads(bad)).rejects.toThrow(OptionError);
    await setThreads(before);
  });

  test.each(["sd15", "sd2", "sdxl"])(
    "the family of the %s reference model, by load() and inspect() alike",
    async (name) => {
      const model = join(ROOT, "test/golden/models", name);
      await using loaded = await Pipeline.load({ model });
      expect(loaded.info.family).toBe(name === "sd15" ? "sd1" : name);
      expect((await inspect(model)).family).toBe(loaded.info.family);
    },
  );

  test("the engine's refusals name the option; a broken model file is no option", async () => {
    const refused = (options: object): Promise<unknown> =>
      pipeline.generate(options).then(
        () => undefined,
        (error: unknown) => error,
      );
    expect(await refused({ scheduler: "ddim", sigmas: "karras" })).toMatchObject({
      name: "OptionError",
      option: "sigmas",
    });
    expect(await refused({ scheduler: "pndm", steps: 2 })).toMatchObject({ name: "OptionError", option: "steps" });
    // Leading spacing with an offset of 1 would pass the last timestep.
    await using leading = await Pipeline.load({ model: join(ROOT, "test/golden/models/sd2") });
    expect(await rejection(leading.generate({ scheduler: "ddim", steps: 1000 }))).toMatchObject({
      name: "OptionError",
      option: "steps",
    });
    const broken = mkdtempSync(join(tmpdir(), "broken-"));
    try {
      cpSync(MINI, broken, { recursive: true });
      const preprocessor = join(broken, "feature_extractor/preprocessor_config.json");
      for (const bad of [
        '{"image_mean":["a","b","c"]}',
        "[]",
        '{"image_std":[0.5,0.5,1e-30]}',
        '{"image_mean":[0.5]}',
      ]) {
        writeFileSync(preprocessor, bad);
        await expect(Pipeline.load({ model: broken })).rejects.toMatchObject({
          name: "IpAdapterError",
          code: expect.stringMatching(/^ERR_IPA_(TYPE|RANGE)$/),
        });
      }
      const config = join(broken, "unet/config.json");
      writeFileSync(config, readFileSync(config, "utf8").replace(/"norm_num_groups": \d+/, '"norm_num_groups": 0'));
      await expect(Pipeline.load({ model: broken })).rejects.toMatchObject({
        name: "IpAdapterError",
        message: expect.stringContaining("norm_num_groups"),
      });
    } finally {
      rmSync(broken, { recursive: true });
    }
  });

  test("inspect tells files and folders", async () => {
    expect(await inspect(join(MINI, "ip-adapter.safetensors"))).toMatchObject({
      kind: "ip-adapter",
      variant: "base",
      format: "safetensors",
      tokens: pipeline.info.adapters[0]!.tokens,
    });
    const model = await inspect(MINI);
    expect(model).toMatchObject({ kind: "model", family: "sd1" });
    expect(model.components.map(({ kind }) => kind).sort()).toEqual(
      expect.arrayContaining(["text_encoder", "unet", "vae"]),
    );
    const error = await rejection(inspect(join(ROOT, "package.json")));
    expect(error).toBeInstanceOf(IpAdapterError);
    expect(error.code).toMatch(/^ERR_IPA_/);
  });
});

describe("generate", () => {
  test("a prompt alone gives a picture of the model's own size", async () => {
    const { images, latents, seeds, latentShape } = await pipeline.generate({ prompt: "a cat", steps: 2 });
    const { width, height, vaeScale } = pipeline.info;
    expect(images[0]).toBeInstanceOf(GeneratedImage);
    expect(images[0]).toMatchObject({ width, height, seed: seeds[0] });
    expect(images[0]!.data).toHaveLength(width * height * 3);
    expect(new Set(images[0]!.data).size).toBeGreaterThan(1);
    expect(latentShape).toEqual([8, height / vaeScale, width / vaeScale]);
    expect(latents[0]!.every(Number.isFinite)).toBe(true);
  });

  test("equal seeds give equal bytes, other seeds and prompts do not", async () => {
    expect(await same({}, {})).toBe(true);
    expect(await same({}, { seed: 12 })).toBe(false);
    expect(await same({}, { prompt: "a green tree" })).toBe(false);
    expect(await same({}, { negativePrompt: "blue" })).toBe(false);
    expect(await same({}, { prompt: "a (red:1.5) airplane on a blue background" })).toBe(false);
    expect(await same({ prompt: "(a) cat", promptSyntax: "plain" }, { prompt: "(a) cat" })).toBe(false);
  });

  test("an image prompt changes the picture, scale 0 does not, to the bit", async () => {
    expect(await same({}, { imagePrompts: [{ image: picture }] })).toBe(false);
    expect(await same({}, { imagePrompts: [{ image: picture, scale: 0 }] })).toBe(true);
    expect(
      await same(
        { imagePrompts: [{ image: picture, scale: 0.4 }] },
        { imagePrompts: [{ image: picture, scale: 0.8 }] },
      ),
    ).toBe(false);
  });

  test("embeds made by encodeImage are the picture", async () => {
    const embeds = await pipeline.encodeImage(picture);
    expect(embeds).toHaveLength(pipeline.info.adapters[0]!.embedSize);
    expect(await same({ imagePrompts: [{ image: picture }] }, { imagePrompts: [{ embeds }] })).toBe(true);
    const two = new Float32Array([...embeds, ...embeds]);
    expect(
      await same({ imagePrompts: [{ image: picture }, { image: picture }] }, { imagePrompts: [{ embeds: two }] }),
    ).toBe(true);
  });

  test("each of several pictures is what its seed gives alone", async () => {
    const { images, latents, seeds } = await pipeline.generate({ ...base, count: 3 });
    expect(seeds).toEqual([11, 12, 13]);
    const alone = await pipeline.generate({ ...base, seed: 12 });
    expect(Buffer.from(images[1]!.data).equals(Buffer.from(alone.images[0]!.data))).toBe(true);
    expect(latents[1]).toEqual(alone.latents[0]);
  });

  test("calls at the same time give what they give one after the other", async () => {
    const options = [
      base,
      { ...base, seed: 5 },
      { ...base, imagePrompts: [{ image: picture }] },
      { ...base, width: 64, height: 96 },
    ];
    const together = await Promise.all(options.map((o) => pipeline.generate(o)));
    for (const [i, o] of options.entries()) expect(bytes(together[i]!)).toBe(bytes(await pipeline.generate(o)));
  });

  test("output latents skips the decoder, and its latents are the same", async () => {
    const full = await pipeline.generate(base);
    const { images, latents } = await pipeline.generate({ ...base, output: "latents" });
    expect(images).toEqual([]);
    expect(latents).toEqual(full.latents);
  });

  test("guidance of 1 and less is no guidance", async () => {
    expect(await same({ guidance: 1 }, { guidance: 0 })).toBe(true);
    expect(await same({ guidance: 1 }, { guidance: 1, negativePrompt: "blue" })).toBe(true);
    expect(await same({ guidance: 1 }, { guidance: 2 })).toBe(false);
  });

  test.each(SCHEDULERS)("scheduler %s", async (scheduler) => {
    const { latents } = await pipeline.generate({ ...base, scheduler, steps: 5 });
    expect(latents[0]!.every(Number.isFinite)).toBe(true);
    expect(await same({ scheduler }, { scheduler })).toBe(true);
  });

  test("sizes of their own, and prompts longer than one chunk", async () => {
    const { images } = await pipeline.generate({ ...base, width: 96, height: 64 });
    expect(images[0]).toMatchObject({ width: 96, height: 64 });
    expect(images[0]!.data).toHaveLength(96 * 64 * 3);
    const long = "a red airplane, a blue cat, a green tree, ".repeat(4);
    expect(await same({ prompt: long }, { prompt: `${long} a yellow house` })).toBe(false);
  });

  test("progress counts the model calls to the end, with previews", async () => {
    const events: ProgressEvent[] = [];
    const { images } = await pipeline.generate({
      ...base,
      steps: 6,
      preview: { every: 3 },
      onProgress: (event) => events.push(event),
    });
    const { total } = events[0]!;
    expect(events.map(({ step }) => step)).toEqual(Array.from({ length: total }, (_, i) => i + 1));
    const previews = events.filter(({ preview }) => preview !== undefined);
    expect(previews.length).toBeGreaterThan(0);
    expect(previews[0]!.preview!.data).toHaveLength(images[0]!.data.length);
  });

  test("the file that is written is the picture", async () => {
    const folder = mkdtempSync(join(tmpdir(), "pipeline-"));
    try {
      const { images } = await pipeline.generate(base);
      await images[0]!.toFile(join(folder, "a.png"));
      const embeds = await pipeline.encodeImage(join(folder, "a.png"));
      expect(embeds).toEqual(
        await pipeline.encodeImage({ data: images[0]!.data, width: images[0]!.width, height: images[0]!.height }),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("how calls end", () => {
  test("abort while running rejects with the reason, and the next call works", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const call = pipeline.generate({
      ...base,
      steps: 500,
      signal: controller.signal,
      onProgress: ({ step }) => step === 2 && controller.abort(reason),
    });
    expect(await rejection(call)).toBe(reason);
    expect(await same({}, {})).toBe(true);
  });

  test("an error in onProgress stops the call", async () => {
    const call = pipeline.generate({
      ...base,
      steps: 500,
      onProgress: () => {
        throw new RangeError("mine");
      },
    });
    expect(await rejection(call)).toMatchObject({ name: "RangeError", message: "mine" });
  });

  test("dispose while running: the call rejects, dispose waits, later calls reject", async () => {
    const other = await Pipeline.load();
    const started = new Promise<void>((resolve) => {
      void rejection(other.generate({ ...base, steps: 500, onProgress: () => resolve() })).then((error) =>
        expect(error).toBeInstanceOf(DisposedError),
      );
    });
    await started;
    await Promise.all([other.dispose(), other.dispose()]);
    expect(await rejection(other.generate(base))).toBeInstanceOf(DisposedError);
    expect(await rejection(other.encodeImage(picture))).toMatchObject({ code: "ERR_IPA_DISPOSED" });
    expect(await same({}, {})).toBe(true);
  });

  test("pipelines live side by side and one's end does not touch the other", async () => {
    await using other = await Pipeline.load({ threads: 2 });
    const [a, b] = await Promise.all([pipeline.generate(base), other.generate(base)]);
    expect(bytes(a)).toBe(bytes(b));
  });

  test("the event loop runs on during a generation", async () => {
    let [turns, done] = [0, false];
    const turn = (): unknown => (turns++, done || setImmediate(turn));
    turn();
    await pipeline.generate({ ...base, steps: 20 });
    done = true;
    expect(turns).toBeGreaterThan(20);
  });
});

test("tensors written are tensors read", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tensors-"));
  const addon = loadAddon();
  const file = join(folder, "t.safetensors");
  const data = Float32Array.from({ length: 12 }, (_, i) => i / 7);
  try {
    const written = new Promise<unknown>((resolve) =>
      addon.writeTensors(file, [{ name: "image_embeds", shape: [3, 4], data }], resolve),
    );
    expect(await written).toBeNull();
    const read = await new Promise<{ shape: number[]; data: ArrayBuffer }>((resolve) =>
      addon.readTensor(file, "image_embeds", (_error, value) => resolve(value!)),
    );
    expect(read.shape).toEqual([3, 4]);
    expect(new Float32Array(read.data)).toEqual(data);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
