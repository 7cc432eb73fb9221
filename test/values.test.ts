/** Values of a caller that throw, lie or change: each is a typed error of its option, or read as what it really is. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { combineEmbeds } from "../lib/embeds/combine";
import { saveEmbedsWith } from "../lib/embeds/file";
import { ImageEmbeds } from "../lib/embeds/image-embeds";
import { convertWith } from "../lib/convert";
import { pull } from "../lib/hub/pull";
import { Turnstile } from "../lib/image/turnstile";
import { inspectWith } from "../lib/inspect";
import { CallSite } from "../lib/native/call";
import type { Schema } from "../lib/options/json-schema";
import * as schemas from "../lib/options/schema";
import type { GenerateOptions, LoadOptions } from "../lib/types";
import { FakeAddon } from "./support/fake-addon";
import { loadFake, pixels, rejection } from "./support/load";

const INVALID = "ERR_IPA_INVALID_OPTION";
const thrower = (): never => {
  throw new Error("mine");
};
const getter = (name: string): PropertyDescriptorMap => ({ [name]: { get: thrower, enumerable: true } });
const revoked = (target: object): unknown => {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
};
/** Its own code runs whenever it is touched. */
const trap = (target: object): unknown =>
  new Proxy(target, {
    get: thrower,
    has: thrower,
    ownKeys: thrower,
    getPrototypeOf: thrower,
    getOwnPropertyDescriptor: thrower,
  });
const endless = <T>(array: T[]): T[] =>
  Object.defineProperty(array, Symbol.iterator, {
    value: function* (): Generator<number> {
      for (;;) yield 1;
    },
  });
/** What was thrown has a message that throws, and no text. */
const unspeakable = (): never => {
  throw Object.create(null, getter("message"));
};

const floats = (): Float32Array => new Float32Array(256).fill(0.5);
const call = { steps: 1, width: 64, height: 64 };

