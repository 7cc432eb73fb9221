/** A reader of our own reference files and a writer of test files, independent of the engine's. */
import { readFileSync } from "node:fs";

export interface Tensor {
  shape: number[];
  bytes: Uint8Array;
  /** for dtype F32 */
  floats(): Float32Array;
}

export function readSafetensors(path: string): Map<string, Tensor> {
  const file = readFileSync(path);
  const size = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, 8 + size)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const bytes = Uint8Array.from(file.subarray(8 + size + entry.data_offsets[0], 8 + size + entry.data_offsets[1]));
    tensors.set(name, { shape: entry.shape, bytes, floats: () => new Float32Array(bytes.buffer) });
  }
  return tensors;
}

export type Tensors = Record<string, { shape: number[]; data: Float32Array }>;

/** A safetensors file of f32 tensors. */
export function writeSafetensors(tensors: Tensors, metadata?: Record<string, string>): Buffer {
  let end = 0;
  const entries = Object.entries(tensors).map(([name, { shape, data }]) => [
    name,
    { dtype: "F32", shape, data_offsets: [end, (end += data.byteLength)] },
  ]);
  const header = Buffer.from(
    JSON.stringify({ ...(metadata === undefined ? {} : { __metadata__: metadata }), ...Object.fromEntries(entries) }),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([
    length,
    header,
    ...Object.values(tensors).map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
  ]);
}
