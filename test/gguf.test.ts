/** GGUF files through the public API: the same weights give the same picture as from safetensors. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Pipeline, inspect } from "../lib/index";
import { loadAddon } from "../lib/native/load";
import { MINI, pixels } from "./support/load";

const adapter = join(MINI, "ip-adapter.safetensors");
const folder = mkdtempSync(join(tmpdir(), "ipa-gguf-"));
afterAll(() => rmSync(folder, { recursive: true }));

const number = (value: number, bytes: 4 | 8): Buffer => {
  const out = Buffer.alloc(bytes);
  out.writeUInt32LE(value);
  return out;
};
const text = (value: string): Buffer => Buffer.concat([number(Buffer.byteLength(value), 8), Buffer.from(value)]);
const padding = (size: number): Buffer => Buffer.alloc((32 - (size % 32)) % 32);

/** All tensors of a safetensors file as a GGUF file in f32, by the format's description. */
async function f32Gguf(path: string): Promise<Buffer> {
  const addon = loadAddon();
  const file = readFileSync(path);
  const header = JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE())).toString()) as Record<string, unknown>;
  const names = Object.keys(header).filter((name) => name !== "__metadata__");
  const table: Buffer[] = [];
  const data: Buffer[] = [];
  let offset = 0;
  for (const name of names) {
    const tensor = await new Promise<{ shape: number[]; data: ArrayBuffer }>((resolve) =>
      addon.readTensor(path, name, (_error, value) => resolve(value!)),
    );
    const sizes = [...tensor.shape].reverse().map((size) => number(size, 8));
    table.push(text(name), number(sizes.length, 4), ...sizes, number(0, 4), number(offset, 8));
    const bytes = Buffer.from(tensor.data);
    data.push(bytes, padding(bytes.length));
    offset += bytes.length + padding(bytes.length).length;
  }
  const start = Buffer.concat([Buffer.from("GGUF"), number(3, 4), number(names.length, 8), number(0, 8), ...table]);
  return Buffer.concat([start, padding(start.length), ...data]);
}

async function latents(file: string): Promise<Buffer> {
  await using pipeline = await Pipeline.load({ adapters: [{ file }] });
  const result = await pipeline.generate({
    prompt: "a red airplane",
    imagePrompts: [{ image: { data: pixels(80, 60), width: 80, height: 60 } }],
    steps: 2,
    seed: 3,
  });
  return Buffer.concat([
    ...result.images.map((image) => Buffer.from(image.data)),
    ...result.latents.map((l) => Buffer.from(l.buffer, l.byteOffset, l.byteLength)),
  ]);
}

test("an adapter as GGUF, under any name, gives the bits of its safetensors", async () => {
  const file = join(folder, "adapter.bin");
  writeFileSync(file, await f32Gguf(adapter));
  expect(await inspect(file)).toMatchObject({ kind: "ip-adapter", format: "gguf", types: { F32: expect.any(Number) } });
  expect((await latents(file)).equals(await latents(adapter))).toBe(true);
});

test("a GGUF file cut short is refused with what is missing", async () => {
  const file = join(folder, "short.gguf");
  writeFileSync(file, (await f32Gguf(adapter)).subarray(0, -64));
  await expect(Pipeline.load({ adapters: [{ file }] })).rejects.toMatchObject({
    code: "ERR_IPA_TRUNCATED",
    message: expect.stringContaining("its tensors need"),
  });
});
