/** The models of the server: names, one load for all who ask, what is unloaded for what. Pipelines are stand-ins of a size. */
import { OptionError } from "../lib/index";
import { readConfig } from "../lib/server/config";
import { Models } from "../lib/server/models/models";
import { rejection } from "./support/load";

const log: string[] = [];
beforeEach(() => (log.length = 0));

interface Stub {
  memoryBytes: number;
  usable: boolean;
  dispose(): Promise<void>;
}

function models(sizes: Record<string, number>, memoryBudget = Infinity, fallback?: string): Models<Stub> {
  const sources = Object.entries(sizes).map(([name, memoryBytes]) => ({
    name,
    aliases: [`${name}-alias`],
    load: async () => {
      log.push(`load ${name}`);
      await new Promise(setImmediate);
      if (memoryBytes < 0) throw new Error("/secret/path is damaged");
      return { memoryBytes, usable: true, dispose: () => Promise.resolve(void log.push(`unload ${name}`)) };
    },
  }));
  return new Models(sources, {
    fallback,
    memoryBudget,
    onError: (name, error) => log.push(`${name}: ${(error as Error).message}`),
  });
}

const { signal } = new AbortController();

test("names, other names, none, and unknown ones", async () => {
  const all = models({ a: 1, b: 1 });
  expect([undefined, "b", "b-alias"].map((name) => all.resolve(name))).toEqual(["a", "b", "b"]);
  await expect(all.lease("dall-e-3", signal)).rejects.toMatchObject({ status: 404, code: "model_not_found" });
  expect(models({ a: 1, b: 1 }, Infinity, "b").resolve("dall-e-3")).toBe("b");
});

test("all who ask at once share one load; one who gives up leaves it to the others", async () => {
  const all = models({ a: 1 });
  const gone = new AbortController();
  const [given, ...others] = [all.lease("a", gone.signal), all.lease("a", signal), all.lease("a", signal)];
  gone.abort(new Error("gone"));
  await expect(given).rejects.toThrow("gone");
  const leases = await Promise.all(others);
  expect(leases[0].pipeline).toBe(leases[1].pipeline);
  expect(log).toEqual(["load a"]);
  expect(all.loaded).toEqual({ a: 1 });
});

test("what was used least recently goes when another needs its memory, and is loaded again when it is asked for", async () => {
  const all = models({ a: 4, b: 4, c: 4 }, 10);
  for (const name of ["a", "b", "a", "c"]) (await all.lease(name, signal)).release();
  expect(log).toEqual(["load a", "load b", "load c", "unload b"]);
  expect(all.loaded).toEqual({ a: 4, c: 4 });
  (await all.lease("b", signal)).release();
  expect(log.slice(4)).toEqual(["unload a", "load b"]);
});

test("a model in use is not taken away; who asks for it meanwhile waits behind the one that comes", async () => {
  const all = models({ a: 4, b: 4 }, 5);
  for (const name of ["b", "a"]) (await all.lease(name, signal)).release();
  log.length = 0;
  const used = await all.lease("a", signal);
  const next = all.lease("b", signal);
  await new Promise(setImmediate);
  const later = all.lease("a", signal);
  await new Promise(setImmediate);
  expect(log).toEqual([]);
  used.release();
  used.release();
  (await next).release();
  (await later).release();
  expect(log).toEqual(["unload a", "load b", "unload b", "load a"]);
});

test("a model larger than the budget is loaded alone", async () => {
  const all = models({ a: 4, b: 40 }, 10);
  (await all.lease("a", signal)).release();
  (await all.lease("b", signal)).release();
  expect(all.loaded).toEqual({ b: 40 });
});

test("a failed load is told to the log, not to the client, and is tried again", async () => {
  const all = models({ a: -1 });
  const error = await rejection(all.lease("a", signal));
  expect(error).toMatchObject({ status: 503, code: "model_unavailable" });
  expect(error.message).not.toContain("secret");
  await rejection(all.lease("a", signal));
  expect(log).toEqual(["load a", "a: /secret/path is damaged", "load a", "a: /secret/path is damaged"]);
});

test("a model that broke is loaded anew, once its users have let it go", async () => {
  const all = models({ a: 1 });
  const broken = await all.lease("a", signal);
  broken.pipeline.usable = false;
  const next = await all.lease("a", signal);
  expect(next.pipeline).not.toBe(broken.pipeline);
  expect(log).toEqual(["load a", "load a"]);
  broken.release();
  await new Promise(setImmediate);
  expect(log).toEqual(["load a", "load a", "unload a"]);
  next.release();
  expect(all.loaded).toEqual({ a: 1 });
});

