/** What a call of generate() was asked for, as the metadata of its pictures says it. */
import type { NativeGenerateRequest, PipelineInfo } from "../native/contract";
import { EstimateSchema } from "../options/estimate-schema";
import type { Schema } from "../options/json-schema";
import { type PictureSize, type PictureTexts, type RecordedCall, textsOfCall } from "./call-texts";
import type { LoadRecord } from "./load-record";
import { type FileRecord, type FileToHash, Recorder, hashed } from "./record";

/** Options that change no picture, or are one for each. */
const OMITTED = [
  "count",
  "output",
  "preview",
  "memoryBudget",
  "priority",
  "deadline",
  "attentionMaps",
  "latents",
  "seed",
];

/** The options of generate() that decide pictures. */
export const RECORDED_CALL: Readonly<Record<string, Schema>> = Object.fromEntries(
  Object.entries(EstimateSchema.properties).filter(([name]) => !OMITTED.includes(name)),
);

export class CallRecord {
  readonly #values: Record<string, unknown>;
  readonly #files: readonly FileToHash[];
  readonly #latents: unknown[];
  readonly #seeds: readonly number[];
  #load: LoadRecord = { values: {}, files: [] };
  #asked: PictureSize | undefined;
  readonly #changed = new Set<number>();
  #hashes: Promise<FileRecord[]> | undefined;

  /**
   * @param read options that were checked; what they hold is read now
   * @param request what the engine is asked for, with the model's defaults
   */
  constructor(
    read: Readonly<Record<string, unknown>>,
    request: Pick<NativeGenerateRequest, "seeds" | "steps" | "guidance" | "eta" | "latents">,
    info: PipelineInfo,
  ) {
    const recorder = new Recorder();
    const { seeds, steps, guidance, eta } = request;
    const scheduler = (read["scheduler"] as string | undefined) ?? info.scheduler;
    const hasEta = scheduler in info.defaults.eta;
    const values = recorder.members(RECORDED_CALL, read);
    this.#values = { ...values, scheduler, steps, guidance, ...(hasEta ? { eta } : {}) };
    this.#latents = seeds.map((_, i) => {
      const latents = request.latents.length === 1 ? request.latents[0] : request.latents[i];
      return latents === undefined ? undefined : recorder.floats(latents, "latents");
    });
    this.#files = recorder.files;
    this.#seeds = seeds;
  }

  /**
   * What is known when the call's turn has come, and its pictures were decoded.
   * @param load what is loaded now: adapters may have been changed since the call was made
   * @param size what the engine is asked for. A second pass paints larger; with `outpaint` the picture and its margins decide, and nobody may ask
   */
  begin(load: LoadRecord, { width, height }: PictureSize): void {
    this.#load = load;
    if (this.#values["outpaint"] === undefined) this.#asked = { width, height };
  }

  /** onStep gave other latents for the i-th picture, which nobody can give again. */
  latentsChanged(i: number): void {
    this.#changed.add(i);
  }

  /** All that the texts are made of. */
  recorded(): RecordedCall {
    return {
      values: { ...this.#values, ...this.#asked },
      load: this.#load.values,
      files: [...this.#load.files, ...this.#files],
      latents: this.#latents,
      seeds: this.#seeds,
      changed: [...this.#changed],
    };
  }

  /**
   * The texts of the i-th picture; the files are hashed when the first of them is asked for.
   * @param painted what the model painted
   */
  async texts(i: number, painted: PictureSize): Promise<PictureTexts> {
    const call = this.recorded();
    this.#hashes ??= hashed(call.files);
    return textsOfCall(call, await this.#hashes, i, painted);
  }
}
