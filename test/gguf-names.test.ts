/**
 * Whole models under the names that stable-diffusion.cpp gives to them, in GGUF: the same pictures as under the original names,
 * whose networks the C++ tests compare with diffusers and transformers. Needs `npm run build:native`.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { convert, inspect, Pipeline } from "../lib/index";
import { ROOT } from "./support/load";
import { readRaw, type RawTensor, type RawTensors, withVocabulary, writeRaw } from "./support/safetensors-parts";

const folder = mkdtempSync(join(tmpdir(), "gguf-names-"));
afterAll(() => rmSync(folder, { recursive: true }));

const whole = (name: string): RawTensors =>
  withVocabulary(readRaw(join(ROOT, "test/golden/models", name, "model.safetensors")));

async function gguf(name: string, tensors: RawTensors): Promise<string> {
  const plain = join(folder, `${name}.safetensors`);
  const path = join(folder, `${name}.gguf`);
  writeFileSync(plain, writeRaw(tensors));
  await convert(plain, path, { type: "f16", overwrite: true });
  return path;
}

async function latents(model: string): Promise<Float32Array> {
  await using pipeline = await Pipeline.load({ model });
  expect(pipeline.info.ignored).toEqual([]);
  const result = await pipeline.generate({
    prompt: "a cat on a mat",
    negativePrompt: "bad",
    steps: 2,
    seed: 3,
    width: 64,
    height: 64,
    output: "latents",
  });
  return result.latents[0]!;
}

/** open_clip's layer names as transformers'. */
const LAYERS: [string, string][] = [
  ["token_embedding.", "embeddings.token_embedding."],
  ["positional_embedding", "embeddings.position_embedding.weight"],
  ["ln_final.", "final_layer_norm."],
  ["transformer.resblocks.", "encoder.layers."],
  ["attn.in_proj_", "self_attn.in_proj."],
  ["attn.out_proj.", "self_attn.out_proj."],
  ["ln_1.", "layer_norm1."],
  ["ln_2.", "layer_norm2."],
  ["mlp.c_fc.", "mlp.fc1."],
  ["mlp.c_proj.", "mlp.fc2."],
];

interface Spelling {
  /** q, k and v one by one, as its versions until 2025 wrote them, and all of what it makes of a model in diffusers' layout */
  split?: boolean;
  /** made of a model in diffusers' layout: text_projection (out, in), and the VAE's attention in matrices */
  diffusers?: boolean;
}

const FRONTS: [string, string, boolean][] = [
  ["conditioner.embedders.0.transformer.", "cond_stage_model.transformer.", false],
  ["conditioner.embedders.1.model.", "cond_stage_model.1.transformer.text_model.", true],
  ["conditioner.embedders.0.model.", "cond_stage_model.transformer.text_model.", true],
  ["cond_stage_model.model.", "cond_stage_model.transformer.text_model.", true],
];

function transposed({ dtype, shape, bytes }: RawTensor): RawTensor {
  const [rows, columns] = shape as [number, number];
  const out = new Uint8Array(bytes.length);
  for (let r = 0; r < rows; ++r)
    for (let c = 0; c < columns; ++c)
      out.set(bytes.subarray(2 * (r * columns + c), 2 * (r * columns + c) + 2), 2 * (c * rows + r));
  return { dtype, shape: [columns, rows], bytes: out };
}

function thirds(name: string, { dtype, shape, bytes }: RawTensor): [string, RawTensor][] {
  const size = bytes.length / 3;
  return ["q", "k", "v"].map((part, i) => [
    name.replace("in_proj", `${part}_proj`),
    { dtype, shape: [shape[0]! / 3, ...shape.slice(1)], bytes: bytes.subarray(i * size, (i + 1) * size) },
  ]);
}

function asStableDiffusionCpp(tensors: RawTensors, { split = false, diffusers = false }: Spelling): RawTensors {
  const named: [string, RawTensor][] = [];
  for (const [name, tensor] of tensors) {
    const front = FRONTS.find(([theirs]) => name.startsWith(theirs));
    if (diffusers && /mid\.attn_1\..*weight$/.test(name) && tensor.shape.length === 4) {
      named.push([name, { ...tensor, shape: tensor.shape.slice(0, 2) }]);
    } else if (front === undefined) {
      named.push([name, tensor]);
    } else {
      let rest = name.slice(front[0].length);
      if (front[2]) for (const [theirs, ours] of LAYERS) rest = rest.replace(theirs, ours);
      const full = front[1] + rest;
      if (rest === "text_projection") named.push([full, diffusers ? transposed(tensor) : tensor]);
      else if (split && rest.includes("in_proj")) named.push(...thirds(full, tensor));
      else named.push([full, tensor]);
    }
  }
  return new Map(named);
}

describe.each(["single-sd1", "single-sd2", "single-sdxl"])("%s", (name) => {
  let right: Float32Array;
  beforeAll(async () => {
    right = await latents(await gguf(name, whole(name)));
  });

  test.each<[string, Spelling]>([
    ["of the original file", {}],
    ["of the original file, by an older version", { split: true }],
    ["of a model in diffusers' layout", { split: true, diffusers: true }],
  ])("%s", async (_what, spelling) => {
    const path = await gguf(`${name}-named`, asStableDiffusionCpp(whole(name), spelling));
    expect(await inspect(path)).toMatchObject({
      kind: "model",
      format: "gguf",
      family: name.slice(7),
      ignored: { count: 0 },
    });
    expect(await latents(path)).toEqual(right);
  });
});

test("a text projection that is not square is told by its shape", async () => {
  const tensors = whole("single-sdxl");
  const name = "conditioner.embedders.1.model.text_projection";
  const { dtype, shape, bytes } = tensors.get(name)!;
  const half = {
    dtype,
    shape: [shape[0]!, shape[1]! / 2],
    bytes: Buffer.concat(
      Array.from({ length: shape[0]! }, (_, row) =>
        bytes.subarray(row * shape[1]! * 2, row * shape[1]! * 2 + shape[1]!),
      ),
    ),
  };
  const load = async (tensor: RawTensor): Promise<Error> => {
    const path = await gguf("odd", asStableDiffusionCpp(new Map([...tensors, [name, tensor]]), { split: true }));
    return Pipeline.load({ model: path }).then(
      () => new Error("loaded"),
      (error: unknown) => error as Error,
    );
  };
  // Read as 32 values either way; only then is the UNet, which wants 64, what does not fit.
  for (const tensor of [half, transposed(half)])
    expect((await load(tensor)).message).toMatch(/SDXL layout is not supported/);
});

test("an SDXL refiner, whose one encoder is OpenCLIP's", async () => {
  const base = whole("single-sdxl");
  const refiner = new Map(
    [...base]
      .filter(([name]) => !name.startsWith("conditioner.embedders.0."))
      .map(([name, tensor]) => [name.replace("conditioner.embedders.1.", "conditioner.embedders.0."), tensor]),
  );
  // Only what is found in the file matters here: this UNet is the base model's, which wants two encoders.
  const right = await Pipeline.load({ model: await gguf("refiner", refiner) }).catch(
    (error: unknown) => error as Error,
  );
  const named = await Pipeline.load({ model: await gguf("refiner-named", asStableDiffusionCpp(refiner, {})) }).catch(
    (error: unknown) => error as Error,
  );
  expect(right).toBeInstanceOf(Error);
  expect((named as Error).message).toBe((right as Error).message);
});
