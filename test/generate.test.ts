/** What reaches the engine, and how calls end: on the fake addon. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { DisposedError, IpAdapterError, OptionError } from "../lib/errors";
import type { ProgressEvent } from "../lib/progress";
import { FakeAddon } from "./support/fake-addon";
import { MINI, ROOT, loadFake, pixels, rejection } from "./support/load";

const picture = (seed: number): { data: Uint8Array; width: number; height: number } => ({
  data: pixels(4, 4).fill(seed, 0, 3),
  width: 4,
  height: 4,
});
const last = (addon: FakeAddon): FakeAddon["requests"][number] => addon.requests.at(-1)!;

describe("loading", () => {
  test("without options: the shipped model and its adapter, absolute", async () => {
    const { addon, pipeline } = await loadFake();
    expect(addon.loads).toEqual([
      {
        model: MINI,
        adapters: [{ file: join(MINI, "ip-adapter.safetensors"), loraWeight: 1 }],
        controls: [],
        loras: [],
        embeddings: [],
      },
    ]);
    expect(pipeline.info).toMatchObject({ family: "sd1", width: 128 });
  });

  test("another model has no adapter of its own", async () => {
    const { addon } = await loadFake(new FakeAddon(), {
      model: MINI,
      threads: 2,
      imageEncoder: join(MINI, "image_encoder"),
    });
    expect(addon.loads[0]).toMatchObject({ adapters: [], threads: 2, imageEncoder: join(MINI, "image_encoder") });
  });

  test("another UNet in the shipped model keeps the shipped adapter", async () => {
    const { addon } = await loadFake(new FakeAddon(), { unet: join(MINI, "unet") });
    expect(addon.loads[0]).toMatchObject({
      model: MINI,
      unet: join(MINI, "unet"),
      adapters: [{ file: join(MINI, "ip-adapter.safetensors"), loraWeight: 1 }],
    });
    expect(await rejection(loadFake(new FakeAddon(), { unet: join(MINI, "nothing") }))).toMatchObject({
      code: "ERR_IPA_NOT_FOUND",
      message: expect.stringContaining("unet"),
    });
  });

  test("an error of the engine has its code, its message and the caller's stack", async () => {
    const addon = new FakeAddon();
    addon.loadError = { code: "ERR_IPA_MISMATCH", message: "this adapter needs another encoder" };
    const error = await rejection(loadFake(addon));
    expect(error).toBeInstanceOf(IpAdapterError);
    expect(error).toMatchObject({ code: "ERR_IPA_MISMATCH", message: "this adapter needs another encoder" });
    expect(error.stack).toMatch(/^IpAdapterError: this adapter[^]*load\.ts/);
  });

  test("a tokenizer that does not fit its text encoder is refused, and the model freed", async () => {
    const addon = new FakeAddon();
    addon.info.textEncoders[0]!.vocabSize = 1000;
    expect(await rejection(loadFake(addon))).toMatchObject({ code: "ERR_IPA_MISMATCH" });
    expect(addon.closed).toBe(1);
  });

  test("an aborted load rejects with the reason, and a model that came too late is freed", async () => {
    const addon = new FakeAddon();
    expect(await rejection(loadFake(addon, { signal: AbortSignal.abort("early") }).then(() => undefined))).toBe(
      "early",
    );
    expect(addon.loads).toHaveLength(0);
    const controller = new AbortController();
    addon.later = (finish) => {
      setImmediate(() => {
        controller.abort("late");
        finish();
      });
      return { cancel: () => undefined };
    };
    expect(await rejection(loadFake(addon, { signal: controller.signal }))).toBe("late");
    expect(addon.closed).toBe(1);
  });
});

describe("the request", () => {
  test("defaults", async () => {
    const { addon, pipeline } = await loadFake();
    const { seeds, images, latents, latentShape } = await pipeline.generate({ prompt: "a cat" });
    expect(last(addon)).toMatchObject({
      scheduler: "",
      sigmas: "",
      steps: 30,
      guidance: 7.5,
      eta: 0,
      width: 128,
      height: 128,
      branches: [],
    });
    // The engine knows the other defaults.
    for (const name of ["guidanceInterval", "featureCache", "output", "preview", "vaeTiling"])
      expect(last(addon)).not.toHaveProperty(name);
    expect(last(addon).seeds).toEqual(seeds);
    expect(images[0]!.seed).toBe(seeds[0]);
    expect(latentShape).toEqual([8, 16, 16]);
    expect(latents[0]).toHaveLength(2048);
    await pipeline.generate();
    expect(last(addon).seeds).not.toEqual(seeds);
  });

  test("every option arrives", async () => {
    const { addon, pipeline } = await loadFake();
    const options = {
      scheduler: "dpm++2m",
      sigmas: "karras",
      steps: 3,
      guidance: 0,
      width: 64,
      height: 96,
      output: "latents",
      vaeTiling: "on",
      vaeTile: 256,
      seamless: "x",
      memoryBudget: 2e9,
    } as const;
    const { images, latents, seeds } = await pipeline.generate({ ...options, seed: 5, count: 3 });
    expect(last(addon)).toMatchObject({ ...options, seeds: [5, 6, 7] });
    expect([images.length, latents.length, seeds]).toEqual([0, 3, [5, 6, 7]]);
    await pipeline.generate({ eta: 0.5 });
    expect(last(addon).eta).toBe(0.5);
    await pipeline.generate({ scheduler: "tcd" });
    expect(last(addon).eta).toBe(0.3);
    await pipeline.generate({ sigmas: [10, 3, 1, 0.25] });
    expect(last(addon)).toMatchObject({ sigmas: "", sigmaValues: Float32Array.of(10, 3, 1, 0.25), steps: 4 });
    const plain = { guidanceInterval: [0.1, 0.8], featureCache: { every: 3, depth: 2 }, tokenMerging: 0.5 } as const;
    await pipeline.generate(plain);
    expect(last(addon)).toMatchObject(plain);
  });

  test("undefined is the same as absent, -0 the same as 0", async () => {
    const { addon, pipeline } = await loadFake();
    await pipeline.generate({ steps: undefined, seed: -0, guidance: -0, signal: undefined });
    expect(last(addon)).toMatchObject({ steps: 30, seeds: [0], guidance: 0 });
    expect(Object.is(last(addon).seeds[0], 0) && Object.is(last(addon).guidance, 0)).toBe(true);
  });

  test("what a model's defaults say; zeros for no negative prompt, while an empty one is encoded", async () => {
    const addon = new FakeAddon();
    Object.assign(addon.info.defaults, { guidance: 5, negativePrompt: "zeros" });
    const { pipeline } = await loadFake(addon);
    await pipeline.generate({ prompt: "x" });
    expect(last(addon).guidance).toBe(5);
    expect(last(addon).negative).toBeUndefined();
    await pipeline.generate({ prompt: "x", negativePrompt: "" });
    expect(last(addon).negative).toHaveLength(1);
  });

  test("long prompts are cut in chunks, never shortened", async () => {
    const { addon, pipeline } = await loadFake();
    await pipeline.generate({ prompt: "red ".repeat(40) });
    const { prompt, negative } = last(addon);
    expect(prompt[0]!.ids.length % 20).toBe(0);
    expect(prompt[0]!.ids.length).toBeGreaterThan(40);
    expect(negative![0]!.ids).toHaveLength(prompt[0]!.ids.length);
  });
});

describe("estimateMemory", () => {
  test("asks for what generate would, with pictures unread", async () => {
    const { addon, pipeline } = await loadFake();
    const options = {
      prompt: "a cat",
      width: 64,
      height: 96,
      count: 2,
      vaeTiling: "on",
      imagePrompts: [{ image: picture(1) }, { embeds: new Float32Array(256), scale: 0.5 }],
    } as const;
    const strength = { contrary: false, start: 0, end: 1, kvScaling: 0 };
    const branch = { adapter: 0, structureScale: 1, combine: 0, softMask: false, ...strength };
    expect(await pipeline.estimateMemory(options)).toEqual({
      weights: 40_000_000,
      working: 2_000_000,
      total: 42_000_000,
      tiled: true,
      devices: {},
    });
    expect(addon.estimated[0]).toMatchObject({ width: 64, height: 96, vaeTiling: "on" });
    expect(addon.estimated[0]!.seeds).toHaveLength(2);
    expect(addon.estimated[0]!.branches).toEqual([
      { ...branch, scale: 1, images: [{ width: 64, height: 64 }] },
      { ...branch, scale: 0.5, images: [{ embeds: new Float32Array(256) }] },
    ]);
    expect(addon.requests).toHaveLength(0);
  });
});

describe("image prompts", () => {
  test("equal adapter and scale are one branch; another scale is another", async () => {
    const addon = new FakeAddon();
    addon.info.adapters.push({
      variant: "plus",
      tokens: 16,
      embedSize: 192,
      hiddenStates: true,
      faceSize: 0,
      faceEmbedding: "",
      shortcut: false,
      hasImageEncoder: true,
      imageSize: 64,
    });
    const { pipeline } = await loadFake(addon);
    await pipeline.generate({
      prompt: "x",
      imagePrompts: [
        { image: picture(1), scale: 0.5 },
        { image: picture(2), scale: 0.8 },
        { image: picture(3), scale: 0.5 },
        { image: picture(4), scale: 0.5, adapter: 1 },
        { image: picture(5) },
      ],
    });
    const shape = last(addon).branches.map(({ adapter, scale, images }) => [
      adapter,
      scale,
      images.map(({ rgb }) => rgb![0]),
    ]);
    expect(shape).toEqual([
      [0, 0.5, [1, 3]],
      [0, 0.8, [2]],
      [1, 0.5, [4]],
      [0, 1, [5]],
    ]);
  });

  test("the default scale is 1, as in diffusers", async () => {
    const { addon, pipeline } = await loadFake();
    for (const prompt of [undefined, "", "a dog"]) {
      await pipeline.generate({ prompt, imagePrompts: [{ image: picture(1) }] });
      expect(last(addon).branches[0]!.scale).toBe(1);
    }
  });

  test("embeds: n * d floats are n pictures of a base adapter; plain arrays too", async () => {
    const { addon, pipeline } = await loadFake();
    const embeds = Float32Array.from({ length: 512 }, (_, i) => i);
    await pipeline.generate({ imagePrompts: [{ embeds }, { embeds: Array<number>(256).fill(0.25) }] });
    const { images } = last(addon).branches[0]!;
    expect(images.map((image) => image.embeds![0])).toEqual([0, 256, 0.25]);
    const encoded = await pipeline.encodeImage(picture(9));
    expect(encoded).toHaveLength(256);
    // As large as the encoder reads it.
    expect(addon.encoded[0]).toMatchObject({ width: 64, height: 64 });
  });

  test("without an image encoder, embeds work and pictures say what is missing", async () => {
    const addon = new FakeAddon();
    addon.info.adapters[0]!.hasImageEncoder = false;
    const { pipeline } = await loadFake(addon);
    await pipeline.generate({ imagePrompts: [{ embeds: new Float32Array(256) }] });
    const error = await rejection(pipeline.generate({ imagePrompts: [{ image: picture(1) }] }));
    expect(error).toMatchObject({ code: "ERR_IPA_INVALID_OPTION", message: expect.stringContaining("imageEncoder") });
    expect(await rejection(pipeline.encodeImage(picture(1)))).toMatchObject({
      message: expect.stringContaining("imageEncoder"),
    });
  });

  test("without an adapter, the fix is named", async () => {
    const addon = new FakeAddon();
    addon.info.adapters = [];
    const { pipeline } = await loadFake(addon);
    expect(await rejection(pipeline.generate({ imagePrompts: [{ image: picture(1) }] }))).toMatchObject({
      message: expect.stringContaining("adapters: [{ file }]"),
    });
  });

  test("what the caller changes after the call has no effect", async () => {
    const { addon, pipeline } = await loadFake();
    const bytes = readFileSync(join(ROOT, "test/golden/images/rgb.png"));
    const raw = picture(7);
    const embeds = new Float32Array(256).fill(1);
    const imagePrompts = [{ image: bytes }, { image: raw }, { embeds }];
    const options = { prompt: "a", imagePrompts, steps: 2 };
    const call = pipeline.generate(options);
    bytes.fill(0);
    raw.data.fill(0);
    embeds.fill(0);
    imagePrompts.length = 0;
    options.steps = 9;
    await call;
    const { branches, steps } = last(addon);
    expect(steps).toBe(2);
    expect(branches[0]!.images.map(({ rgb, embeds: e }) => rgb?.[1] ?? e?.[0])).toEqual([0, 7, 1]);
    expect(branches[0]!.images[0]).toMatchObject({ width: 64, height: 64 });
  });
});

describe("progress", () => {
  test("every step, with seed and previews", async () => {
    const { pipeline } = await loadFake();
    const events: ProgressEvent[] = [];
    await pipeline.generate({
      steps: 4,
      count: 2,
      seed: 10,
      preview: { every: 2 },
      onProgress: (event) => events.push(event),
    });
    expect(events.map(({ step, total, image, seed }) => [step, total, image, seed])).toEqual(
      [1, 2, 3, 4, 5, 6, 7, 8].map((step) => [step, 8, step > 4 ? 1 : 0, step > 4 ? 11 : 10]),
    );
    expect(events.map(({ preview }) => preview?.data.length ?? 0)).toEqual([0, 49152, 0, 49152, 0, 49152, 0, 49152]);
  });

  test("previews that nobody would see are an error", async () => {
    const { pipeline } = await loadFake();
    const error = { option: "preview", message: expect.stringContaining("add onProgress") };
    expect(await rejection(pipeline.generate({ preview: { every: 1 } }))).toMatchObject(error);
    const batch = pipeline.generateBatch([{ preview: { every: 1 } }]);
    expect(await rejection(batch)).toMatchObject({ ...error, option: "items[0].preview" });
  });

  test("a linear preview has the size of the latents", async () => {
    const { addon, pipeline } = await loadFake();
    const previews: unknown[] = [];
    await pipeline.generate({
      steps: 1,
      width: 64,
      preview: { every: 1, decoder: "linear" },
      onProgress: ({ preview }) => previews.push(preview),
    });
    expect(last(addon).preview?.decoder).toBe("linear");
    expect(previews).toMatchObject([{ width: 8, height: 16, data: { length: 384 } }]);
  });

  test.each([
    [
      "throws",
      (): never => {
        throw new Error("in my callback");
      },
    ],
    ["rejects", (): Promise<never> => Promise.reject(new Error("in my callback"))],
  ])("a callback that %s stops the call", async (_how, onProgress) => {
    const { addon, pipeline } = await loadFake();
    expect(await rejection(pipeline.generate({ steps: 100, onProgress }))).toMatchObject({ message: "in my callback" });
    await pipeline.dispose();
    expect(addon.cancelled).toBe(1);
  });
});

describe("abort", () => {
  test("an aborted signal rejects before anything starts", async () => {
    const { addon, pipeline } = await loadFake();
    const reason = new Error("no");
    expect(await rejection(pipeline.generate({ signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect((await rejection(pipeline.generate({ signal: AbortSignal.abort() }))).name).toBe("AbortError");
    expect(addon.requests).toHaveLength(0);
  });

  test("aborting a running call rejects with the reason and cancels the job; the next call works", async () => {
    const { addon, pipeline } = await loadFake();
    const controller = new AbortController();
    const reason = { my: "reason" };
    const steps: number[] = [];
    const call = pipeline.generate({
      steps: 1000,
      signal: controller.signal,
      onProgress: ({ step }) => {
        steps.push(step);
        if (step === 3) controller.abort(reason);
      },
    });
    expect(await rejection(call)).toBe(reason);
    expect((await pipeline.generate({ steps: 1 })).images).toHaveLength(1);
    expect(steps).toEqual([1, 2, 3]);
    expect([addon.cancelled, addon.running]).toEqual([1, 0]);
  });

  test("aborting while pictures are decoded", async () => {
    const { addon, pipeline } = await loadFake();
    const controller = new AbortController();
    const call = pipeline.generate({
      imagePrompts: [{ image: join(ROOT, "test/golden/images/rgb.png") }],
      signal: controller.signal,
    });
    controller.abort("while decoding");
    expect(await rejection(call)).toBe("while decoding");
    expect(addon.requests).toHaveLength(0);
  });

  test("no listener stays on the signal, however the call ends", async () => {
    const { addon, pipeline } = await loadFake();
    let listeners = 0;
    const { signal } = new AbortController();
    const counting = {
      aborted: false,
      reason: undefined,
      addEventListener: (type: "abort", listener: () => void): void => {
        listeners++;
        signal.addEventListener(type, listener);
      },
      removeEventListener: (type: "abort", listener: () => void): void => {
        listeners--;
        signal.removeEventListener(type, listener);
      },
    };
    await pipeline.generate({ steps: 2, signal: counting, imagePrompts: [{ image: picture(1) }] });
    await pipeline.encodeImage(picture(1), { signal: counting });
    addon.generateError = { code: "ERR_IPA_NO_MEMORY", message: "no memory" };
    expect(await rejection(pipeline.generate({ signal: counting }))).toMatchObject({ code: "ERR_IPA_NO_MEMORY" });
    await rejection(pipeline.generate({ signal: counting, imagePrompts: [{ image: "/no/such.png" }] }));
    expect(listeners).toBe(0);
  });

  test("an invalid option of the engine names its option", async () => {
    const { addon, pipeline } = await loadFake();
    addon.generateError = { code: "ERR_IPA_INVALID_OPTION", option: "sigmas", message: "ddim has no karras spacing" };
    const error = await rejection(pipeline.generate());
    expect(error).toBeInstanceOf(OptionError);
    expect(error).toMatchObject({ option: "sigmas", message: "sigmas: ddim has no karras spacing" });
  });
});

describe("dispose", () => {
  test("is idempotent, shared, and final", async () => {
    const { addon, pipeline } = await loadFake();
    expect(pipeline.disposed).toBe(false);
    const first = pipeline.dispose();
    expect(pipeline.disposed).toBe(true);
    expect(pipeline.dispose()).toBe(first);
    await first;
    await pipeline[Symbol.asyncDispose]();
    expect(addon.closed).toBe(1);
    for (const call of [pipeline.generate(), pipeline.encodeImage(picture(1))]) {
      const error = await rejection(call);
      expect(error).toBeInstanceOf(DisposedError);
      expect(error.code).toBe("ERR_IPA_DISPOSED");
    }
  });

  test("waits for running calls, which reject with DisposedError", async () => {
    const { addon, pipeline } = await loadFake();
    const calls = [
      pipeline.generate({ steps: 1000 }),
      pipeline.generate({ steps: 1000, imagePrompts: [{ image: join(ROOT, "test/golden/images/rgb.png") }] }),
    ];
    const errors = Promise.all(calls.map(rejection));
    await new Promise(setImmediate);
    await pipeline.dispose();
    expect(addon.running).toBe(0);
    expect((await errors).map(({ code }) => code)).toEqual(["ERR_IPA_DISPOSED", "ERR_IPA_DISPOSED"]);
  });

  test("waits for what an aborted call still has under way", async () => {
    const { addon, pipeline } = await loadFake();
    const controller = new AbortController();
    const fit = addon.fitPicture.bind(addon);
    addon.fitPicture = (...args) => {
      controller.abort("gone");
      return fit(...args);
    };
    const call = pipeline.generate({ imagePrompts: [{ image: picture(1) }], signal: controller.signal });
    expect(await rejection(call)).toBe("gone");
    expect(addon.running).toBe(1);
    await pipeline.dispose();
    expect(addon.running).toBe(0);
  });

  test("await using frees the model", async () => {
    const addon = new FakeAddon();
    {
      await using pipeline = (await loadFake(addon)).pipeline;
      await pipeline.generate({ steps: 1 });
    }
    expect(addon.closed).toBe(1);
  });
});
