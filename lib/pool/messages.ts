/** What a pool and its children say to each other. Values cross by structured cloning. */
import type { ResultRecord } from "../generate-result";
import type { FileToHash } from "../metadata/record";
import type { PipelineInfo, PipelineStats } from "../native/info";
import type { DownloadProgressEvent } from "../progress";

/** Options that were checked and copied, in a form that can cross. */
export type PlainOptions = Record<string, unknown>;

/** An error of this package, or what is left of another. */
export interface PlainError {
  name: string;
  code: string;
  message: string;
  option?: string | undefined;
  repo?: string | undefined;
  status?: number | undefined;
}

export interface PlainPicture {
  data: Uint8Array;
  width: number;
  height: number;
}

export interface PlainProgress {
  image: number;
  seed: number;
  step: number;
  total: number;
  tile?: number;
  tiles?: number;
  preview?: PlainPicture;
}

/** What picture files say of a call; files are hashed where they are asked for. */
export interface PlainRecord extends Omit<ResultRecord, "call"> {
  call: Omit<ResultRecord["call"], "files"> & { files: (Omit<FileToHash, "hash"> & { sha256?: string | undefined })[] };
}

export interface PlainResult {
  latents: Float32Array[];
  seeds: number[];
  latentShape: [number, number, number];
  record: PlainRecord | undefined;
}

/** `id` is that of one attempt: a call that is run again has another. */
export type ToChild =
  | { type: "load"; options: PlainOptions; memory: number | undefined; watched: boolean }
  | { type: "call"; id: number; options: PlainOptions; watched: boolean }
  | { type: "cancel"; id: number }
  | { type: "ping" };

export type FromChild =
  | { type: "download"; event: DownloadProgressEvent }
  | { type: "ready"; info: PipelineInfo }
  | { type: "refused"; error: PlainError }
  | { type: "pong"; rss: number; engine: PipelineStats | undefined }
  | { type: "progress"; id: number; event: PlainProgress }
  | { type: "picture"; id: number; picture: PlainPicture & { seed: number } }
  | { type: "done"; id: number; result: PlainResult }
  | { type: "failed"; id: number; error: PlainError };
