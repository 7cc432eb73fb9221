/** Calls that wait: their order, how many there may be, and how they leave. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import sharp from "sharp";

import { DisposedError, IpAdapterError, OptionError } from "../lib/index";
import { loadRequest } from "../lib/load-request";
import { CallSite, startNative } from "../lib/native/call";
import type { Done, NativeJob, NativePipeline } from "../lib/native/contract";
import { loadAddon } from "../lib/native/load";
import { FakeAddon } from "./support/fake-addon";
import { MINI, ROOT, loadFake, pixels, rejection } from "./support/load";

const PNG = join(ROOT, "test/golden/images/rgb.png");
const raw = { data: pixels(8, 8), width: 8, height: 8 };

describe("how many may wait", () => {
  test("pending counts what waits and runs; one too many is refused with the numbers", async () => {
    const { pipeline } = await loadFake(new FakeAddon(), { maxQueue: 2 });
    expect(pipeline.pending).toBe(0);
    const calls = [pipeline.generate({ steps: 3 }), pipeline.encodeImage(raw), pipeline.estimateMemory({})];
    expect(pipeline.pending).toBe(3);
    const refused = await rejection(pipeline.generate({ steps: 3 }));
    expect(refused).toBeInstanceOf(IpAdapterError);
    expect(refused).toMatchObject({
      code: "ERR_IPA_BUSY",
      message: expect.stringMatching(/3 calls wait or run.*maxQueue is 2/),
    });
    expect(await rejection(pipeline.encodeImage(raw))).toMatchObject({ code: "ERR_IPA_BUSY" });
    expect(await rejection(pipeline.estimateMemory({}))).toMatchObject({ code: "ERR_IPA_BUSY" });
    await Promise.all(calls);
    expect(pipeline.pending).toBe(0);
    await pipeline.generate({ steps: 1 });
  });

  test("maxQueue 0: one call at a time; an aborted one makes room at once", async () => {
    const { pipeline } = await loadFake(new FakeAddon(), { maxQueue: 0 });
    const controller = new AbortController();
    const call = rejection(pipeline.generate({ steps: 500, signal: controller.signal }));
    expect(await rejection(pipeline.generate({}))).toMatchObject({
      code: "ERR_IPA_BUSY",
      message: expect.stringContaining("1 call runs"),
    });
    controller.abort(new Error("gone"));
    expect(await call).toMatchObject({ message: "gone" });
    expect(pipeline.pending).toBe(0);
    await pipeline.generate({ steps: 1 });
  });

  test("a call that was wrong counts no longer, and without maxQueue any number waits", async () => {
    const { pipeline } = await loadFake();
    await rejection(pipeline.generate({ steps: -1 }));
    await rejection(pipeline.encodeImage("/no/such/file.png"));
    expect(pipeline.pending).toBe(0);
    const calls = Array.from({ length: 200 }, () => pipeline.generate({ steps: 1, output: "latents" }));
    expect(pipeline.pending).toBe(200);
    await Promise.all(calls);
  });
});

describe("first come, first served", () => {
  test("by the moment of the call, however long a picture takes to read", async () => {
    const { addon, pipeline } = await loadFake();
    const large = await sharp({ create: { width: 3000, height: 3000, channels: 3, background: "#808080" } })
      .png()
      .toBuffer();
    const calls = [large, undefined, readFileSync(PNG), undefined].map((image, i) =>
      pipeline.generate({ steps: 1, seed: i, ...(image === undefined ? {} : { imagePrompts: [{ image }] }) }),
    );
    await Promise.all(calls);
    expect(addon.requests.map(({ seeds }) => seeds[0])).toEqual([0, 1, 2, 3]);
  });

  test("a call that fails or is aborted holds up nobody", async () => {
    const { addon, pipeline } = await loadFake();
    const controller = new AbortController();
    const large = await sharp({ create: { width: 3000, height: 3000, channels: 3, background: "#808080" } })
      .png()
      .toBuffer();
    const aborted = rejection(
      pipeline.generate({ seed: 0, imagePrompts: [{ image: large }], signal: controller.signal }),
    );
    const failed = rejection(pipeline.generate({ seed: 1, imagePrompts: [{ image: "/no/such/file.png" }] }));
    const good = pipeline.generate({ seed: 2, steps: 1 });
    controller.abort(new Error("gone"));
    expect(await aborted).toMatchObject({ message: "gone" });
    expect(await failed).toMatchObject({ code: "ERR_IPA_NOT_FOUND" });
    await good;
    expect(addon.requests.map(({ seeds }) => seeds[0])).toEqual([2]);
  });
});

test("the engine answers a cancelled job that waits at once, while another runs", async () => {
  const fake = await loadFake();
  await fake.pipeline.generate({ steps: 1000, prompt: "a cat", seed: 1 });
  const request = fake.addon.requests[0]!;
  const native = await new Promise<NativePipeline>((resolve) =>
    loadAddon().load(loadRequest({}), (_error, value) => resolve(value!)),
  );
  const ends: string[] = [];
  const end = (name: string) => (error: { code: string } | null) => ends.push(`${name} ${error?.code ?? "done"}`);
  const started = new Promise<NativeJob>((resolve) => {
    const job = native.generate(request, () => resolve(job), end("running"));
  });
  const running = await started;
  const waiting = new Promise<void>((resolve) => {
    const job = native.encodeImage({ rgb: raw.data, width: 8, height: 8 }, 0, (error) => {
      end("waiting")(error);
      resolve();
    });
    job.cancel();
  });
  await waiting;
  expect(ends).toEqual(["waiting ERR_IPA_CANCELLED"]);
  running.cancel();
  await new Promise<void>((resolve) => native.close(() => resolve()));
  expect(ends).toEqual(["waiting ERR_IPA_CANCELLED", "running ERR_IPA_CANCELLED"]);
});

test("many calls on one signal print no warning, and leave no listener", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): number => warnings.push(warning);
  process.on("warning", onWarning);
  const { pipeline } = await loadFake();
  const controller = new AbortController();
  let listeners = 0;
  for (const [name, change] of [
    ["addEventListener", 1],
    ["removeEventListener", -1],
  ] as const) {
    const real = controller.signal[name].bind(controller.signal) as (...args: unknown[]) => void;
    Object.defineProperty(controller.signal, name, {
      value: (...args: unknown[]): void => {
        listeners += change;
        real(...args);
      },
    });
  }
  // Some run by then, the others wait or have their pictures read.
  const onProgress = (): void => controller.abort("all");
  const calls = Array.from({ length: 30 }, (_, seed) =>
    pipeline
      .generate({ steps: 500, seed, onProgress, signal: controller.signal, imagePrompts: [{ image: PNG }] })
      .catch((error: unknown) => error),
  );
  expect(new Set(await Promise.all(calls))).toEqual(new Set(["all"]));
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", onWarning);
  expect(warnings).toEqual([]);
  expect(listeners).toBe(0);
});

test("a stream that stalls holds up nobody: its call takes its turn when the bytes are there", async () => {
  const { addon, pipeline } = await loadFake();
  let send: ReadableStreamDefaultController | undefined;
  const image = new ReadableStream({ start: (controller) => void (send = controller) });
  const slow = pipeline.generate({ seed: 0, steps: 1, imagePrompts: [{ image }] });
  await pipeline.generate({ seed: 1, steps: 1 });
  await pipeline.setAdapters([]);
  await pipeline.setAdapters([{ file: join(MINI, "ip-adapter.safetensors") }]);
  send!.enqueue(new Uint8Array(readFileSync(PNG)));
  send!.close();
  await slow;
  expect(addon.requests.map(({ seeds }) => seeds[0])).toEqual([1, 0]);
});

describe('images: "bytes"', () => {
  const paths: [string, unknown][] = [
    ["a path", PNG],
    ["a path of nothing", "/no/such/file.png"],
    ["an http URL", "https://example.com/a.png"],
    ["a file URL", pathToFileURL(PNG)],
    ["an object like a URL", { href: pathToFileURL(PNG).href, protocol: "file:" }],
  ];

  test.each(paths)("%s is refused in every option, in words that tell nothing of the file", async (_name, image) => {
    const addon = new FakeAddon();
    addon.info.task = "inpainting";
    const { pipeline } = await loadFake(addon, { images: "bytes" });
    const picture = image as string;
    const bytes = readFileSync(PNG);
    const calls: [string, Promise<unknown>][] = [
      ["imagePrompts[0].image", pipeline.generate({ image: bytes, mask: bytes, imagePrompts: [{ image: picture }] })],
      ["image", pipeline.generate({ image: picture, mask: bytes })],
      ["mask", pipeline.generate({ image: bytes, mask: picture })],
      ["image", pipeline.encodeImage(picture)],
      ["image", pipeline.estimateMemory({ image: picture, mask: bytes })],
    ];
    for (const [option, call] of calls) {
      const error = await rejection(call);
      expect(error).toBeInstanceOf(OptionError);
      expect(error).toMatchObject({ code: "ERR_IPA_INVALID_OPTION", option });
      expect(error.message).toMatch(/^[\w[\]0.]+: expected (the bytes of a picture|a path)/);
      expect(error.message).not.toMatch(/example|such|golden/);
    }
    expect(addon.requests).toEqual([]);
  });

  test("bytes, Blobs, data URLs, streams and raw pixels pass", async () => {
    const { pipeline } = await loadFake(new FakeAddon(), { images: "bytes" });
    const bytes = readFileSync(PNG);
    const blob = new Blob([bytes]);
    const url = `data:image/png;base64,${bytes.toString("base64")}`;
    const images = [bytes, new Uint8Array(bytes).buffer, raw, blob, blob.stream(), url, new URL(url)];
    await pipeline.generate({ steps: 1, imagePrompts: images.map((image) => ({ image })) });
    expect(await rejection(pipeline.encodeImage(`data:;base64,${"A".repeat(28_000_000)}`))).toMatchObject({
      code: "ERR_IPA_IMAGE_LIMIT",
    });
  });
});

describe("a job of the engine that is stopped", () => {
  /** Starts a job, stops it for `reason`, and lets the engine answer with what it had already. */
  async function stopped(reason: unknown): Promise<unknown> {
    const controller = new AbortController();
    let answer: Done<string> = () => undefined;
    const { result } = startNative<string>(new CallSite(), controller.signal, (done) => {
      answer = done;
      return { cancel: () => undefined };
    });
    controller.abort(reason);
    answer(null, "latents");
    return result.catch((error: unknown) => error);
  }

  test("by an abort: the caller gets the signal's reason at once", async () => {
    expect(await stopped("enough")).toBe("enough");
  });

  test("by dispose(): a result that is there already is the caller's", async () => {
    expect(await stopped(new DisposedError())).toBe("latents");
  });
});
