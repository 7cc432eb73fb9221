/** Files of models that this engine does not run are refused by their names. Needs `npm run build`. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { inspect, Pipeline } from "../lib/index";
import { inspectionLines } from "../lib/cli/inspect";
import { rejection } from "./support/load";
import { writeSafetensors } from "./support/safetensors";

const folder = mkdtempSync(join(tmpdir(), "families-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const RUNS = "this engine runs Stable Diffusion 1, 2 and SDXL";

function file(name: string, ...tensors: string[]): string {
  const data = { shape: [2, 2], data: new Float32Array(4) };
  const path = join(folder, name);
  writeFileSync(path, writeSafetensors(Object.fromEntries(tensors.map((tensor) => [tensor, data]))));
  return path;
}

const adapter = file("adapter.safetensors", "double_blocks.0.processor.ip_adapter_double_stream_k_proj.weight");
const lora = file("lora.safetensors", "lora_unet_joint_blocks_0_x_block_attn_qkv.lora_down.weight");
const control = file("control.safetensors", "controlnet_blocks.0.weight", "controlnet_x_embedder.weight");
const checkpoint = file("checkpoint.safetensors", "model.diffusion_model.double_blocks.0.img_attn.qkv.weight");

test.each([
  ["a FLUX adapter", { adapters: [adapter] }],
  ["a Stable Diffusion 3 LoRA", { loras: [lora] }],
  ["a FLUX checkpoint", { model: checkpoint }],
  ["a FLUX checkpoint", { unet: checkpoint }],
  ["a FLUX checkpoint", { vae: checkpoint }],
  ["a FLUX checkpoint", { controls: [checkpoint] }],
  ["a FLUX ControlNet", { controls: [control] }],
])("%s in %j", async (what, options) => {
  const error = await rejection(Pipeline.load(options));
  expect(error).toMatchObject({ code: "ERR_IPA_UNSUPPORTED" });
  expect(error.message).toContain(`this is ${what}; ${RUNS}`);
});

test("a folder of another pipeline", async () => {
  const model = join(folder, "flux");
  mkdirSync(join(model, "transformer"), { recursive: true });
  writeFileSync(join(model, "model_index.json"), JSON.stringify({ _class_name: "FluxPipeline" }));
  const error = await rejection(Pipeline.load({ model, adapters: [] }));
  expect(error).toMatchObject({ code: "ERR_IPA_UNSUPPORTED" });
  expect(error.message).toContain(`this is a FLUX model; ${RUNS}`);
});

test("inspect() says it, too", async () => {
  const inspection = await inspect(adapter);
  expect(inspection).toMatchObject({ unsupported: "FLUX adapter", family: "", variant: "" });
  expect(inspectionLines(inspection)[0]).toMatch(
    /^FLUX adapter, which this engine does not run: 4 parameters, 1 tensors/,
  );
});
