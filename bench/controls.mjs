// `npm run bench:controls -- --model DIR [--peers VENV] [--dtypes f32,bf16] [--rounds N] [--threads N] [--size N] [--variants a,b]`: what a
// step costs with a ControlNet, an adapter, masks and scales by block, on a model of full size made by tools/parity/make_models.py, or by
// make_sdxl.py with `--variants plain,adapter,control`. All in turn in every round; prints the best of the rounds, and ratios. PyTorch's
// step with and without the ControlNet stands beside ours.
import { execFileSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { Pipeline } from "../dist/index.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const { values: flags } = parseArgs({
  options: {
    model: { type: "string" },
    peers: { type: "string" },
    dtypes: { type: "string", default: "f32,bf16" },
    rounds: { type: "string", default: "2" },
    threads: { type: "string", default: "2" },
    size: { type: "string", default: "512" },
    variants: { type: "string", default: "plain,adapter,mask,blocks,control,control and adapter" },
  },
});
if (flags.model === undefined) {
  console.error(
    "usage: npm run bench:controls -- --model DIR [--peers VENV] [--dtypes f32,bf16] [--rounds N] [--threads N] [--size N] [--variants a,b]",
  );
  process.exit(2);
}
const side = Number(flags.size);
const STEPS = 4;

/** Noise, or white on the left. */
const picture = (channels, at) => ({
  data: Uint8Array.from({ length: side * side * channels }, (_, i) => at(i)),
  width: side,
  height: side,
  channels,
});
const control = picture(3, (i) => (i * 37 + (i >> 7)) & 255);
const mask = picture(1, (i) => (i % side < side / 2 ? 255 : 0));

function variants(pipeline) {
  const embeds = Float32Array.from({ length: pipeline.info.adapters[0].embedSize }, (_, i) => Math.sin(i));
  const blocks = { down: 0.5, mid: 0.7, up: { block_1: [0.2, 0.4, 0.6], block_2: 0.5, block_3: 0.3 } };
  const image = { embeds, scale: 1 };
  return {
    plain: {},
    adapter: { imagePrompts: [image] },
    mask: { imagePrompts: [{ ...image, mask }] },
    blocks: { imagePrompts: [{ ...image, scale: blocks }] },
    control: { controls: [{ image: control }] },
    "control and adapter": { imagePrompts: [image], controls: [{ image: control }] },
  };
}

/** Best time between two steps, in seconds. */
async function step(pipeline, options) {
  const ticks = [];
  const call = {
    prompt: "a photo of a cat",
    scheduler: "ddim",
    steps: STEPS,
    guidance: 7.5,
    seed: 1,
    output: "latents",
  };
  await pipeline.generate({
    ...call,
    width: side,
    height: side,
    ...options,
    onProgress: () => void ticks.push(performance.now()),
  });
  return Math.min(...ticks.slice(1).map((t, i) => t - ticks[i])) / 1000;
}

function torch(dtype) {
  const args = [path.join(here, "peers/torch_control_peer.py"), flags.model, dtype, flags.threads, flags.size];
  const output = execFileSync(path.join(flags.peers, "bin/python"), args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return Object.fromEntries(
    output
      .trim()
      .split("\n")
      .map((line) => [line.split(" ")[0], Number(line.split(" ")[1])]),
  );
}

for (const dtype of flags.dtypes.split(",")) {
  const best = {};
  const keep = (name, value) => (best[name] = Math.min(value, best[name] ?? Infinity));
  for (let round = 0; round < Number(flags.rounds); round++) {
    const pipeline = await Pipeline.load({
      model: flags.model,
      adapters: [path.join(flags.model, "ip-adapter.safetensors")],
      controls: [path.join(flags.model, "controlnet")],
      dtype,
      threads: Number(flags.threads),
    });
    const all = variants(pipeline);
    for (const name of flags.variants.split(",")) keep(name, await step(pipeline, all[name]));
    await pipeline.dispose();
    if (flags.peers !== undefined)
      for (const [name, value] of Object.entries(torch(dtype))) keep(`torch ${name}`, value);
  }
  for (const [name, value] of Object.entries(best)) console.log(`${dtype} ${name} ${value.toFixed(3)} s`);
  const share = (a, b) => {
    if (a in best && b in best) console.log(`${dtype} ${a} / ${b} ${(best[a] / best[b]).toFixed(3)}`);
  };
  share("adapter", "plain");
  share("mask", "adapter");
  share("blocks", "adapter");
  share("control", "plain");
  share("control and adapter", "adapter");
  share("plain", "torch plain");
  share("control", "torch control");
  share("torch control", "torch plain");
}
