/** Safetensors files taken apart and put together as bytes, whatever the types of their tensors. */
import { readFileSync } from "node:fs";

export interface RawTensor {
  dtype: string;
  shape: number[];
  bytes: Uint8Array;
}

export type RawTensors = Map<string, RawTensor>;

export function readRaw(path: string): RawTensors {
  const file = readFileSync(path);
  const size = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, 8 + size)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors: RawTensors = new Map();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [begin, end] = entry.data_offsets;
    tensors.set(name, {
      dtype: entry.dtype,
      shape: entry.shape,
      bytes: file.subarray(8 + size + begin, 8 + size + end),
    });
  }
  return tensors;
}

export function writeRaw(tensors: RawTensors, metadata?: Record<string, string>): Buffer {
  let end = 0;
  const entries = [...tensors].map(([name, { dtype, shape, bytes }]) => [
    name,
    { dtype, shape, data_offsets: [end, (end += bytes.byteLength)] },
  ]);
  const header = Buffer.from(
    JSON.stringify({ ...(metadata === undefined ? {} : { __metadata__: metadata }), ...Object.fromEntries(entries) }),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, ...[...tensors.values()].map(({ bytes }) => bytes)]);
}

/** The tensors of several files in one. */
export function joined(...paths: string[]): RawTensors {
  return new Map(paths.flatMap((path) => [...readRaw(path)]));
}

/** The small models with as many rows in their token tables as CLIP's vocabulary, which models in one file are used with, has tokens. */
export function withVocabulary(tensors: RawTensors, rows = 49408): RawTensors {
  return new Map(
    [...tensors].map(([name, tensor]) => {
      const { dtype, shape, bytes } = tensor;
      if (!/token_embedding\.weight$/.test(name) || shape[0]! >= rows) return [name, tensor];
      const row = bytes.byteLength / shape[0]!;
      const grown = Buffer.alloc(rows * row);
      for (let i = 0; i < rows; ++i)
        grown.set(bytes.subarray((i % shape[0]!) * row, (i % shape[0]!) * row + row), i * row);
      return [name, { dtype, shape: [rows, ...shape.slice(1)], bytes: grown }];
    }),
  );
}

export const bytesOf = (text: string): RawTensor => ({
  dtype: "U8",
  shape: [Buffer.byteLength(text)],
  bytes: Buffer.from(text),
});
