// Reads the small result files of reference.py: F32 and U8 tensors of a safetensors file.
import { readFile } from "node:fs/promises";

/** @returns {Promise<Record<string, { shape: number[], data: Float32Array | Uint8Array }>>} */
export async function readTensors(file) {
  const bytes = await readFile(file);
  const headerEnd = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, headerEnd));
  const tensors = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [begin, end] = entry.data_offsets;
    const copy = new Uint8Array(bytes.subarray(headerEnd + begin, headerEnd + end));
    if (entry.dtype !== "F32" && entry.dtype !== "U8")
      throw new Error(`${file}: ${name} is ${entry.dtype}, expected F32 or U8`);
    tensors[name] = { shape: entry.shape, data: entry.dtype === "F32" ? new Float32Array(copy.buffer) : copy };
  }
  return tensors;
}
