/** The texts of pictures, made of what is recorded of their call. */
import { EstimateSchema } from "../options/estimate-schema";
import { packageVersion } from "../package-root";
import { infotext } from "./infotext";
import type { FileRecord, FileToHash } from "./record";

/** The form of the record. */
export const RECORD_VERSION = 1;
/** Keyword of our record in PNG files. */
export const RECORD_KEY = "node-ip-adapter";
/** Keyword of the text that other programs read. */
export const PARAMETERS_KEY = "parameters";

/** Pixels. */
export interface PictureSize {
  width: number;
  height: number;
}

/** The texts that a picture carries. */
export interface PictureTexts {
  parameters: string;
  record: string;
}

/** What is known of a call when it is done. */
export interface RecordedCall {
  /** options of generate(), as JSON */
  values: Record<string, unknown>;
  /** options of load(), as JSON */
  load: Record<string, unknown>;
  files: readonly FileToHash[];
  /** of each picture, as JSON */
  latents: readonly unknown[];
  seeds: readonly number[];
  /** pictures whose latents onStep changed */
  changed: readonly number[];
}

const ORDER = Object.keys(EstimateSchema.properties);

/**
 * The texts of the i-th picture.
 * @param files with their hashes
 * @param painted what the model painted
 */
export function textsOfCall(
  call: RecordedCall,
  files: readonly FileRecord[],
  i: number,
  painted: PictureSize,
): PictureTexts {
  const values: Record<string, unknown> = { ...call.values, latents: call.latents[i], seed: call.seeds[i] ?? 0 };
  const variation = values["variation"] as { seed: number } | undefined;
  // Of a call with variations, each picture turns towards a seed of its own.
  if (variation !== undefined) values["variation"] = { ...variation, seed: variation.seed + i };
  // In one order, so that a picture made again is the same file.
  const generate = Object.fromEntries(
    ORDER.filter((name) => values[name] !== undefined).map((name) => [name, values[name]]),
  );
  const record = {
    version: RECORD_VERSION,
    library: packageVersion(),
    load: call.load,
    generate,
    files,
    ...(call.changed.includes(i) ? { latentsChanged: true } : {}),
  };
  return { parameters: infotext(record, painted), record: asciiJson(record) };
}

/** JSON in ASCII alone, as EXIF wants it. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
