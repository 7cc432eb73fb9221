/** Whatever stands in a field of a configuration, the answer is a picture or a typed error: never ERR_IPA_INTERNAL. Needs `npm run build`. */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type {
  Done,
  NativeGenerateRequest,
  NativeLoadRequest,
  NativePipeline,
  NativeResult,
} from "../lib/native/contract";
import { loadAddon } from "../lib/native/load";
import { ROOT } from "./support/load";

const MODEL = join(ROOT, "test/golden/models/sd15");
let scratch: string;
beforeAll(() => (scratch = mkdtempSync(join(tmpdir(), "config-"))));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** The small model with a file of one part written anew. */
function modelWith(part: string, file: string, config: object): string {
  const folder = mkdtempSync(join(scratch, "model-"));
  for (const name of readdirSync(MODEL)) if (name !== part) symlinkSync(join(MODEL, name), join(folder, name));
  mkdirSync(join(folder, part));
  for (const name of readdirSync(join(MODEL, part)))
    if (name !== file) symlinkSync(join(MODEL, part, name), join(folder, part, name));
  writeFileSync(join(folder, part, file), JSON.stringify(config));
  return folder;
}

const read = (part: string, file: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(MODEL, part, file), "utf8")) as Record<string, unknown>;

/** The code that a call answers with, "" when it goes well. */
async function answer<T>(
  start: (done: Done<T>) => unknown,
): Promise<{ code: string; message: string; option?: string; value?: T | undefined }> {
  return new Promise((resolve) =>
    start((error, value) => resolve(error === null ? { code: "", message: "", value } : error)),
  );
}

function request(info: ReturnType<NativePipeline["info"]>, scheduler: string): NativeGenerateRequest {
  const prompt = info.textEncoders.map(({ contextLength }) => ({
    ids: new Int32Array(contextLength).fill(1),
    weights: new Float32Array(contextLength).fill(1),
  }));
  const side = 2 * info.vaeScale;
  return {
    prompt,
    negative: prompt,
    branches: [],
    regions: [],
    negativeImages: [],
    scheduler,
    sigmas: "",
    steps: 4,
    guidance: 1,
    eta: 0,
    seeds: [1],
    width: side,
    height: side,
    latents: [],
    vaeTiling: "off",
  };
}

const VALUES = [0, 1, 3, 64, 1e9, -1, 0.5, null, true, "x", [], [2, 1]];
const PARTS: [part: string, file: string, more: string[], samplers: string[]][] = [
  [
    "unet",
    "config.json",
    [
      "downsample_padding",
      "mid_block_scale_factor",
      "transformer_layers_per_block",
      "reverse_transformer_layers_per_block",
      "time_cond_proj_dim",
      "class_embed_type",
      "addition_embed_type",
      "num_attention_heads",
    ],
    ["ddim"],
  ],
  [
    "vae",
    "config.json",
    ["latents_mean", "latents_std", "shift_factor", "use_quant_conv", "mid_block_add_attention"],
    ["ddim"],
  ],
  ["text_encoder", "config.json", ["projection_dim", "eos_token_id"], ["ddim"]],
  [
    "scheduler",
    "scheduler_config.json",
    [
      "prediction_type",
      "trained_betas",
      "timestep_spacing",
      "use_karras_sigmas",
      "final_sigmas_type",
      "solver_order",
      "rescale_betas_zero_snr",
      "thresholding",
    ],
    ["", "euler", "dpm++2m", "unipc", "lcm"],
  ],
];

test.each(PARTS)(
  "%s/%s",
  async (part, file, more, samplers) => {
    const good = read(part, file);
    const internal: string[] = [];
    for (const key of new Set([...Object.keys(good), ...more])) {
      for (const value of VALUES) {
        const load: NativeLoadRequest = {
          model: modelWith(part, file, { ...good, [key]: value }),
          adapters: [],
          loras: [],
          embeddings: [],
          dtype: "f32",
          threads: 1,
        };
        const loaded = await answer<NativePipeline>((done) => loadAddon().load(load, done));
        const answers: { code: string; message: string }[] = [loaded];
        if (loaded.value !== undefined) {
          const native = loaded.value;
          const info = native.info();
          if (info.textEncoders.every(({ contextLength }) => contextLength < 5000)) {
            for (const sampler of samplers)
              answers.push(await answer<NativeResult>((done) => native.generate(request(info, sampler), null, done)));
          }
          await answer((done) => native.close(done));
        }
        internal.push(
          ...answers
            .filter(({ code }) => code === "ERR_IPA_INTERNAL")
            .map(({ message }) => `${key} ${JSON.stringify(value)}: ${message}`),
        );
        rmSync(load.model, { recursive: true });
      }
    }
    expect(internal).toEqual([]);
  },
  120_000,
);

test("downsample_padding 0: a picture of 16 pixels is too small, and one of 64 is painted", async () => {
  const model = modelWith("unet", "config.json", { ...read("unet", "config.json"), downsample_padding: 0 });
  const { value: native } = await answer<NativePipeline>((done) =>
    loadAddon().load({ model, adapters: [], loras: [], embeddings: [], dtype: "f32", threads: 1 }, done),
  );
  const { code, message, option } = await answer<NativeResult>((done) =>
    native!.generate(request(native!.info(), "ddim"), null, done),
  );
  expect({ code, option }).toEqual({ code: "ERR_IPA_INVALID_OPTION", option: "width" });
  expect(message).toMatch(/^the picture is too small for this model.*downsamplers.*use a larger width and height$/);
  const larger = { ...request(native!.info(), "ddim"), width: 64, height: 64 };
  expect(await answer<NativeResult>((done) => native!.generate(larger, null, done))).toMatchObject({ code: "" });
  await answer((done) => native!.close(done));
});