describe("what throws is a typed error of its option", () => {
  const signal = (members: PropertyDescriptorMap): unknown =>
    Object.defineProperties(
      { aborted: false, reason: 0, addEventListener: () => undefined, removeEventListener: () => undefined },
      members,
    );
  test.each<[string, unknown, string]>([
    ["a URL's href", { image: Object.create(URL.prototype, getter("href")) }, "image"],
    ["a URL that is none", { image: Object.create(URL.prototype) }, "image"],
    ["a picture's trap", { image: trap({}) }, "image"],
    ["a revoked picture", { image: revoked({}) }, "image"],
    ["a revoked array", { imagePrompts: revoked([]) }, "imagePrompts"],
    ["an array's trap", { imagePrompts: trap([]) }, "imagePrompts"],
    ["an entry", { imagePrompts: Object.defineProperties([0], getter("0")) }, "imagePrompts[0]"],
    ["a revoked entry", { imagePrompts: [revoked({})] }, "imagePrompts[0]"],
    [
      "an error without a message",
      { imagePrompts: [Object.defineProperty({}, "image", { get: unspeakable, enumerable: true })] },
      "imagePrompts[0].image",
    ],
    [
      "numbers that are read",
      { imagePrompts: [{ embeds: Object.defineProperties([0], getter("0")) }] },
      "imagePrompts[0].embeds[0]",
    ],
    ["embeds' trap", { imagePrompts: [{ embeds: trap([]) }] }, "imagePrompts[0].embeds"],
    ["latents' trap", { latents: trap([]) }, "latents"],
    ["sigmas' trap", { sigmas: trap([1]) }, "sigmas"],
    ["a signal's aborted", { signal: signal(getter("aborted")) }, "signal"],
    ["a signal's method that cannot be read", { signal: signal(getter("removeEventListener")) }, "signal"],
    ["a signal's addEventListener", { signal: signal({ addEventListener: { value: thrower } }) }, "signal"],
    ["a signal's removeEventListener", { signal: signal({ removeEventListener: { value: thrower } }) }, "signal"],
    ["a signal's trap", { signal: trap({}) }, "signal"],
    ["a revoked signal", { signal: revoked({}) }, "signal"],
  ])("%s", async (_, options, option) => {
    const { pipeline, addon } = await loadFake();
    addon.info.task = "inpainting";
    expect(await rejection(pipeline.generate({ ...call, ...(options as GenerateOptions) }))).toMatchObject({
      code: INVALID,
      option,
    });
    expect((await pipeline.generate(call)).images).toHaveLength(1);
    await pipeline.dispose();
  });

  test.each<[string, LoadOptions, string]>([
    ["a model's href", { model: Object.create(null, getter("href")) as URL }, "model"],
    ["an adapter's file", { adapters: [{ file: trap({}) as URL }] }, "adapters[0].file"],
  ])("%s", async (_, options, option) => {
    expect(await rejection(loadFake(new FakeAddon(), options))).toMatchObject({ code: INVALID, option });
  });

  test("a signal whose reason throws ends the call with a typed reason", async () => {
    const { pipeline } = await loadFake();
    let fire = (): void => undefined;
    const listening = signal({
      ...getter("reason"),
      addEventListener: { value: (_: string, listener: () => void) => (fire = listener) },
    });
    const result = pipeline.generate({ ...call, steps: 1000, signal: listening as AbortSignal });
    setImmediate(() => fire());
    expect(await rejection(result)).toMatchObject({ code: INVALID, option: "signal" });
    await pipeline.dispose();
  });

  test("a signal that turns bad during the call harms nothing", async () => {
    const { pipeline } = await loadFake();
    const turning = signal({});
    const result = pipeline.generate({ ...call, signal: turning as AbortSignal });
    Object.assign(turning as object, { removeEventListener: thrower, addEventListener: thrower });
    expect((await result).images).toHaveLength(1);
    await pipeline.dispose();
  });

  // Node ends a process whose rejection nobody handles.
  test.each([1, 2, 3, 4])(
    "a signal that throws when it is used for the time after %i leaves no rejection unhandled",
    async (good) => {
      const { pipeline } = await loadFake();
      const unhandled: unknown[] = [];
      const note = (reason: unknown): unknown => unhandled.push(reason);
      process.on("unhandledRejection", note);
      let uses = 0;
      const use = (): void => {
        if (++uses > good) thrower();
      };
      const image = { data: pixels(8, 8), width: 8, height: 8 };
      const result = await pipeline
        .generate({
          ...call,
          imagePrompts: [{ image }, { image }],
          signal: signal({ addEventListener: { value: use } }) as AbortSignal,
        })
        .catch((error: unknown) => error);
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      process.off("unhandledRejection", note);
      expect(unhandled).toEqual([]);
      if (result instanceof Error) expect(result).toMatchObject({ code: INVALID, option: "signal" });
      expect((await pipeline.generate({ ...call, imagePrompts: [{ image }] })).images).toHaveLength(1);
      await pipeline.dispose();
    },
  );

  test("a turn whose signal throws goes to the next", async () => {
    const turnstile = new Turnstile(1);
    let leave = (): void => undefined;
    const first = turnstile.run(() => new Promise<void>((resolve) => (leave = resolve)), undefined);
    const bad = rejection(
      turnstile.run(() => Promise.resolve(), {
        aborted: false,
        reason: 0,
        addEventListener: thrower,
        removeEventListener: () => undefined,
      }),
    );
    expect(await bad).toMatchObject({ message: "mine" });
    leave();
    await first;
    expect(await turnstile.run(() => Promise.resolve("in"), undefined)).toBe("in");
  });
});

