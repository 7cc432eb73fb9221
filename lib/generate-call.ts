/** A call of generate() from its options to its result: what the engine is asked for, what it reports, and what becomes of what it made. */
import type { ItemWatch } from "./batch";
import type { CallInputs } from "./call-inputs";
import type { EngineCall, EngineCalls } from "./engine-calls";
import { progressEvent, toResult } from "./generate-result";
import type { Fitter } from "./image/snapshot";
import { lazily } from "./load-failure";
import type { LoadRecord } from "./metadata/load-record";
import type { CallSite } from "./native/call";
import type {
  NativeGenerateRequest,
  NativePipeline,
  NativeProgress,
  NativeResult,
  NativeStep,
  PipelineInfo,
} from "./native/contract";
import { checkPreviewSeen, progressCaller } from "./progress";
import type { ReadGenerateOptions } from "./read-options";
import type { GenerateResult, LoraOptions, StepCallback } from "./types";

const steps = lazily(() => require("./steps") as typeof import("./steps"));
const loading = lazily(() => require("./load-request") as typeof import("./load-request"));
const loadRecords = lazily(() => require("./metadata/load-record") as typeof import("./metadata/load-record"));
const records = lazily(() => require("./metadata/call-record") as typeof import("./metadata/call-record"));

/** What of a pipeline makes pictures. */
export interface PaintingEngine {
  addon: Fitter["addon"];
  native: Pick<NativePipeline, "generate">;
  calls: EngineCalls;
  /** what is loaded at the time: it may change while a call waits */
  info: () => PipelineInfo;
  record: () => LoadRecord;
}

/** The LoRAs of a call in their places. */
async function placedLoras(loras: readonly LoraOptions[], signal: AbortSignal, site: CallSite) {
  const requests = { loras: loading().loraRequests(loras) };
  const read = { loras, signal };
  await loading().placeFiles(requests, read, site);
  const { changedRecord, recordLoad } = loadRecords();
  return {
    requests: requests.loras,
    recordedIn: (record: LoadRecord) => changedRecord(record, recordLoad(read, requests)),
  };
}

/**
 * What it returns runs the call, once.
 * @param held what the call holds, copied
 * @throws OptionError
 */
export function plannedCall(
  { addon, native, calls, info, record }: PaintingEngine,
  read: ReadGenerateOptions,
  held: CallInputs,
  site: CallSite,
  { signal, onProgress }: ItemWatch,
): () => Promise<GenerateResult> {
  const { metadata = true, onStep, deadline } = read;
  checkPreviewSeen(read.preview, onProgress);
  const { request } = held;
  const { seeds } = request;
  // What is painted may be a part of the picture.
  const painted = read.maskCrop === undefined ? undefined : { width: request.width, height: request.height };
  const recorded =
    metadata && read.output !== "latents" ? new (records().CallRecord)(read, request, info()) : undefined;
  const call: EngineCall<NativeGenerateRequest, NativeResult> = {
    pictures: held.pictures(),
    prepare: async (stop) => {
      const each = onStep === undefined ? {} : { eachStep: true as const };
      const loras = read.loras === undefined ? undefined : await placedLoras(read.loras, stop, site);
      const prepared = await held.prepare(info(), { addon, site }, stop);
      recorded?.begin(loras === undefined ? record() : loras.recordedIn(record()), prepared);
      return { ...prepared, ...each, ...(loras === undefined ? {} : { loras: loras.requests }) };
    },
    start: (prepared, done, fail) => {
      const report = (event: NativeProgress): unknown => onProgress?.(progressEvent(event, seeds));
      const shown = progressCaller(report, fail);
      const watched = (event: NativeProgress | NativeStep): void =>
        "reply" in event ? void steps().answerStep(onStep as StepCallback, event, seeds, fail, recorded) : shown(event);
      const progress = onProgress === undefined && onStep === undefined ? null : watched;
      return native.generate(prepared, progress, done);
    },
  };
  return () =>
    calls
      .call(site, { signal, deadline }, call)
      .then((result) => toResult(result, seeds, painted ?? result, info(), recorded, held.mapped));
}
