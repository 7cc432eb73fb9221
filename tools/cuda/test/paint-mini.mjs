// Paints the calls of test/golden/mini.json on the first GPU, and prints how far they are from diffusers': `paint-mini.mjs DTYPE`.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { root } from "../../build/paths.mjs";

const require = createRequire(import.meta.url);
require("../../../test/support/typescript.cjs");
const { Pipeline } = require("../../../lib/index.ts");
const { readSafetensors } = require("../../../test/support/safetensors.ts");

const dtype = process.argv[2];
const index = JSON.parse(fs.readFileSync(path.join(root, "test/golden/mini.json"), "utf8"));
const golden = readSafetensors(path.join(root, "test/golden/mini.safetensors"));
const names = { adapters: ["ip-adapter", "ip-adapter-plus"], controls: ["controlnet-edges", "t2i-adapter-edges"] };
const models = {
  model: path.join(root, "models/mini"),
  adapters: names.adapters.map((name) => ({ file: path.join(root, "models/mini", `${name}.safetensors`) })),
  controls: names.controls.map((name) => path.join(root, "models/mini-controls", name)),
};

const bytes = (name, size) => ({ data: golden.get(name).bytes, width: size, height: size });

function callOf({ name, prompt, seed, adapter, scale, control }) {
  const imagePrompts = adapter
    ? [{ image: bytes(`${name}.picture`, 64), adapter: names.adapters.indexOf(adapter), scale }]
    : [];
  const controls = control
    ? [{ control: names.controls.indexOf(control), image: { ...bytes(`${name}.edges`, 128), channels: 1 } }]
    : [];
  return { prompt, seed, imagePrompts, controls, steps: index.steps, guidance: index.guidance };
}

/** Of a picture's bytes. */
function psnr(mine, theirs) {
  const squares = mine.reduce((sum, value, i) => sum + (value - theirs[i]) ** 2, 0);
  return 10 * Math.log10((255 ** 2 * mine.length) / squares);
}

async function paint(entry) {
  const file = path.join(root, "models/mini-custom/pytorch_lora_weights.safetensors");
  const loras = entry.lora === undefined ? [] : [{ file, weight: entry.lora }];
  const pipeline = await Pipeline.load({ ...models, loras, device: "cuda", dtype });
  try {
    const { latents, images } = await pipeline.generate(callOf(entry));
    const theirs = golden.get(`${entry.name}.latents`).floats();
    const off = Math.hypot(...latents[0].map((value, i) => value - theirs[i])) / Math.hypot(...theirs);
    const picture = psnr(images[0].data, golden.get(`${entry.name}.image`).bytes);
    return { name: entry.name, device: pipeline.info.device, latents: off, psnr: picture };
  } finally {
    await pipeline.dispose();
  }
}

const painted = [];
for (const entry of index.cases) painted.push(await paint(entry));
console.log(JSON.stringify(painted));
