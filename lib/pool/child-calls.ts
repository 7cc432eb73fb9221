/** The calls of one child of a pool: run by its pipeline, within its memory. */
import { IpAdapterError, OptionError } from "../errors";
import type { PipelineStats } from "../native/info";
import { EstimateSchema } from "../options/estimate-schema";
import { GenerateSchema } from "../options/generate-schema";
import type { Pipeline } from "../pipeline";
import type { EstimateOptions, GenerateOptions } from "../types";
import { MemoryGate } from "./memory-gate";
import type { FromChild, ToChild } from "./messages";
import { toPlainError } from "./plain-errors";
import { withEmbeds } from "./plain-options";
import { toPlainProgress, toPlainResult } from "./plain-result";

type Call = Extract<ToChild, { type: "call" }>;

export class ChildCalls {
  readonly #pipeline: Pipeline;
  readonly #memory: number | undefined;
  readonly #gate: MemoryGate | undefined;
  readonly #send: (message: FromChild) => void;
  readonly #end: (reason: string) => void;
  readonly #running = new Map<number, AbortController>();

  /**
   * @param memory bytes that weights and calls may take
   * @param end ends this process, so that another takes over its calls
   */
  constructor(
    pipeline: Pipeline,
    memory: number | undefined,
    send: (message: FromChild) => void,
    end: (reason: string) => void,
  ) {
    this.#pipeline = pipeline;
    this.#memory = memory;
    this.#gate = memory === undefined ? undefined : new MemoryGate(memory);
    this.#send = send;
    this.#end = end;
  }

  get stats(): PipelineStats {
    return this.#pipeline.stats();
  }

  cancel(id: number): void {
    this.#running.get(id)?.abort();
  }

  /** Never rejects: what becomes of the call is sent. */
  async run(call: Call): Promise<void> {
    const stop = new AbortController();
    this.#running.set(call.id, stop);
    try {
      await this.#generate(call, stop.signal);
    } catch (error) {
      // After it this process has no GPU any more, but another may.
      if (error instanceof IpAdapterError && error.code === "ERR_IPA_DEVICE_LOST") this.#end(error.message);
      this.#send({ type: "failed", id: call.id, error: toPlainError(error) });
    } finally {
      this.#running.delete(call.id);
    }
  }

  async #generate({ id, options, watched }: Call, signal: AbortSignal): Promise<void> {
    const call = withEmbeds(GenerateSchema, options) as GenerateOptions;
    const leave = await this.#admit(call, signal);
    try {
      const onProgress: GenerateOptions["onProgress"] = (event) =>
        this.#send({ type: "progress", id, event: toPlainProgress(event) });
      const limit = this.#limit(call);
      const result = await this.#pipeline.generate({ ...call, ...limit, signal, ...(watched ? { onProgress } : {}) });
      // One by one, so that the parent's event loop turns between them.
      for (const { data, width, height, seed } of result.images)
        this.#send({ type: "picture", id, picture: { data, width, height, seed } });
      this.#send({ type: "done", id, result: await toPlainResult(result) });
    } finally {
      leave();
    }
  }

  async #admit(call: GenerateOptions, signal: AbortSignal): Promise<() => void> {
    if (this.#gate === undefined) return () => undefined;
    const known = Object.entries(call).filter(([name]) => name in EstimateSchema.properties);
    const estimated = Object.fromEntries(known) as EstimateOptions;
    try {
      const estimate = this.#pipeline.estimateMemory({ ...estimated, ...this.#limit(call) });
      return await this.#gate.enter(estimate, signal);
    } catch (error) {
      throw this.#named(error, call);
    }
  }

  /** The engine chooses tiles, and refuses, by the smaller of both limits. */
  #limit({ memoryBudget = Infinity }: GenerateOptions): { memoryBudget?: number } {
    return this.#memory === undefined ? {} : { memoryBudget: Math.min(memoryBudget, this.#memory) };
  }

  /** An error about a budget that the caller never gave. */
  #named(error: unknown, { memoryBudget = Infinity }: GenerateOptions): unknown {
    const own = this.#memory !== undefined && this.#memory < memoryBudget;
    if (!own || !(error instanceof IpAdapterError) || error instanceof OptionError) return error;
    return new IpAdapterError(error.code, error.message.replace(/\bmemoryBudget\b/g, "memoryPerChild"));
  }
}