describe("what is stated is not believed", () => {
  test("a typed array's own length, buffer, slice and iterator", async () => {
    const { pipeline, addon } = await loadFake();
    const embeds = floats();
    for (const name of ["length", "buffer", "slice", "findIndex", "subarray", "constructor", Symbol.iterator])
      Object.defineProperty(embeds, name, { get: thrower });
    await pipeline.generate({ ...call, imagePrompts: [{ embeds }] });
    expect(addon.requests[0]?.branches[0]?.images[0]?.embeds).toEqual(floats());
    const latents = new Float32Array(8 * 8 * 8).fill(0.25);
    for (const name of ["length", "slice", "findIndex", "constructor"])
      Object.defineProperty(latents, name, { get: thrower });
    await pipeline.generate({ ...call, latents });
    expect(addon.requests[1]?.latents[0]).toEqual(new Float32Array(512).fill(0.25));
  });

  test("an array's own iterator", async () => {
    const { pipeline } = await loadFake();
    await pipeline.generate({
      ...call,
      imagePrompts: endless([{ embeds: endless([...floats()]) }]),
      sigmas: endless([3, 1]),
      steps: 2,
    });
    const embeds = new ImageEmbeds(floats(), endless([1, 256]));
    expect(combineEmbeds(endless([embeds, embeds]), "concat", endless([1, 1])).shape).toEqual([2, 256]);
  });

  test("the shape of embeddings, which cannot be changed", async () => {
    const { pipeline, addon } = await loadFake();
    const embeds = new ImageEmbeds(floats(), [1, 256]);
    expect(Object.isFrozen(embeds.shape)).toBe(true);
    expect(() => ((embeds as { shape: unknown }).shape = [3e7, 1])).toThrow(TypeError);
    expect(() => Object.defineProperty(embeds, "shape", { value: [3e7, 1] })).toThrow(TypeError);
    await pipeline
      .generate({
        ...call,
        imagePrompts: [{ embeds: Object.create(embeds, { shape: { value: [3e7, 1] } }) as ImageEmbeds }],
      })
      .catch((error: unknown) => expect(error).toMatchObject({ code: INVALID }));
    await pipeline.generate({ ...call, imagePrompts: [{ embeds }] });
    expect(addon.requests.at(-1)?.branches[0]?.images).toHaveLength(1);
  });

  test("more pictures than there may be", () => {
    expect(() => new ImageEmbeds(new Float32Array(5000), [5000, 1])).toThrow("at most 4096 pictures");
    const one = new ImageEmbeds(new Float32Array(3000), [3000, 1]);
    expect(() => combineEmbeds([one, one], "concat")).toThrow("embeds[1]: expected at most 4096 pictures together");
  });

  test.each<[string, object[], string, RegExp]>([
    [
      "pictures of one prompt",
      [{ embeds: new Float32Array(256 * 4097) }],
      "imagePrompts[0].embeds",
      /4096 pictures.*4097/,
    ],
    [
      "pictures of two prompts",
      [{ embeds: new Float32Array(256 * 4000) }, { embeds: new ImageEmbeds(new Float32Array(256 * 97), [97, 256]) }],
      "imagePrompts[1]",
      /4096 pictures.*4097/,
    ],
    ["floats", [{ embeds: new Float32Array(2 ** 23 + 1) }], "imagePrompts[0].embeds", /at most 8388608 numbers/],
    [
      "floats of faces",
      [{ faceEmbeds: new Float32Array(2 ** 21 + 1) }],
      "imagePrompts[0].faceEmbeds",
      /at most 2097152 numbers/,
    ],
    [
      "numbers of a proxy",
      [{ embeds: new Proxy([], { get: (_, name) => (name === "length" ? 2 ** 20 + 1 : 0) }) }],
      "imagePrompts[0].embeds",
      /proxy.*Float32Array/,
    ],
  ])("more plain %s than there may be in a call", async (_, imagePrompts, option, message) => {
    const { pipeline, addon } = await loadFake();
    const error = await rejection(pipeline.generate({ ...call, imagePrompts } as GenerateOptions));
    expect(error).toMatchObject({ code: INVALID, option, message: expect.stringMatching(message) });
    expect(addon.requests).toHaveLength(0);
  });

  test("as many pictures as there may be reach the engine, one entry each", async () => {
    const { pipeline, addon } = await loadFake();
    await pipeline.generate({
      ...call,
      imagePrompts: [{ embeds: Float32Array.from({ length: 256 * 4096 }, (_, i) => i / 256) }],
    });
    const images = addon.requests[0]?.branches[0]?.images ?? [];
    expect(images.map(({ embeds }) => [embeds?.length, embeds?.[0]])).toEqual(
      Array.from({ length: 4096 }, (_, i) => [256, i]),
    );
  });

  test.each<[string, (path: string) => Promise<unknown>]>([
    ["model", (path) => loadFake(new FakeAddon(), { model: path })],
    ["imageEncoder", (path) => loadFake(new FakeAddon(), { imageEncoder: path })],
    ["adapters[0].file", async (path) => (await loadFake()).pipeline.setAdapters([path])],
    ["loras[0].file", async (path) => (await loadFake()).pipeline.setLoras([path])],
    ["imagePrompts[0].image", async (path) => (await loadFake()).pipeline.generate({ imagePrompts: [path] })],
    ["image", async (path) => (await loadFake()).pipeline.encodeImage(path)],
    ["path", (path) => inspectWith(new FakeAddon(), path, {}, new CallSite())],
    ["input", (path) => convertWith(new FakeAddon(), path, "a.gguf", { type: "q8_0" }, new CallSite())],
    ["name", (path) => pull(path)],
  ])("a path of 10 million folders as %s is not resolved", async (option, use) => {
    const error = await rejection(use("y/".repeat(1e7)));
    expect(error).toMatchObject({ code: INVALID, option });
    expect(error.message.length).toBeLessThan(400);
  });

  test.each<[string, unknown]>([
    ["a prototype alone", Object.create(ImageEmbeds.prototype)],
    ["a proxy of embeddings", new Proxy(new ImageEmbeds(floats(), [1, 256]), {})],
    ["an object with a length", { length: 4294967295 }],
    ["a long array of nothing", new Proxy([], { get: (_, name) => (name === "length" ? 4294967295 : undefined) })],
    ["a length that is no number", new Proxy([], { get: (_, name) => (name === "length" ? "many" : undefined) })],
  ])("saveEmbeds() of %s", async (_, value) => {
    const folder = mkdtempSync(join(tmpdir(), "values-"));
    expect(
      await rejection(
        saveEmbedsWith(new FakeAddon(), join(folder, "a.safetensors"), value as ImageEmbeds, "path", new CallSite()),
      ),
    ).toMatchObject({ code: INVALID, option: "embeds" });
    rmSync(folder, { recursive: true });
  });

  test("memory that was transferred", async () => {
    const { pipeline } = await loadFake();
    const embeds = new ImageEmbeds(floats(), [1, 256]);
    structuredClone(embeds.buffer, { transfer: [embeds.buffer] });
    expect(await rejection(pipeline.generate({ ...call, imagePrompts: [{ embeds }] }))).toMatchObject({
      option: "imagePrompts[0].embeds",
      message: expect.stringContaining("transferred"),
    });
    const bytes = new Uint8Array(8);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    expect(await rejection(pipeline.encodeImage(bytes))).toMatchObject({ code: "ERR_IPA_IMAGE_FORMAT" });
    expect(await rejection(pipeline.encodeImage({ data: bytes, width: 2, height: 2 }))).toMatchObject({
      option: "image.data",
    });
  });

  test("memory that is shared or can grow is copied as it is", async () => {
    const { pipeline, addon } = await loadFake();
    const data = pixels(2, 2);
    const shared = new Uint8Array(new SharedArrayBuffer(12));
    // TypeScript's library of this target does not know of it yet.
    const growing = new (
      ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer & { resize(length: number): void }
    )(12, { maxByteLength: 1 << 20 });
    const view = new Uint8Array(growing);
    await pipeline.encodeImage({ data, width: 2, height: 2 });
    const plain = addon.encoded.at(-1)?.rgb;
    for (const memory of [shared, view]) {
      memory.set(data);
      const encoded = pipeline.encodeImage({ data: memory, width: 2, height: 2 });
      memory.fill(0);
      await encoded;
      expect(addon.encoded.at(-1)?.rgb).toEqual(plain);
    }
    growing.resize(6);
    expect(await rejection(pipeline.encodeImage({ data: view, width: 2, height: 2 }))).toMatchObject({
      option: "image.data",
      message: expect.stringContaining("received 6"),
    });
  });

  test("a bigint of a million digits is not spelt out", async () => {
    const { pipeline } = await loadFake();
    expect(await rejection(pipeline.generate({ steps: (1n << 4_000_000n) as unknown as number }))).toMatchObject({
      option: "steps",
      message: expect.stringContaining("a bigint of more than 24 digits"),
    });
  });
});

test("every array and every text among the options has a bound", () => {
  const unbounded: string[] = [];
  const visit = (schema: Schema, at: string): void => {
    const { type, items, properties = {}, maxItems, maxLength, enum: names } = schema;
    if ((type === "array" || items !== undefined) && maxItems === undefined) unbounded.push(at);
    if (type === "string" && names === undefined && maxLength === undefined) unbounded.push(at);
    if (items !== undefined) visit(items, `${at}[]`);
    for (const [name, property] of Object.entries(properties)) visit(property, `${at}.${name}`);
  };
  for (const [name, value] of Object.entries(schemas))
    if (name.endsWith("Schema")) visit(value as unknown as Schema, name);
  expect(unbounded).toEqual([]);
});
