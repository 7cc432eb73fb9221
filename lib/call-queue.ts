import type { AbortSignalLike } from "./abort-signal";
import { abortable } from "./abortable";

const ignore = (): void => undefined;

/**
 * The order in which calls reach the engine, whose own queue keeps it. First come, first served by the moment of the call, however
 * long its pictures take to read; a change of adapters or LoRAs comes after the calls made before it and before those made after it.
 */
export class CallQueue {
  /** settles when all calls so far have started their native job, or never will */
  #started: Promise<unknown> = Promise.resolve();
  /** the last change that has not settled; never rejects */
  #changed: Promise<unknown> | undefined;

  /**
   * Prepares a call at once, or when the change before it is done, and starts it in its turn. An abort ends the waiting.
   * @param start hands the call to the engine
   */
  async add<P, T>(
    signal: AbortSignalLike,
    prepare: () => Promise<P>,
    start: (prepared: P) => { result: Promise<T> },
  ): Promise<T> {
    const [before, change] = [this.#started, this.#changed];
    const started = (async (): Promise<{ result: Promise<T> }> => {
      if (change !== undefined) await abortable(change, signal);
      const [prepared] = await abortable(Promise.all([prepare(), before]), signal);
      return start(prepared);
    })();
    this.#started = Promise.allSettled([before, started]).then(ignore);
    return (await started).result;
  }

  /** Runs `work` when all calls made before have started and `ready` has settled. */
  change(ready: Promise<void>, work: () => Promise<void>): Promise<void> {
    // Whatever becomes of `ready`: what comes after this change counts on all before it having ended.
    const turn = Promise.allSettled([ready, this.#started, this.#changed]);
    const change = turn.then(() => ready).then(work);
    const changed = change.then(ignore, ignore);
    this.#changed = changed;
    void changed.then(() => {
      if (this.#changed === changed) this.#changed = undefined;
    });
    return change;
  }
}
