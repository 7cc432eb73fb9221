/** Weights in 8 bits with scales beside them, in every spelling, against what torch makes of them. Needs `npm run build:native`. */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { convert, inspect, Pipeline } from "../lib/index";
import type { LoadOptions } from "../lib/index";
import { loadAddon } from "../lib/native/load";
import { ROOT, SHORT_CALL, rejection } from "./support/load";
import { bytesOf, joined, readRaw, type RawTensors, withVocabulary, writeRaw } from "./support/safetensors-parts";

const CASES = join(ROOT, "test/cases/scaled-fp8");
const MODEL = join(ROOT, "test/golden/models/single-sd1/model.safetensors");
const parts = [0, 1, 2, 3].map((part) => join(CASES, `scaled-${part}.safetensors`));
const values = JSON.parse(readFileSync(join(CASES, "values.json"), "utf8")) as Record<string, Record<string, string>>;
const addon = loadAddon();

let folder: string;
let scaled: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "scaled-"));
  scaled = write("scaled", joined(...parts));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, tensors: RawTensors, metadata?: Record<string, string>): string {
  const path = join(folder, `${name}.safetensors`);
  writeFileSync(path, writeRaw(tensors, metadata));
  return path;
}

async function call<T>(start: (done: (error: unknown, value?: T) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) =>
    start((error, value) => (error === null ? resolve(value!) : reject(Object.assign(new Error(), error as object)))),
  );
}

async function digests(path: string): Promise<Record<string, string>> {
  const list = await call<{ name: string }[]>((done) => addon.listTensors(path, done));
  const found: Record<string, string> = {};
  for (const { name } of list) {
    const { data } = await call<{ data: ArrayBuffer }>((done) => addon.readTensor(path, name, done));
    found[name] = createHash("sha256").update(new Uint8Array(data)).digest("hex");
  }
  return found;
}

async function latents(load: LoadOptions): Promise<Float32Array> {
  await using pipeline = await Pipeline.load(load);
  return (await pipeline.generate(SHORT_CALL)).latents[0]!;
}

test.each(["scaled", "quantised", "int8"])(
  "every weight of a file (%s) is the bits that torch has, and the scales are gone",
  async (kind) => {
    expect(await digests(kind === "scaled" ? scaled : join(CASES, `${kind}.safetensors`))).toEqual(values[kind]);
  },
);

test("a model so stored paints what the multiplied weights paint, and nearly what the weights in f16 paint", async () => {
  const model = write("model", withVocabulary(joined(...parts)));
  const plain = join(folder, "plain.safetensors");
  await convert(model, plain, { type: "f32" });
  const of = await latents({ model });
  expect(of).toEqual(await latents({ model: plain }));
  const exact = await latents({ model: write("exact", withVocabulary(readRaw(MODEL))) });
  const error = Math.hypot(...of.map((value, i) => value - exact[i]!)) / Math.hypot(...exact);
  expect(error).toBeLessThan(0.2); // fp8's own rounding; 1.3 and more where scales are left out
  expect(error).toBeGreaterThan(1e-4);
});

test("a VAE alone, and a GGUF file made of one", async () => {
  const gguf = join(folder, "vae.gguf");
  await convert(join(CASES, "quantised.safetensors"), gguf, { type: "f32" });
  expect(await digests(gguf)).toEqual(values["quantised"]);
  const model = write("exact", withVocabulary(readRaw(MODEL)));
  await using pipeline = await Pipeline.load({ model, vae: join(CASES, "quantised.safetensors") });
  expect(pipeline.info.ignored).toEqual([]);
});

test("inspect() counts what lies in the file", async () => {
  const found = await inspect(scaled);
  expect(found).toMatchObject({ kind: "model", family: "sd1", ignored: { count: 0, names: [] } });
  expect(found.types["F8_E4M3"]).toBeGreaterThan(50);
  expect(found.tensors).toBe(joined(...parts).size);
});

