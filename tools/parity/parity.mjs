// Full-size parity with diffusers in f32: `npm run parity -- --peers VENV --model DIR`.
// Latents: relative L2 error <= 1e-3. Pictures through the image encoder: PSNR >= 55 dB. Ends with 1 when a case fails.
import { mkdtemp, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { References } from "./references.mjs";

const USAGE = `usage: npm run parity -- --peers VENV --model DIR [--size WxH ...] [--case TEXT] [--cache DIR] [--steps N] [--threads N] [--references-only]
  --peers            Python environment with torch, diffusers and transformers
  --model            folder made by tools/parity/make_models.py
  --size             sizes of the latent cases (512x512 448x576)
  --case             only cases whose name contains this
  --cache            keeps the references here (a temporary folder)
  --steps            of the latent cases (4)
  --references-only  makes the references and stops`;
const LIMIT_LATENTS = 1e-3;
const LIMIT_PSNR = 55;

const { values } = parseArgs({
  options: {
    peers: { type: "string" },
    model: { type: "string" },
    size: { type: "string", multiple: true, default: ["512x512", "448x576"] },
    case: { type: "string", default: "" },
    cache: { type: "string" },
    steps: { type: "string", default: "4" },
    threads: { type: "string", default: "0" },
    "references-only": { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
  allowPositionals: true,
});
if (values.help || !values.peers || !values.model) {
  console.log(USAGE);
  process.exit(values.help ? 0 : 2);
}

const common = { prompt: "a photo of a cat", negative: "", guidance: 7.5, seed: 42 };

function cases(hasEncoder, hasControl) {
  const list = values.size.map((size) => {
    const [width, height] = size.split("x").map(Number);
    if (!(width > 0 && height > 0)) throw new Error(`--size: expected WxH, such as 512x512, but received ${size}`);
    return {
      name: `base ${size} latents`,
      options: {
        ...common,
        adapter: "ip-adapter.safetensors",
        "embeds-seed": 1,
        scale: 0.8,
        width,
        height,
        steps: Number(values.steps),
      },
    };
  });
  const [size] = list;
  if (hasControl && size !== undefined)
    list.push({ name: `ControlNet, ${size.name}`, options: { ...size.options, control: 0.8 } });
  for (const [variant, adapter] of [
    ["base", "ip-adapter.safetensors"],
    ["plus", "ip-adapter-plus.safetensors"],
  ]) {
    for (const picture of ["224x224", "517x389"]) {
      list.push({
        name: `${variant} picture ${picture}`,
        needsEncoder: true,
        options: { ...common, adapter, picture, scale: 1, width: 256, height: 256, steps: 2, decode: true },
      });
    }
  }
  return list.filter(({ name, needsEncoder }) => name.includes(values.case) && (hasEncoder || !needsEncoder));
}

function relativeError(found, expected) {
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (found[i] - expected[i]) ** 2;
    norm += expected[i] ** 2;
  }
  return found.length === expected.length ? Math.sqrt(difference / norm) : NaN;
}

function psnr(found, expected) {
  let sum = 0;
  for (let i = 0; i < expected.length; i++) sum += (found[i] - expected[i]) ** 2;
  return found.length === expected.length ? 10 * Math.log10((255 * 255 * expected.length) / sum) : NaN;
}

/** Runs the case with our engine and compares. */
async function compare(pipeline, { options }, { tensors, picture, control }) {
  const { prompt, negative, guidance, seed, width, height, steps, scale, decode } = options;
  const source = options.picture ? { image: picture } : { embeds: tensors.embeds.data };
  const result = await pipeline.generate({
    prompt,
    negativePrompt: negative,
    imagePrompts: [{ ...source, scale }],
    controls: options.control === undefined ? [] : [{ image: control, scale: options.control }],
    scheduler: "ddim",
    steps,
    guidance,
    seed,
    width,
    height,
    output: decode ? "image" : "latents",
  });
  if (decode) {
    const value = psnr(result.images[0].data, tensors.image.data);
    return { text: `PSNR ${value.toFixed(1)} dB`, passed: value >= LIMIT_PSNR };
  }
  const value = relativeError(result.latents[0], tensors.latents.data);
  return { text: `relative L2 ${value.toExponential(2)}`, passed: value <= LIMIT_LATENTS };
}

const model = path.resolve(values.model);
if (!existsSync(path.join(model, "model_index.json"))) {
  console.error(`parity: ${model} holds no model; make one with: python tools/parity/make_models.py ${values.model}`);
  process.exit(2);
}
const hasEncoder = existsSync(path.join(model, "image_encoder"));
const hasControl = existsSync(path.join(model, "controlnet"));
if (!hasEncoder) console.log("no image_encoder/ in the model: the picture cases are left out");
const cache = values.cache ? path.resolve(values.cache) : await mkdtemp(path.join(tmpdir(), "parity-"));
const references = new References({ peers: path.resolve(values.peers), model, cache });
let failed = 0;
let pipeline;
let loaded;
try {
  for (const entry of cases(hasEncoder, hasControl)) {
    const reference = await references.get(entry.options);
    const spent = reference.seconds > 0 ? `reference ${reference.seconds.toFixed(0)} s` : "reference cached";
    if (values["references-only"]) {
      console.log(`${entry.name.padEnd(26)} ${spent}`);
      continue;
    }
    if (loaded !== entry.options.adapter) {
      await pipeline?.dispose();
      const { Pipeline } = await import("node-ip-adapter");
      const adapters = [{ file: path.join(model, entry.options.adapter) }];
      const controls = hasControl ? [path.join(model, "controlnet")] : [];
      pipeline = await Pipeline.load({ model, adapters, controls, dtype: "f32", threads: Number(values.threads) });
      loaded = entry.options.adapter;
    }
    const started = performance.now();
    const { text, passed } = await compare(pipeline, entry, reference);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${passed ? "PASS" : "FAIL"}  ${entry.name.padEnd(26)} ${text.padEnd(24)} ${seconds} s, ${spent}`);
    if (!passed) failed++;
  }
} finally {
  await pipeline?.dispose();
  if (!values.cache) await rm(cache, { recursive: true, force: true });
}
process.exitCode = failed > 0 ? 1 : 0;
