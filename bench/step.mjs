// Seconds a guided 512x512 step takes here and in PyTorch + diffusers, in turn, on the same model and threads.
// usage: npm run bench:step -- --peers VENV --model DIR [--rounds 3] [--threads 2] [--steps 3]
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { Pipeline } from "../dist/index.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({
  options: {
    peers: { type: "string" },
    model: { type: "string" },
    adapter: { type: "string" },
    rounds: { type: "string", default: "3" },
    threads: { type: "string", default: "2" },
    steps: { type: "string", default: "3" },
  },
});
if (values.model === undefined) {
  console.error("usage: npm run bench:step -- --model DIR [--peers VENV] [--adapter FILE] [--rounds N] [--threads N] [--steps N]");
  process.exit(2);
}
const threads = Number(values.threads);
const steps = Number(values.steps);

async function ours(pipeline, imagePrompts) {
  const times = [];
  let last;
  await pipeline.generate({
    prompt: "a photo of a cat",
    negativePrompt: "",
    imagePrompts,
    scheduler: "ddim",
    steps: steps + 1,
    guidance: 7.5,
    seed: 1,
    width: 512,
    height: 512,
    output: "latents",
    onProgress: () => {
      const now = performance.now();
      if (last !== undefined) times.push((now - last) / 1000);
      last = now;
    },
  });
  return Math.min(...times);
}

function torch() {
  const out = execFileSync(join(values.peers, "bin/python"), [join(here, "torch_step.py"), values.model, String(threads), String(steps)], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return Number(out.trim().split(" ").at(-1));
}

const embeds = Float32Array.from({ length: 1024 }, (_, i) => Math.sin(i));
const best = {};
const note = (engine, seconds) => {
  best[engine] = Math.min(best[engine] ?? Infinity, seconds);
  console.log(`${engine} f32 guided_step_s ${seconds.toFixed(3)}`);
};
for (let round = 0; round < Number(values.rounds); ++round) {
  const pipeline = await Pipeline.load({ model: values.model, adapters: values.adapter ? [{ file: values.adapter }] : [], threads });
  note("node-ip-adapter", await ours(pipeline, []));
  if (values.adapter) note("node-ip-adapter+adapter", await ours(pipeline, [{ embeds, scale: 1 }]));
  await pipeline.dispose();
  if (values.peers) note("torch", torch());
}
if (best.torch) console.log(`ratio node-ip-adapter / torch ${(best["node-ip-adapter"] / best.torch).toFixed(3)}`);
if (best["node-ip-adapter+adapter"])
  console.log(`ratio with adapter / without ${(best["node-ip-adapter+adapter"] / best["node-ip-adapter"]).toFixed(3)}`);
