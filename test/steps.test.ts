/** Latents handed to the caller after every step, and back. Needs `npm run build`. */
import { setTimeout as later } from "node:timers/promises";

import { Pipeline, type GenerateOptions, type StepInfo } from "../lib/index";
import { rejection } from "./support/load";

const CALL: GenerateOptions = { prompt: "a red apple", steps: 3, seed: 5, scheduler: "euler" };
let pipeline: Pipeline;
beforeAll(async () => (pipeline = await Pipeline.load()));
afterAll(() => pipeline.dispose());

const latentsOf = async (options: GenerateOptions): Promise<Float32Array> =>
  (await pipeline.generate({ ...CALL, ...options, output: "latents" })).latents[0]!;

test("it gets each step's latents, and the last are the result's", async () => {
  const infos: StepInfo[] = [];
  const seen: Float32Array[] = [];
  const { latents } = await pipeline.generate({
    ...CALL,
    count: 2,
    onStep: (given, info) => {
      infos.push(info);
      seen.push(given);
    },
  });
  expect(infos.map(({ image, seed, step, total }) => [image, seed, step, total])).toEqual([
    [0, 5, 1, 3],
    [0, 5, 2, 3],
    [0, 5, 3, 3],
    [1, 6, 1, 3],
    [1, 6, 2, 3],
    [1, 6, 3, 3],
  ]);
  expect(infos[0]!.timestep).toBeGreaterThan(infos[1]!.timestep);
  expect([seen[2], seen[5]]).toEqual(latents);
  // A step is that of a call which ends there.
  expect(seen[0]).not.toEqual(seen[1]);
});

test("reading changes nothing, and neither does writing into the copy", async () => {
  const plain = await latentsOf({});
  const written = await latentsOf({ onStep: (latents) => void latents.fill(0) });
  expect(written).toEqual(plain);
  expect(await latentsOf({ onStep: async (latents) => (await later(1), latents) })).toEqual(plain);
});

test("what it returns goes on: a call from those latents makes the same", async () => {
  // The first two steps of one call, handed over into the last of another.
  let kept: Float32Array | undefined;
  const whole = await latentsOf({
    onStep: (latents, { step }) => {
      if (step === 2) kept = latents;
    },
  });
  const handed = await latentsOf({
    seed: 99,
    onStep: (_, { step }) => (step === 2 ? Promise.resolve(kept) : undefined),
  });
  expect(handed).toEqual(whole);
  expect(await latentsOf({ seed: 99 })).not.toEqual(whole);
});

test("the event loop turns while the engine waits, and progress goes on", async () => {
  let turns = 0;
  const steps: number[] = [];
  const timer = setInterval(() => turns++, 1);
  await pipeline.generate({
    ...CALL,
    onProgress: ({ step }) => steps.push(step),
    onStep: async () => {
      const before = turns;
      while (turns < before + 3) await later(1);
    },
  });
  clearInterval(timer);
  expect(turns).toBeGreaterThanOrEqual(9);
  expect(steps).toEqual([1, 2, 3]);
});

test("a signal stops a call whose onStep never answers; the pipeline goes on", async () => {
  const controller = new AbortController();
  const waiting = pipeline.generate({
    ...CALL,
    signal: controller.signal,
    onStep: () => {
      controller.abort(new Error("enough"));
      return new Promise(() => undefined);
    },
  });
  expect(await rejection(waiting)).toMatchObject({ message: "enough" });
  expect((await pipeline.generate(CALL)).images).toHaveLength(1);
});

test("dispose() ends a call whose onStep never answers", async () => {
  const other = await Pipeline.load();
  let entered = (): void => undefined;
  const begun = new Promise<void>((resolve) => (entered = resolve));
  const waiting = rejection(
    other.generate({
      ...CALL,
      onStep: () => {
        entered();
        return new Promise(() => undefined);
      },
    }),
  );
  await begun;
  await other.dispose();
  expect(await waiting).toMatchObject({ code: "ERR_IPA_DISPOSED" });
});

test.each([
  ["too few", () => new Float32Array(3), "onStep: expected 2048 latents in return but received 3"],
  [
    "not finite",
    (latents: Float32Array) => latents.map(() => NaN),
    "onStep[0]: expected a finite number but received NaN",
  ],
  ["no floats", () => [1, 2, 3], "onStep: expected a Float32Array"],
  ["a throw", () => Promise.reject(new Error("no more")), "no more"],
])("%s in return end the call", async (_, onStep, message) => {
  const error = await rejection(pipeline.generate({ ...CALL, onStep }));
  expect(error.message).toContain(message);
});
