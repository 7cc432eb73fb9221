/** What the engine answers, as callers get it. */
import type { MappedCall } from "./attention/attention-maps";
import type { AttentionMaps } from "./attention/types";
import { GeneratedImage } from "./generated-image";
import type { TextsOf } from "./image/encode";
import { lazily } from "./load-failure";
import type { CallRecord } from "./metadata/call-record";
import type { PictureSize, RecordedCall } from "./metadata/call-texts";
import type { NativeProgress, NativeResult, PipelineInfo } from "./native/contract";
import type { ProgressEvent } from "./progress";
import type { GenerateResult } from "./types";

const maps = lazily(() => require("./attention/attention-maps") as typeof import("./attention/attention-maps"));

/** What the texts of a result's pictures are made of. */
export interface ResultRecord {
  call: RecordedCall;
  painted: PictureSize;
}

const records = new WeakMap<GenerateResult, () => ResultRecord>();

/** To hand a result to another process; undefined: its pictures have no texts. */
export const recordOf = (result: GenerateResult): ResultRecord | undefined => records.get(result)?.();

/** What a caller gets of the engine's report; it holds on to nothing of the request but the seeds. */
export function progressEvent(
  { image, step, total, preview, previewWidth = 0, previewHeight = 0, tile, tiles }: NativeProgress,
  seeds: readonly number[],
): ProgressEvent {
  const seed = seeds[image] ?? 0;
  const event: ProgressEvent = { image, seed, step, total };
  if (preview !== undefined)
    event.preview = new GeneratedImage(new Uint8Array(preview), previewWidth, previewHeight, seed);
  if (tile !== undefined && tiles !== undefined) Object.assign(event, { tile, tiles });
  return event;
}

/**
 * @param painted the sides of what the model paints; with maskCrop the pictures have others
 * @param record what the files of the pictures say of the call
 * @param mapped what the call was given, where its attention is handed out
 */
export function toResult(
  result: NativeResult,
  seeds: number[],
  painted: { width: number; height: number },
  info: PipelineInfo,
  record?: CallRecord,
  mapped?: MappedCall,
): GenerateResult {
  const { width, height } = result;
  const textsOf = (i: number): TextsOf | undefined =>
    record === undefined ? undefined : (): ReturnType<TextsOf> => record.texts(i, painted);
  const images = result.images.map(
    (data, i) => new GeneratedImage(new Uint8Array(data), width, height, seeds[i] ?? 0, textsOf(i)),
  );
  const made: GenerateResult = {
    images,
    latents: result.latents.map((data) => new Float32Array(data)),
    seeds,
    latentShape: [info.latentChannels, painted.height / info.vaeScale, painted.width / info.vaeScale],
    attention: mapped === undefined ? [] : attentionOf(result, images, painted, info, mapped),
  };
  if (record !== undefined) records.set(made, () => ({ call: record.recorded(), painted }));
  return made;
}

function attentionOf(
  { attention = [] }: NativeResult,
  images: readonly GeneratedImage[],
  { width, height }: { width: number; height: number },
  { attentions }: PipelineInfo,
  mapped: MappedCall,
): AttentionMaps[] {
  return attention.map(
    (modules, i) => new (maps().PictureMaps)(modules, attentions, { data: images[i]?.data, width, height }, mapped),
  );
}
