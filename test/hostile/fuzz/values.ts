/** Options of generate(), encodeImage(), saveEmbeds() and combineEmbeds() made of values of every kind: a result, or a typed error. */
import { strict as assert } from "node:assert";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { combineEmbeds } from "../../../lib/embeds/combine";
import { saveEmbedsWith } from "../../../lib/embeds/file";
import { ImageEmbeds } from "../../../lib/embeds/image-embeds";
import { IpAdapterError } from "../../../lib/errors";
import type { ImagePrompt } from "../../../lib/image-prompt";
import { CallSite } from "../../../lib/native/call";
import { GenerateSchema } from "../../../lib/options/schema";
import { FakeAddon } from "../../support/fake-addon";
import { loadFake } from "../../support/load";
import type { Random } from "./random";

const KEYS = [...Object.keys(GenerateSchema.properties), "length", "constructor", "__proto__"];
const INNER = [
  "image",
  "embeds",
  "faceEmbeds",
  "scale",
  "adapter",
  "data",
  "width",
  "height",
  "channels",
  "info",
  "format",
  "every",
  "depth",
  "decoder",
  "href",
  "protocol",
  "length",
  "aborted",
  "reason",
  "addEventListener",
  "removeEventListener",
  "size",
  "stream",
  "arrayBuffer",
  "getReader",
  "cancel",
  "0",
  "shape",
];
const boom = (): never => {
  throw new RangeError("mine");
};

class Values {
  constructor(readonly random: Random) {}

  any(depth: number): unknown {
    const { random } = this;
    const scalars = (): unknown =>
      random.pick<unknown>([
        undefined,
        null,
        true,
        0,
        -0,
        1,
        64,
        0.5,
        -1,
        NaN,
        Infinity,
        2 ** 53,
        4294967295,
        1n,
        "",
        "a",
        "ddim",
        "data:image/png;base64,AAAA",
        "/no/such",
        Symbol("s"),
        () => 1,
        boom,
        new Date(),
        /x/,
        new Map(),
        Promise.resolve(1),
        new AbortController(),
        new AbortController().signal,
        AbortSignal.abort(new IpAdapterError("ERR_IPA_CANCELLED", "stopped")),
        pathToFileURL("/no/such"),
      ]);
    if (depth === 0 || random.chance(0.4)) return scalars();
    const value = this.#composed(depth - 1);
    return random.chance(0.25) ? this.#twisted(value) : value;
  }

  object(keys: readonly string[], depth: number): object {
    const result = {};
    for (const key of this.random.list(4, () => this.random.pick(keys))) {
      const value = this.any(depth);
      Object.defineProperty(
        result,
        key,
        this.random.chance(0.1)
          ? { get: boom, enumerable: true, configurable: true }
          : { value, enumerable: true, configurable: true, writable: true },
      );
    }
    return result;
  }

  #composed(depth: number): object {
    const { random } = this;
    switch (random.below(7)) {
      case 0:
        return random.list(4, () => this.any(depth));
      case 1: {
        const array: unknown[] = [];
        array.length = random.pick([0, 1, 256, 100000, 4294967295]);
        return array;
      }
      case 2:
        return new (random.pick<new (length: number) => object>([
          Float32Array,
          Float64Array,
          Uint8Array,
          Uint8ClampedArray,
          Int32Array,
          BigInt64Array,
          ArrayBuffer,
          SharedArrayBuffer,
        ]))(random.pick([0, 3, 12, 64, 256, 512]));
      case 3:
        return new ImageEmbeds(new Float32Array(256), [1, 256]);
      case 4: {
        const array = new Float32Array(256);
        if (random.chance(0.5)) structuredClone(array.buffer, { transfer: [array.buffer] });
        return array;
      }
      default:
        return this.object(INNER, depth);
    }
  }

  /** The same with members that lie or throw. */
  #twisted(value: object): object {
    const { random } = this;
    const name = random.pick<string | symbol>([
      "length",
      "buffer",
      "byteLength",
      "slice",
      "map",
      "shape",
      "constructor",
      Symbol.iterator,
      Symbol.toPrimitive,
      Symbol.toStringTag,
    ]);
    const lie = random.pick<unknown>([
      4294967295,
      1e9,
      -1,
      "x",
      [3e7, 1],
      boom,
      function* () {
        for (;;) yield 1;
      },
    ]);
    switch (random.below(5)) {
      case 0:
        return new Proxy(value, { get: boom, has: boom, ownKeys: boom, getPrototypeOf: boom });
      case 1:
        return new Proxy(value, { get: (target, key) => (key === name ? lie : (Reflect.get(target, key) as unknown)) });
      case 2: {
        const { proxy, revoke } = Proxy.revocable(value, {});
        revoke();
        return proxy;
      }
      case 3:
        if (!Array.isArray(value) || name !== "length")
          Reflect.defineProperty(value, name, random.chance(0.5) ? { get: boom } : { value: lie });
        return value;
      default:
        return Object.create(value, { [name]: { value: lie } }) as object;
    }
  }
}

const loading = loadFake();

export async function fuzzValues(random: Random, scratch: string): Promise<void> {
  const values = new Values(random);
  const { pipeline } = await loading;
  const file = join(scratch, "a.safetensors");
  const calls: (() => unknown)[] = [
    () => pipeline.generate(values.object(KEYS, 3)),
    () =>
      pipeline.generate({
        steps: 1,
        imagePrompts: [values.object(["image", "embeds", "scale", "adapter"], 2) as ImagePrompt],
      }),
    () => pipeline.estimateMemory(values.object(KEYS, 3)),
    () => pipeline.encodeImage(values.any(3) as Uint8Array, values.object(["adapter", "signal"], 2)),
    () => saveEmbedsWith(new FakeAddon(), file, values.any(3) as ImageEmbeds, "path", new CallSite()),
    () =>
      combineEmbeds(values.any(3) as ImageEmbeds, random.pick(["concat", "add", "average"]), values.any(2) as number[]),
    () => new ImageEmbeds(values.any(2) as Float32Array, values.any(2) as number[]),
  ];
  try {
    await random.pick(calls)();
  } catch (error) {
    // What the caller's own onProgress throws, and a signal's reason, come back as they are.
    const own = error instanceof RangeError && error.message === "mine";
    const aborted = error instanceof DOMException || typeof error !== "object" || error === null;
    if (!own && !aborted) assert.ok(error instanceof IpAdapterError, error as Error);
  }
}
