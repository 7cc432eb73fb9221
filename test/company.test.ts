/** Calls that advance together: each has the bits it would have had alone. Needs `npm run build`. */
import { join } from "node:path";

import { type GenerateOptions, Pipeline } from "../lib/index";
import { GOLDEN } from "./support/golden";
import { rejection } from "./support/load";
import { RandomCalls, compareInCompany, loadSmall, noise, outcome, randomBy } from "./support/random-calls";

const raw = { data: noise(64, 64, 0), width: 64, height: 64 };

describe("in company", () => {
  let pipeline: Pipeline;
  beforeAll(async () => void (pipeline = await loadSmall()));
  afterAll(() => pipeline.dispose());

  test("calls of any mix that join, leave and are aborted have the bits they have alone", async () => {
    const random = randomBy(1);
    const make = new RandomCalls(random);
    const calls = Array.from({ length: 60 }, () => make.next());
    const { different, aborted, failed } = await compareInCompany(pipeline, calls, { random, together: 8 });
    expect(different).toEqual([]);
    expect(aborted).toBeGreaterThan(0);
    expect(failed).toBeLessThan(6);
  });

  test("calls whose graphs are alike run as one, each with its own prompt, picture, sampler, guidance and steps", async () => {
    const calls = ["euler", "ddim", "heun", "dpm++_2m", "euler_a", "unipc", "lms", "deis"].map((scheduler, i) => ({
      prompt: `a cat ${i}`,
      imagePrompts: [{ image: { ...raw, data: noise(64, 64, i) }, scale: i / 8 }],
      guidance: 2 + i,
      steps: 20 + i,
      scheduler,
      seed: i,
      width: 64,
      height: 64,
    })) as Parameters<typeof outcome>[1][];
    const alone = [];
    for (const call of calls) alone.push(await outcome(pipeline, call));
    const before = pipeline.stats().batches;
    expect(await Promise.all(calls.map((call) => outcome(pipeline, call)))).toEqual(alone);
    const shared = Object.entries(pipeline.stats().batches).filter(
      ([copies, runs]) => Number(copies) > 1 && runs > (before[copies] ?? 0),
    );
    expect(shared.length).toBeGreaterThan(0);
  });

  test("a change of adapters comes after the calls before it and before those behind it", async () => {
    const call = { prompt: "a cat", imagePrompts: [{ image: raw }], steps: 3, width: 64, height: 64 };
    const before = Array.from({ length: 4 }, (_, seed) => pipeline.generate({ ...call, seed }));
    const change = pipeline.setAdapters([]);
    const behind = Array.from({ length: 4 }, (_, seed) => rejection(pipeline.generate({ ...call, seed })));
    expect((await Promise.all(before)).length).toBe(4);
    await change;
    for (const error of await Promise.all(behind)) expect(error).toMatchObject({ option: "imagePrompts[0]" });
  });
});

describe("LoRAs of a call", () => {
  const call = { prompt: "a cat", steps: 3, width: 64, height: 64, seed: 1 };
  const lora = (weight: number) => [{ file: join(GOLDEN, "loras/sd15-kohya.safetensors"), weight }];

  test("give what setLoras() gives, and the others keep the pipeline's", async () => {
    const pipeline = await Pipeline.load(join(GOLDEN, "models/sd15"));
    const with_ = new Map<number, string>();
    for (const weight of [0, 0.5, 1]) {
      await pipeline.setLoras(weight === 0 ? [] : lora(weight));
      with_.set(weight, await outcome(pipeline, call));
    }
    expect(new Set(with_.values()).size).toBe(3);
    await pipeline.setLoras(lora(0.5));
    const weights = [undefined, 1, 0, 1, undefined, 0, 1, undefined];
    const made = await Promise.all(
      weights.map((weight) =>
        outcome(pipeline, weight === undefined ? call : { ...call, loras: weight === 0 ? [] : lora(weight) }),
      ),
    );
    expect(made).toEqual(weights.map((weight) => with_.get(weight ?? 0.5)));
    // A change of adapters leaves the pipeline's own.
    await pipeline.setAdapters([]);
    expect(await outcome(pipeline, call)).toBe(with_.get(0.5));
    await pipeline.dispose();
  });

  test("a file that does not fit fails its call alone", async () => {
    const pipeline = await Pipeline.load(join(GOLDEN, "models/sd15"));
    const alone = await outcome(pipeline, call);
    const file = join(GOLDEN, "models/sd15/vae/diffusion_pytorch_model.safetensors");
    const [wrong, other, missing] = await Promise.all([
      rejection(pipeline.generate({ ...call, loras: [file] })),
      outcome(pipeline, call),
      rejection(pipeline.generate({ ...call, loras: ["/no/such.safetensors"] })),
    ]);
    expect(wrong).toMatchObject({ message: expect.stringContaining("diffusion_pytorch_model") });
    expect(missing).toMatchObject({ code: "ERR_IPA_NOT_FOUND", message: expect.stringContaining("loras[0].file") });
    expect(other).toBe(alone);
    await pipeline.dispose();
  });
});

describe("stats", () => {
  test("count what waits and advances, and are empty again", async () => {
    const pipeline = await loadSmall({ concurrency: 2 });
    expect(pipeline.info.concurrency).toBe(2);
    expect(pipeline.stats()).toMatchObject({
      queued: 0,
      active: 0,
      batches: {},
      stepSeconds: undefined,
      workingMemory: 0,
    });
    const seen: { queued: number; active: number }[] = [];
    const call = { prompt: "a cat", steps: 8, width: 64, height: 64 };
    await Promise.all(
      Array.from({ length: 5 }, (_, seed) =>
        pipeline.generate({ ...call, seed, onProgress: () => void seen.push(pipeline.stats()) }),
      ),
    );
    expect(Math.max(...seen.map(({ active }) => active))).toBe(2);
    expect(Math.max(...seen.map(({ queued }) => queued))).toBeGreaterThan(0);
    expect(pipeline.stats()).toMatchObject({ queued: 0, active: 0, waiting: 0, workingMemory: 0 });
    expect(pipeline.stats().stepSeconds).toBeGreaterThan(0);
    await pipeline.dispose();
  });

  test("with one at a time calls end in the order of their priority, then of their deadline", async () => {
    const pipeline = await loadSmall({ concurrency: 1 });
    const ended: string[] = [];
    const call = async (name: string, options: GenerateOptions): Promise<void> => {
      await pipeline.generate({ prompt: "a cat", steps: 4, width: 64, height: 64, ...options });
      ended.push(name);
    };
    let first: Promise<void> | undefined;
    await new Promise<void>((began) => {
      first = call("first", { steps: 200, onProgress: () => began() });
    });
    await Promise.all([
      first,
      call("plain", {}),
      call("late", { deadline: 600_000 }),
      call("early", { deadline: 300_000 }),
      call("low", { priority: -1 }),
      call("high", { priority: 1 }),
    ]);
    expect(ended).toEqual(["first", "high", "early", "late", "plain", "low"]);
    await pipeline.dispose();
  });

  test("a call that is not done by its deadline rejects, and the others go on", async () => {
    const pipeline = await loadSmall();
    const long = rejection(pipeline.generate({ prompt: "a cat", steps: 900, deadline: 50, width: 64, height: 64 }));
    const other = pipeline.generate({ prompt: "a cat", steps: 2, width: 64, height: 64 });
    expect(await long).toMatchObject({ code: "ERR_IPA_DEADLINE", message: expect.stringContaining("50 ms") });
    await other;
    await pipeline.dispose();
  });
});
