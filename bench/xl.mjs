/**
 * SDXL at full size, 1024 x 1024, bf16: time a guided step, decoding, loading and peak memory of this engine beside PyTorch's, one after
 * the other in one run.
 *
 *     python tools/parity/make_sdxl.py MODEL          # once, 8 GB
 *     node bench/xl.mjs MODEL [--python PYTHON] [--threads N] [--dtype bf16]
 *
 * Nothing else should run. Both hold all their weights in memory; PyTorch's side leaves the text encoders out.
 */
import { spawnSync } from "node:child_process";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { Pipeline } from "../dist/index.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: "string" },
    threads: { type: "string" },
    dtype: { type: "string", default: "bf16" },
    ours: { type: "boolean" },
  },
});
const [model] = positionals;
const threads = Number(values.threads ?? os.availableParallelism());
const here = fileURLToPath(import.meta.url);

/** This engine's figures; in a process of its own, for its peak memory. */
async function ours() {
  const started = performance.now();
  const pipeline = await Pipeline.load({
    model,
    adapters: [{ file: path.join(model, "ip-adapter.safetensors") }],
    dtype: values.dtype,
    threads,
  });
  const print = (metric, value) => console.log(`${metric} ${value.toFixed(3)}`);
  print("load_s", (performance.now() - started) / 1000);
  const embeds = Float32Array.from({ length: pipeline.info.adapters[0].embedSize }, (_, i) => Math.sin(i));
  for (const [name, imagePrompts] of [
    ["guided_step_s", []],
    ["guided_step_adapter_s", [{ embeds, scale: 1 }]],
  ]) {
    const ticks = [];
    const { images } = await pipeline.generate({
      ...{
        prompt: "a photo of a cat",
        negativePrompt: "",
        steps: 3,
        guidance: 5,
        seed: 1,
        width: 1024,
        height: 1024,
        imagePrompts,
      },
      output: imagePrompts.length === 0 ? "image" : "latents",
      onProgress: () => void ticks.push(performance.now()),
    });
    print(name, Math.min(...ticks.slice(1).map((tick, i) => tick - ticks[i])) / 1000);
    if (imagePrompts.length > 0) continue;
    print("vae_decode_s", (performance.now() - ticks.at(-1)) / 1000);
    const spread = new Set(images[0].data.subarray(0, 30000)).size;
    if (spread < 2) throw new Error("the picture is of one colour");
  }
  print("peak_mb", process.resourceUsage().maxRSS / 1024);
  await pipeline.dispose();
}

/** The metrics that a child process prints. */
function measure(name, command, args) {
  const { stdout, status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${name}: ${stderr}`);
  return Object.fromEntries(
    stdout
      .trim()
      .split("\n")
      .map((line) => line.split(" "))
      .map(([metric, value]) => [metric, Number(value)]),
  );
}

if (values.ours) {
  await ours();
} else {
  const engine = measure("this engine", process.execPath, [
    here,
    model,
    "--ours",
    "--threads",
    String(threads),
    "--dtype",
    values.dtype,
  ]);
  console.log("this engine", engine);
  if (values.python) {
    const torch = measure("PyTorch", values.python, [
      path.join(path.dirname(here), "peers/torch_xl_peer.py"),
      model,
      String(threads),
    ]);
    console.log("PyTorch bf16", torch);
    for (const metric of ["guided_step_s", "vae_decode_s"])
      console.log(`${metric}: ${(engine[metric] / torch[metric]).toFixed(2)} of PyTorch's`);
  }
}
