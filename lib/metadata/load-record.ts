/** What a pipeline was loaded with, as its pictures' metadata says it. */
import { HUB } from "../options/common-schema";
import type { Schema } from "../options/json-schema";
import { LoadSchema } from "../options/load-schema";
import { readPath } from "../options/path";
import { type FileToHash, Recorder, rootOf } from "./record";

/** Options that change no picture, and where it is made, which is another machine's matter: another device changes the last bits. */
const OMITTED = [
  ...Object.keys(HUB),
  "device",
  "devices",
  "threads",
  "concurrency",
  "maxBatch",
  "images",
  "maxPixels",
  "maxQueue",
  "signal",
];

/** The options of load() that decide pictures. */
export const RECORDED_LOAD: Readonly<Record<string, Schema>> = Object.fromEntries(
  Object.entries(LoadSchema.properties).filter(([name]) => !OMITTED.includes(name)),
);

export interface LoadRecord {
  values: Record<string, unknown>;
  files: FileToHash[];
}

/**
 * @param read the options of load(), or of a change of adapters and the like
 * @param request the same with the places of the files
 */
export function recordLoad(read: object, request: object): LoadRecord {
  const recorder = new Recorder((option, path) => {
    const place = at(request, option);
    return typeof place === "string" ? place : readPath(path, option);
  });
  const values = recorder.members(RECORDED_LOAD, { ...read });
  return { values, files: recorder.files };
}

/** The record after a change, which names all adapters, or all LoRAs, anew. */
export function changedRecord(record: LoadRecord, change: LoadRecord): LoadRecord {
  const changed = Object.keys(change.values);
  const kept = record.files.filter(({ option }) => !changed.includes(rootOf(option)));
  return { values: { ...record.values, ...change.values }, files: [...kept, ...change.files] };
}

/** What `adapters[0].file` leads to. */
function at(object: object, option: string): unknown {
  return option
    .split(/[.[\]]+/)
    .filter((name) => name !== "")
    .reduce<unknown>(
      (value, name) =>
        typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined,
      object,
    );
}
