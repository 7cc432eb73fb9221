/** Weights in 8 bits with scales beside them, in every spelling, against what torch makes of them. Needs `npm run build:native`. */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { convert, inspect, Pipeline } from "../lib/index";
import type { LoadOptions } from "../lib/index";
import { loadAddon } from "../lib/native/load";
import { rejection, ROOT } from "./support/load";
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
  return new Promise((resolve, reject) => start((error, value) => (error === null ? resolve(value!) : reject(Object.assign(new Error(), error as object)))));
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
  const options = { prompt: "a cat", negativePrompt: "", steps: 2, seed: 3, width: 64, height: 64, output: "latents" } as const;
  return (await pipeline.generate(options)).latents[0]!;
}

test.each(["scaled", "quantised", "int8"])("every weight of a file (%s) is the bits that torch has, and the scales are gone", async (kind) => {
  expect(await digests(kind === "scaled" ? scaled : join(CASES, `${kind}.safetensors`))).toEqual(values[kind]);
});

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
  const layers = Object.fromEntries([...readRaw(join(CASES, "quantised.safetensors")).keys()].filter((name) => name.endsWith(".comfy_quant")).map((name) => [name.slice(0, -12), { format: "float8_e4m3fn" }]));
  const path = write("metadata", readRaw(join(CASES, "quantised.safetensors")), { _quantization_metadata: JSON.stringify({ layers }), author: "me" });
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
  const marked = (stored: object): RawTensors => changed((tensors) => tensors.set(`${layer}.comfy_quant`, bytesOf(JSON.stringify(stored))));
  const scale = (dtype: string, shape: number[], bytes: number): RawTensors => changed((tensors) => tensors.set(`${layer}.weight_scale`, { dtype, shape, bytes: new Uint8Array(bytes) }));

  test("by the metadata", async () => {
    const metadata = { _quantization_metadata: '{"layers":{"some.layer":{"format":"asym_w4a8_int8"}}}' };
    const path = write("refused", readRaw(join(CASES, "quantised.safetensors")), metadata);
    expect(await rejection(inspect(path))).toMatchObject({ code: "ERR_IPA_UNSUPPORTED", message: expect.stringMatching(/some\.layer.*asym_w4a8_int8/) });
  });

  test.each<[string, RawTensors, RegExp]>([
    ["nvfp4", marked({ format: "nvfp4" }), /decoder\.conv_in.*nvfp4/],
    ["mxfp8", marked({ format: "mxfp8" }), /decoder\.conv_in.*mxfp8/],
    ["no format", marked({}), /decoder\.conv_in.*not named/],
    ["rotated bytes", marked({ format: "int8_tensorwise", convrot: true, convrot_groupsize: 256 }), /decoder\.conv_in.*int8_tensorwise.*rotation/],
    ["scales of blocks", scale("F32", [2, 2], 16), /decoder\.conv_in.*\[2, 2\].*blocks/],
    ["scales in exponents", scale("U8", [32], 32), /decoder\.conv_in.*U8.*mxfp8/],
    ["bytes that nothing explains", changed((tensors) => {
      tensors.delete(`${layer}.comfy_quant`);
      tensors.set(`${layer}.weight`, { ...tensors.get(`${layer}.weight`)!, dtype: "I8" });
    }), /decoder\.conv_in.*I8.*nothing says/],
    ["two scales", changed((tensors) => tensors.set(`${layer}.scale_weight`, tensors.get(`${layer}.weight_scale`)!)), /decoder\.conv_in.*two scales/],
  ])("%s", async (_what, tensors, message) => {
    const path = write("refused", tensors);
    const error = await rejection(Pipeline.load({ model: MODEL, vae: path }));
    expect(error.message).toMatch(message);
    expect(error.code).toMatch(/^ERR_IPA_(UNSUPPORTED|DUPLICATE)$/);
    expect((await rejection(inspect(path))).message).toMatch(message);
  });
});
