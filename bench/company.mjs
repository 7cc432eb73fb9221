// `npm run bench:company -- [--model DIR] [--size N] [--dtype T] [--rounds N]`: what calls of one pipeline gain and lose by company, as ratios
// in one run; "serial" is a pipeline with concurrency 1. Without a model, the shipped one.
//   throughput: eight callers at once, by the same calls in turn
//   newcomer: time to the first step of a call while eight long ones run, by the same when calls run one after the other
//   short jobs: mean latency of calls of 4 steps among as many of 50, at a load of 0.8, by the same when they run one after the other
//   cancel: time from an abort until another call has done a step, in steps
// With --model, only throughput and cancel: the others would take hours.
import { parseArgs } from "node:util";

import { Pipeline } from "../dist/index.mjs";

const { values: flags } = parseArgs({
  options: {
    model: { type: "string" },
    size: { type: "string" },
    dtype: { type: "string", default: "f32" },
    rounds: { type: "string", default: "3" },
    steps: { type: "string", default: "20" },
    callers: { type: "string", default: "8" },
    jobs: { type: "string", default: "60" },
  },
});
const rounds = Number(flags.rounds);
const side = flags.size === undefined ? {} : { width: Number(flags.size), height: Number(flags.size) };
const load = { ...(flags.model === undefined ? {} : { model: flags.model }), dtype: flags.dtype };
const call = (seed, steps = Number(flags.steps)) => ({
  prompt: "a red apple",
  seed,
  steps,
  scheduler: "ddim",
  ...side,
});

const seconds = async (work) => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const print = (name, value) => console.log(`${name} ${value.toFixed(3)}`);

async function throughput(pipeline) {
  const seeds = Array.from({ length: Number(flags.callers) }, (_, seed) => seed);
  const ratios = [];
  for (let round = 0; round < rounds + 1; round++) {
    const inTurn = await seconds(async () => {
      for (const seed of seeds) await pipeline.generate(call(seed));
    });
    const atOnce = await seconds(() => Promise.all(seeds.map((seed) => pipeline.generate(call(seed)))));
    if (round > 0) ratios.push(inTurn / atOnce); // in the first, ways to run are tried
  }
  print("throughput at once / in turn", median(ratios));
}

/** Seconds until the first step of a call that comes while eight long ones run. */
async function firstStep(pipeline) {
  const controller = new AbortController();
  let begun;
  const started = new Promise((resolve) => (begun = resolve));
  const long = Array.from({ length: 8 }, (_, seed) =>
    pipeline
      .generate({ ...call(seed, 50), signal: controller.signal, onProgress: () => begun() })
      .catch(() => undefined),
  );
  await started;
  const start = performance.now();
  let first;
  await pipeline.generate({ ...call(99, 4), onProgress: () => (first ??= performance.now()) });
  controller.abort();
  await Promise.all(long);
  return (first - start) / 1000;
}

/** Mean seconds of the short jobs of a mix whose arrivals do not wait for answers. */
async function shortLatency(pipeline, jobs) {
  const start = performance.now();
  const latencies = await Promise.all(
    jobs.map(async ({ at, steps }, seed) => {
      await new Promise((resolve) => setTimeout(resolve, at * 1000));
      await pipeline.generate(call(seed, steps));
      return steps === 4 ? (performance.now() - start) / 1000 - at : undefined;
    }),
  );
  const short = latencies.filter((latency) => latency !== undefined);
  return short.reduce((sum, latency) => sum + latency, 0) / short.length;
}

/** Arrivals of a Poisson process; half of the jobs are short. */
function mixOf(count, mean) {
  let state = 1;
  const random = () => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) / 0x7fffffff;
  let at = 0;
  return Array.from({ length: count }, () => ({
    at: (at -= Math.log(1 - random() * 0.999) * mean),
    steps: random() < 0.5 ? 4 : 50,
  }));
}

/** Steps that pass from an abort until a call behind it has done its first. */
async function cancelling(pipeline) {
  const stepTime = (await seconds(() => pipeline.generate(call(1, 4)))) / 4;
  const controller = new AbortController();
  let aborted;
  const doomed = pipeline
    .generate({
      ...call(2, 50),
      signal: controller.signal,
      onProgress: ({ step }) => step === 3 && ((aborted = performance.now()), controller.abort()),
    })
    .catch(() => performance.now());
  const freed = await doomed;
  print("cancel: steps until the call is gone", (freed - aborted) / 1000 / stepTime);
}

const together = await Pipeline.load(load);
await throughput(together);
await cancelling(together);
if (flags.model === undefined) {
  const serial = await Pipeline.load({ ...load, concurrency: 1 });
  const [alone, behind] = [[], []];
  for (let round = 0; round < rounds; round++) {
    alone.push(await firstStep(together));
    behind.push(await firstStep(serial));
  }
  print("newcomer's first step / serial", median(alone) / median(behind));
  const time = await seconds(async () => {
    for (const steps of [4, 50, 4, 50]) await serial.generate(call(1, steps));
  });
  const jobs = mixOf(Number(flags.jobs), time / 4 / 0.8);
  print("short jobs' mean latency / serial", (await shortLatency(together, jobs)) / (await shortLatency(serial, jobs)));
  await serial.dispose();
}
console.log(`batches ${JSON.stringify(together.stats().batches)}`);
await together.dispose();
