import { abortable } from "./abortable";
import { IpAdapterError } from "./errors";
import type { AbortSignalLike } from "./abort-signal";

const ignore = (): void => undefined;

/**
 * The order of a pipeline's calls. First come, first served by the moment of the call, however long its pictures take to read;
 * a change of adapters or LoRAs comes after the calls made before it and before those made after it.
 */
export class CallQueue {
  readonly #maxQueue: number;
  #pending = 0;
  /** settles when all calls so far have started their native job, or never will */
  #started: Promise<unknown> = Promise.resolve();
  /** the last change that has not settled */
  #changing: Promise<unknown> | undefined;

  /** @param maxQueue calls that may wait while one runs */
  constructor(maxQueue = Infinity) {
    this.#maxQueue = maxQueue;
  }

  /** Calls that wait or run. */
  get pending(): number {
    return this.#pending;
  }

  /** @throws IpAdapterError ERR_IPA_BUSY */
  checkRoom(): void {
    if (this.#pending <= this.#maxQueue) return;
    const calls = this.#pending === 1 ? "1 call runs" : `${this.#pending} calls wait or run`;
    throw new IpAdapterError(
      "ERR_IPA_BUSY",
      `this pipeline is busy: ${calls}, and maxQueue is ${this.#maxQueue}: try again later`,
    );
  }

  /** Counts a call until it settles. */
  count<T>(call: Promise<T>): Promise<T> {
    this.#pending++;
    const forget = (): number => this.#pending--;
    call.then(forget, forget);
    return call;
  }

  /**
   * Prepares a call at once, or when the change before it is done, and starts it in its turn. An abort ends the waiting.
   * @param start hands the call to the engine
   */
  async add<P, T>(
    signal: AbortSignalLike | undefined,
    prepare: () => P | Promise<P>,
    start: (prepared: P) => { result: Promise<T> },
  ): Promise<T> {
    const [before, change] = [this.#started, this.#changing];
    const started = (async (): Promise<{ result: Promise<T> }> => {
      if (change !== undefined) await abortable(change.then(ignore, ignore), signal);
      const [prepared] = await abortable(Promise.all([prepare(), before]), signal);
      return start(prepared);
    })();
    this.#started = Promise.allSettled([before, started]).then(ignore);
    const { result } = await started;
    return result;
  }

  /** Runs `work` when all calls made before have started and `ready` has settled. */
  async change(ready: Promise<void>, work: () => Promise<void>): Promise<void> {
    const earlier = [this.#started, this.#changing];
    const changing = (async (): Promise<void> => {
      // Whatever becomes of `ready`: what comes after this change counts on all before it having ended.
      const [first] = await Promise.allSettled([ready, ...earlier]);
      if (first.status === "rejected") throw first.reason;
      await work();
    })();
    this.#changing = changing;
    try {
      await changing;
    } finally {
      if (this.#changing === changing) this.#changing = undefined;
    }
  }
}
