// How free the event loop stays while a picture is made: `npm run bench:event-loop [-- --model DIR --adapter FILE --limit 20]`.
// Prints the delay of the event loop (milliseconds) idle and during a generation; exit code 1 when p99 is over the limit.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Pipeline } from "node-ip-adapter";

const { values } = parseArgs({
  options: {
    model: { type: "string" },
    adapter: { type: "string" },
    steps: { type: "string", default: "100" },
    rounds: { type: "string", default: "10" },
    limit: { type: "string", default: "20" },
  },
});
const image = new URL("../examples/images/red-apple.png", import.meta.url);

async function delayDuring(work) {
  // The timer wakes every millisecond; what it measures beyond that is the time the loop was held up.
  const resolution = 1;
  const histogram = monitorEventLoopDelay({ resolution });
  histogram.enable();
  const started = performance.now();
  await work();
  const seconds = (performance.now() - started) / 1000;
  histogram.disable();
  const ms = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - resolution);
  return { p50: ms(histogram.percentile(50)), p99: ms(histogram.percentile(99)), max: ms(histogram.max), seconds };
}

const pipeline = await Pipeline.load({
  ...(values.model ? { model: values.model } : {}),
  ...(values.adapter ? { adapters: [{ file: values.adapter }] } : {}),
});
const generate = () =>
  pipeline.generate({
    prompt: "on a blue background",
    imagePrompts: [{ image }],
    steps: Number(values.steps),
    seed: 1,
  });
await generate();

const rows = {
  idle: await delayDuring(() => sleep(2000)),
  generating: await delayDuring(async () => {
    for (let i = 0; i < Number(values.rounds); ++i) await generate();
  }),
};
await pipeline.dispose();

for (const [name, { p50, p99, max, seconds }] of Object.entries(rows)) {
  console.log(
    `${name.padEnd(10)}  p50 ${p50.toFixed(2)} ms  p99 ${p99.toFixed(2)} ms  max ${max.toFixed(2)} ms  over ${seconds.toFixed(1)} s`,
  );
}
const limit = Number(values.limit);
const passed = rows.generating.p99 <= limit;
console.log(`event loop delay p99 ${passed ? "within" : "over"} ${limit} ms`);
process.exitCode = passed ? 0 : 1;
