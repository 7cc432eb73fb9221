/** The addon as somebody calls it who found its classes, or hands it values that lib/ would have refused. */
import { strict as assert } from "node:assert";

import type { NativeAddon, NativeGenerateRequest, NativeJob, NativePipeline } from "../../lib/native/contract";
import { loadAddon } from "../../lib/native/load";
import { Pipeline } from "../../lib/pipeline";
import { shippedModel } from "../../lib/package-root";
import type { HostileCases } from "./case";

/** Every method of an object and of its class, called with too little and with the wrong things. */
function poke(target: object): void {
  const methods = new Set<string>();
  for (
    let object: object | null = target;
    object !== null && object !== Object.prototype;
    object = Object.getPrototypeOf(object) as object | null
  ) {
    for (const name of Object.getOwnPropertyNames(object)) if (name !== "constructor") methods.add(name);
  }
  for (const name of methods) {
    const method = (target as Record<string, unknown>)[name];
    if (typeof method !== "function") continue;
    for (const args of [
      [],
      [{}],
      [null, null, null],
      [{}, {}, () => undefined],
      [[], 0, () => undefined],
      [-1, "x", () => undefined],
    ]) {
      try {
        (method as (...args: unknown[]) => unknown).apply(target, args);
      } catch (error) {
        assert.ok(error !== undefined);
      }
    }
  }
}

async function loadNative(): Promise<{ addon: NativeAddon; native: NativePipeline }> {
  const addon = loadAddon();
  const request = {
    model: shippedModel().model,
    adapters: [],
    loras: [],
    embeddings: [],
    dtype: "f32" as const,
    threads: 0,
  };
  const native = await new Promise<NativePipeline>((resolve, reject) => {
    addon.load(request, (error, value) =>
      error === null ? resolve(value as NativePipeline) : reject(new Error(error.message)),
    );
  });
  return { addon, native };
}

const close = (native: NativePipeline): Promise<void> => new Promise((resolve) => native.close(() => resolve()));

/** An array that says it has very many entries. */
function vast(): never[] {
  const array: never[] = [];
  array.length = 4294967295;
  return array;
}

export const cases: HostileCases = {
  "classes of the addon are made by hand": {
    quick: true,
    seconds: 60,
    run: async () => {
      const { addon, native } = await loadNative();
      type Class = new () => object;
      const Native = (Object.getPrototypeOf(native) as { constructor: Class }).constructor;
      const Job = (Object.getPrototypeOf(addon.inspect(".", () => undefined)) as { constructor: Class }).constructor;
      for (const Made of [Native, Job]) {
        try {
          poke(new Made());
        } catch (error) {
          assert.ok(error !== undefined);
        }
      }
      await close(native);
    },
  },
  "methods of the addon get the wrong values": {
    seconds: 60,
    run: async () => {
      const { addon, native } = await loadNative();
      poke(addon);
      poke(native);
      await close(native);
      poke(native);
    },
  },
  "arrays that say they have 4294967295 entries": {
    seconds: 60,
    memory: 400,
    run: async () => {
      const { addon, native } = await loadNative();
      const done = (): void => undefined;
      const tries: (() => NativeJob)[] = [
        () => native.setAdapters(vast(), done),
        () => native.setLoras(vast(), done),
        () =>
          addon.load(
            {
              model: ".",
              adapters: vast(),
              loras: vast(),
              embeddings: vast(),
              dtype: "f32",
              threads: 0,
            } as unknown as Parameters<NativeAddon["load"]>[0],
            done,
          ),
        () => addon.writeTensors("x.safetensors", vast(), done),
        () => addon.writeTensors("x.safetensors", [{ name: "a", shape: vast(), data: new Float32Array(1) }], done),
        () =>
          native.generate(
            { prompt: vast(), branches: vast(), latents: vast(), seeds: vast() } as unknown as NativeGenerateRequest,
            null,
            done,
          ),
      ];
      for (const call of tries) assert.throws(call);
      await close(native);
    },
  },
  "methods are borrowed for other objects": {
    seconds: 60,
    run: async () => {
      const { addon, native } = await loadNative();
      const methods = Object.getPrototypeOf(native) as Record<string, (...args: unknown[]) => unknown>;
      for (const name of Object.getOwnPropertyNames(methods)) {
        if (name === "constructor") continue;
        for (const other of [{}, addon, Object.create(methods) as object, new Uint8Array(8)]) {
          try {
            methods[name]?.call(other, {}, 0, () => undefined);
          } catch (error) {
            assert.ok(error !== undefined);
          }
        }
      }
      await close(native);
      await using pipeline = await Pipeline.load();
      assert.equal(pipeline.disposed, false);
    },
  },
};