/** Model "far" never comes; the others do. */
function withFar(): { all: Models<Stub>; begun: Promise<void> } {
  let begin!: () => void;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const far = (stop: AbortSignal): Promise<Stub> => {
    log.push("load far");
    begin();
    return new Promise((_, reject) => stop.addEventListener("abort", () => reject(stop.reason as Error)));
  };
  const near = (): Promise<Stub> =>
    Promise.resolve({ memoryBytes: 1, usable: true, dispose: () => Promise.resolve(void log.push("unload near")) });
  const sources = [
    { name: "far", aliases: [], load: far },
    { name: "near", aliases: [], load: near },
  ];
  const onError = (name: string, error: unknown): unknown => log.push(`${name}: ${(error as Error).message}`);
  return { all: new Models(sources, { fallback: undefined, memoryBudget: Infinity, onError }), begun };
}

test("a load that never ends holds up other models only while somebody waits for it", async () => {
  const { all, begun } = withFar();
  const [one, two] = [new AbortController(), new AbortController()];
  const far = [all.lease("far", one.signal), all.lease("far", two.signal)];
  let near = false;
  const lease = all.lease("near", signal).finally(() => (near = true));
  await begun;
  one.abort(new Error("late"));
  await expect(far[0]).rejects.toThrow("late");
  await new Promise(setImmediate);
  expect(near).toBe(false);
  two.abort(new Error("late"));
  await expect(far[1]).rejects.toThrow("late");
  (await lease).release();
  expect(log).toEqual(["load far", "far: nobody waited for it any more"]);
});

test("who asks for a model again whose load was given up gets a load of their own", async () => {
  const { all, begun } = withFar();
  const [one, two] = [new AbortController(), new AbortController()];
  const first = rejection(all.lease("far", one.signal));
  await begun;
  one.abort(new Error("late"));
  expect((await first).message).toBe("late");
  const second = rejection(all.lease("far", two.signal));
  while (log.length < 3) await new Promise(setImmediate);
  expect(log).toEqual(["load far", "far: nobody waited for it any more", "load far"]);
  two.abort(new Error("late"));
  await second;
});

test("a model that comes although nobody waits for it is unloaded", async () => {
  const all = models({ a: 1 });
  const gone = new AbortController();
  const lease = rejection(all.lease("a", gone.signal));
  for (let i = 0; i < 20 && log.length === 0; i++) await Promise.resolve();
  gone.abort(new Error("late"));
  await lease;
  await all.close();
  expect(log.slice(0, 2)).toEqual(["load a", "unload a"]);
  expect(all.loaded).toEqual({});
});

test("closing ends a load that never ends by itself, and those who wait for it hear of it", async () => {
  const { all, begun } = withFar();
  const waiting = rejection(all.lease("far", signal));
  await begun;
  await all.close();
  expect(await waiting).toMatchObject({ code: "model_unavailable" });
  expect(log).toEqual(["load far"]);
});

test("closing waits for who uses a model", async () => {
  const all = models({ a: 1 });
  const lease = await all.lease("a", signal);
  const closed = all.close();
  await new Promise(setImmediate);
  expect(log).toEqual(["load a"]);
  lease.release();
  await closed;
  expect(log).toEqual(["load a", "unload a"]);
});

test("a config has defaults, and mistakes in it are named", () => {
  expect(readConfig({})).toMatchObject({
    models: [{ name: "mini", aliases: [], processes: 1 }],
    fallback: "mini",
    limits: { images: 16 },
    cors: [],
  });
  expect(readConfig({ models: [{ name: "a" }], limits: { steps: 9 } })).toMatchObject({
    fallback: undefined,
    limits: { steps: 9, images: 16 },
  });
  const option = (config: object): string => {
    try {
      readConfig(config);
      return "";
    } catch (error) {
      return (error as OptionError).option;
    }
  };
  expect(option({ limits: { step: 9 } })).toBe("limits.step");
  expect(option({ models: [{ name: "a", load: { dtype: "f64" } }] })).toBe("models[0].load.dtype");
  expect(option({ models: [{ name: "a", load: { images: "any" } }] })).toBe("models[0].load.images");
  expect(option({ models: [{ name: "a", aliases: ["b"] }, { name: "b" }] })).toBe("models");
  expect(option({ fallback: "none" })).toBe("fallback");
  const lora = { name: "a", file: "a.safetensors" };
  expect(option({ loras: [lora, { ...lora, file: "b.safetensors" }] })).toBe("loras[1].name");
  expect(option({ cors: ["example.com"] })).toBe("cors[0]");
});
