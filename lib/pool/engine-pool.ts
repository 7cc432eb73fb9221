import { DisposedError, OptionError } from "../errors";
import { lazily } from "../load-failure";
import { CallSite } from "../native/call";
import type { PipelineInfo } from "../native/info";
import type { GenerateOptions, GenerateOutput, GenerateResult } from "../types";
import type { PoolCore } from "./pool-core";
import type { EnginePoolOptions, PoolFailure, PoolHealth, PoolStats } from "./types";

const cores = lazily(() => require("./pool-core") as typeof import("./pool-core"));

/** What only create() has. */
const CREATED = Symbol("created");

/**
 * Child processes with a model in each. A crash of one takes neither the program nor a call with it: its calls run again in
 * another, to the same bits. Free it with dispose() or `await using`.
 */
export class EnginePool implements AsyncDisposable {
  readonly #core: PoolCore;

  private constructor(core: PoolCore, from?: typeof CREATED) {
    // JavaScript lets everyone in.
    if (from !== CREATED)
      throw new OptionError("", "new EnginePool() starts nothing: use await EnginePool.create(options)");
    this.#core = core;
  }

  /**
   * Starts the children and loads the model in each. The first loads alone, so that what is on the hub is fetched once.
   * @throws as Pipeline.load(); CrashError where a child dies while it loads; ERR_IPA_NO_MEMORY where the weights pass memoryPerChild
   */
  static async create(options: EnginePoolOptions = {}): Promise<EnginePool> {
    const site = new CallSite();
    return new EnginePool(await cores().PoolCore.create(options, site), CREATED);
  }

  /** As that of a Pipeline: what each child has loaded. */
  get info(): PipelineInfo {
    return this.#core.info;
  }

  /** Calls that wait or run. */
  get pending(): number {
    return this.#core.pending;
  }

  /** What the pool does now, and has done. */
  stats(): PoolStats {
    return this.#core.stats;
  }

  /** The last 1,000 calls that were given up because their child died twice, the oldest first. */
  get failures(): PoolFailure[] {
    return this.#core.failures;
  }

  /** true from the first call of dispose() on */
  get disposed(): boolean {
    return this.#core.disposed;
  }

  /**
   * Makes pictures as Pipeline.generate() does, to the same bits. Takes all of its options but `onStep` and `attentionMaps`. Where a
   * child dies, its calls begin anew in another, and onProgress counts from the first step again.
   * @param options all of them, or the prompt alone
   * @param others the other options, where the prompt stands alone
   * @throws as Pipeline.generate(); CrashError when the child of this call died twice, or all children were given up
   */
  async generate<Output extends GenerateOutput = "image">(
    options: GenerateOptions<Output> | string = {},
    others?: GenerateOptions<Output> & { prompt?: undefined },
  ): Promise<GenerateResult<Output>> {
    const site = new CallSite();
    // What the engine makes is what `output` asked for.
    return this.#core.generate(options, others, site) as Promise<GenerateResult<Output>>;
  }

  /** Asks each child for a sign of life, for a second at most. */
  async health(): Promise<PoolHealth> {
    return this.#core.health();
  }

  /**
   * Refuses new calls from now on, and settles when all that were taken have their result or error. The children stay until dispose().
   * @throws DisposedError
   */
  async drain(): Promise<void> {
    if (this.disposed) throw new DisposedError("this pool has been disposed");
    return this.#core.drain();
  }

  /** Refuses new calls, ends running ones (they reject with ERR_IPA_DISPOSED) and the children. Any number of calls share one promise. */
  dispose(): Promise<void> {
    return this.#core.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}