test("what a converted file says of itself no longer names the scales", async () => {
  const layers = Object.fromEntries(
    [...readRaw(join(CASES, "quantised.safetensors")).keys()]
      .filter((name) => name.endsWith(".comfy_quant"))
      .map((name) => [name.slice(0, -12), { format: "float8_e4m3fn" }]),
  );
  const path = write("metadata", readRaw(join(CASES, "quantised.safetensors")), {
    _quantization_metadata: JSON.stringify({ layers }),
    author: "me",
  });
  const plain = join(folder, "metadata-plain.safetensors");
  await convert(path, plain, { type: "f16" });
  const header = readFileSync(plain).subarray(8, 400).toString();
  expect(header).toContain('"author"');
  expect(header).not.toContain("quantization");
});

describe("other ways to store a layer are refused by its name", () => {
  const layer = "first_stage_model.decoder.conv_in";
  const changed = (change: (tensors: RawTensors) => void): RawTensors => {
    const tensors = readRaw(join(CASES, "quantised.safetensors"));
    change(tensors);
    return tensors;
  };
  const marked = (stored: object): RawTensors =>
    changed((tensors) => tensors.set(`${layer}.comfy_quant`, bytesOf(JSON.stringify(stored))));
  const scale = (dtype: string, shape: number[], bytes: number): RawTensors =>
    changed((tensors) => tensors.set(`${layer}.weight_scale`, { dtype, shape, bytes: new Uint8Array(bytes) }));

  test("by the metadata", async () => {
    const metadata = { _quantization_metadata: '{"layers":{"some.layer":{"format":"asym_w4a8_int8"}}}' };
    const path = write("refused", readRaw(join(CASES, "quantised.safetensors")), metadata);
    expect(await rejection(inspect(path))).toMatchObject({
      code: "ERR_IPA_UNSUPPORTED",
      message: expect.stringMatching(/some\.layer.*asym_w4a8_int8/),
    });
  });

  test("bytes marked to have a scale that is gone", async () => {
    const tensors = readRaw(join(CASES, "int8.safetensors"));
    const name = [...tensors.keys()].find((key) => key.endsWith(".weight_scale"))!;
    tensors.delete(name);
    const path = write("refused", tensors);
    const message = expect.stringContaining(`its scale "${name}" is not in the file`);
    expect(await rejection(Pipeline.load({ model: MODEL, vae: path }))).toMatchObject({
      code: "ERR_IPA_MISSING_TENSOR",
      message,
    });
  });

  test.each<[string, RawTensors, RegExp]>([
    ["nvfp4", marked({ format: "nvfp4" }), /decoder\.conv_in.*nvfp4/],
    ["mxfp8", marked({ format: "mxfp8" }), /decoder\.conv_in.*mxfp8/],
    ["no format", marked({}), /decoder\.conv_in.*not named/],
    [
      "rotated bytes",
      marked({ format: "int8_tensorwise", convrot: true, convrot_groupsize: 256 }),
      /decoder\.conv_in.*int8_tensorwise.*rotation/,
    ],
    ["scales of blocks", scale("F32", [2, 2], 16), /decoder\.conv_in.*\[2, 2\].*blocks/],
    ["scales in exponents", scale("U8", [32], 32), /decoder\.conv_in.*U8.*mxfp8/],
    [
      "bytes that nothing explains",
      changed((tensors) => {
        tensors.delete(`${layer}.comfy_quant`);
        tensors.set(`${layer}.weight`, { ...tensors.get(`${layer}.weight`)!, dtype: "I8" });
      }),
      /decoder\.conv_in.*I8.*nothing says/,
    ],
    [
      "two scales",
      changed((tensors) => tensors.set(`${layer}.scale_weight`, tensors.get(`${layer}.weight_scale`)!)),
      /decoder\.conv_in.*two scales/,
    ],
  ])("%s", async (_what, tensors, message) => {
    const path = write("refused", tensors);
    const error = await rejection(Pipeline.load({ model: MODEL, vae: path }));
    expect(error.message).toMatch(message);
    expect(error.code).toMatch(/^ERR_IPA_(UNSUPPORTED|DUPLICATE)$/);
    expect((await rejection(inspect(path))).message).toMatch(message);
  });
});

