// usage: MODEL DEVICE SIDE BATCHES EMBED STEPS. Prints METRIC VALUE lines of this engine on a GPU, in f16; see ../cuda/main.mjs.
// Times are of the host: between two steps the latents are there, so the GPU is waited for.
import path from "node:path";

import { Pipeline } from "../../dist/index.mjs";

const [model, device, side, batches, embed, steps] = process.argv.slice(2);
const started = performance.now();
const show = (metric, value) => console.log(`${metric} ${value.toFixed(5)}`);
const pipeline = await Pipeline.load({
  model,
  adapters: [{ file: path.join(model, "ip-adapter.safetensors") }],
  device,
});
show("load_s", (performance.now() - started) / 1000);
const { device: used, dtype } = pipeline.info;
if (used !== device || dtype !== "f16") throw new Error(`it runs on ${used} in ${dtype}`);

const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];

/** One generation or several at once; seconds between steps of the first, and from the last step to the picture. */
async function run(pictures, options = {}) {
  const ticks = [];
  const one = (seed) =>
    pipeline.generate({
      ...{
        prompt: "a photo of a cat",
        negativePrompt: "",
        scheduler: "ddim",
        steps: Number(steps),
        guidance: 7.5,
        seed,
      },
      ...{ width: Number(side), height: Number(side), output: "latents" },
      ...options,
      ...(seed === 1 && { onProgress: () => void ticks.push(performance.now()) }),
    });
  await Promise.all(Array.from({ length: pictures }, (_, i) => one(i + 1)));
  const end = performance.now();
  const between = ticks.slice(1).map((tick, i) => (tick - ticks[i]) / 1000);
  // The first ones load kernels and record graphs.
  return {
    step: median(between.slice(between.length > 3 ? 2 : 0)),
    first: ticks[0],
    tail: (end - ticks.at(-1)) / 1000,
  };
}

const plain = await run(1);
show("load_to_first_step_s", (plain.first - started) / 1000);
for (const pictures of batches.split(",").map(Number)) {
  const { step } = await run(pictures);
  show(pictures === 1 ? "guided_step_s" : `guided_step_${pictures}_s`, step);
}
// The second decoding: the first loads kernels.
await run(1, { steps: 2, output: "image" });
show("vae_decode_s", (await run(1, { steps: 2, output: "image" })).tail);
const embeds = Float32Array.from({ length: Number(embed) }, (_, i) => Math.sin(i));
show("guided_step_adapter_s", (await run(1, { imagePrompts: [{ embeds, scale: 1 }] })).step);
await pipeline.dispose();
