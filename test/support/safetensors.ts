/** A reader of our own reference files, independent of the engine's. */
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
  const header = JSON.parse(file.toString("utf8", 8, 8 + size)) as Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const bytes = Uint8Array.from(file.subarray(8 + size + entry.data_offsets[0], 8 + size + entry.data_offsets[1]));
    tensors.set(name, { shape: entry.shape, bytes, floats: () => new Float32Array(bytes.buffer) });
  }
  return tensors;
}
