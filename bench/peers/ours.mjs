// usage: MODEL TYPE THREADS [ADAPTER] [whole]. Prints METRIC VALUE lines of this engine; see ../peers.mjs.
import { Pipeline } from "../../dist/index.mjs";

const [model, dtype, threads, adapter, whole] = process.argv.slice(2);
const STEPS = 4;
const started = performance.now();
const pipeline = await Pipeline.load({
  model,
  adapters: adapter ? [{ file: adapter }] : [],
  dtype,
  threads: Number(threads),
});
const print = (metric, value) => console.log(`${metric} ${value.toFixed(3)}`);
print("load_s", (performance.now() - started) / 1000);

/** Runs one generation; best time between two steps, of the first step, and from the last step to the picture. */
async function run(options) {
  const ticks = [];
  const begin = performance.now();
  await pipeline.generate({
    ...{
      prompt: "a photo of a cat",
      negativePrompt: "",
      scheduler: "ddim",
      steps: STEPS,
      guidance: 7.5,
      seed: 1,
      width: 512,
      height: 512,
    },
    ...options,
    onProgress: () => void ticks.push(performance.now()),
  });
  const end = performance.now();
  return {
    step: Math.min(...ticks.slice(1).map((t, i) => t - ticks[i])) / 1000,
    first: ticks[0],
    tail: (end - ticks.at(-1)) / 1000,
    all: (end - begin) / 1000,
  };
}

const plain = await run({});
print("load_to_first_step_s", (plain.first - started) / 1000);
print("guided_step_s", plain.step);
// As the peers are timed: once warm.
print("vae_decode_s", Math.min(plain.tail, (await run({ steps: 1 })).tail));
if (adapter) {
  const embeds = Float32Array.from({ length: pipeline.info.adapters[0].embedSize }, (_, i) => Math.sin(i));
  print("guided_step_adapter_s", (await run({ imagePrompts: [{ embeds, scale: 1 }], output: "latents" })).step);
}
if (whole) {
  print("image_20_steps_s", (await run({ steps: 20 })).all);
  // As few-step models and LoRAs are called; they are of the same size.
  print("image_4_steps_unguided_s", (await run({ steps: 4, guidance: 1, scheduler: "lcm" })).all);
}
print("peak_mb", process.resourceUsage().maxRSS / 1024);
await pipeline.dispose();