// Numbers that nothing turns into weights.
describe("integers without a scale are refused by name", () => {
  const sizes: Record<string, number> = { I8: 1, U8: 1, I16: 2, I32: 4, I64: 8, BOOL: 1 };
  const integers = (tensors: RawTensors, name: string, dtype: string): RawTensors => {
    const { shape } = tensors.get(name)!;
    const bytes = new Uint8Array(shape.reduce((a, b) => a * b, sizes[dtype]!));
    return new Map([...tensors, [name, { dtype, shape, bytes }]]);
  };
  const refused = (name: string, dtype: string): object => ({
    code: "ERR_IPA_TYPE",
    message: expect.stringMatching(
      new RegExp(`tensor "[^"]*${name}" .*stored as ${dtype} without a scale.*use a file in f16`),
    ),
  });
  const lora = readRaw(join(ROOT, "test/golden/loras/sd15-kohya.safetensors"));
  const down = [...lora.keys()].find((name) => name.endsWith(".lora_down.weight"))!;
  const small = join(ROOT, "test/golden/models/sd15");

  test.each(Object.keys(sizes))("%s in a model, a LoRA and a textual inversion", async (dtype) => {
    const layer = "model.diffusion_model.middle_block.1.transformer_blocks.0.attn1.to_q.weight";
    const model = write("integers", integers(withVocabulary(readRaw(MODEL)), layer, dtype));
    expect(await rejection(Pipeline.load({ model }))).toMatchObject(
      refused("mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight", dtype),
    );
    const loras = [{ file: write("lora", integers(lora, down, dtype)) }];
    expect(await rejection(Pipeline.load({ model: small, loras }))).toMatchObject(refused(down, dtype));
    const rows = new Map([["<a>", { dtype, shape: [1, 32], bytes: new Uint8Array(32 * sizes[dtype]!) }]]);
    expect(await rejection(Pipeline.load({ model: small, embeddings: [{ file: write("rows", rows) }] }))).toMatchObject(
      refused("<a>", dtype),
    );
  });

  test("a LoRA that would be added to one does not hide it", async () => {
    const part = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q";
    const weights = integers(readRaw(join(small, "unet/diffusion_pytorch_model.safetensors")), `${part}.weight`, "I8");
    const change = (shape: number[]): { dtype: string; shape: number[]; bytes: Uint8Array } => ({
      dtype: "F32",
      shape,
      bytes: new Uint8Array(shape[0]! * shape[1]! * 4),
    });
    const [rows, columns] = weights.get(`${part}.weight`)!.shape as [number, number];
    const added = new Map([
      [`unet.${part}.lora_A.weight`, change([1, columns])],
      [`unet.${part}.lora_B.weight`, change([rows, 1])],
    ]);
    const load = { model: small, unet: write("unet", weights), loras: [{ file: write("added", added) }] };
    expect(await rejection(Pipeline.load(load))).toMatchObject(refused(`${part}.weight`, "I8"));
  });

  test("a LoRA's alpha may be one", async () => {
    const alpha = [...lora.keys()].find((name) => name.endsWith(".alpha"))!;
    const painted = async (dtype: string, bytes: Uint8Array): Promise<Float32Array> =>
      latents({
        model: small,
        loras: [{ file: write(dtype, new Map([...lora, [alpha, { dtype, shape: [], bytes }]])) }],
      });
    expect(await painted("I64", new Uint8Array([5, 0, 0, 0, 0, 0, 0, 0]))).toEqual(
      await painted("F32", new Uint8Array(Float32Array.of(5).buffer)),
    );
  });
});
