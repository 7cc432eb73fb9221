import { setMaxListeners } from "node:events";

import type { AbortSignalLike } from "./abort-signal";

/** Stops work of one's own: by its word, or when a signal from outside fires, which may be of another realm. */
export class Stop {
  readonly #controller = new AbortController();
  readonly #outside: AbortSignalLike | undefined;
  readonly #onAbort = (): void => this.now(this.#outside?.reason);

  /** @throws what the code of a foreign signal throws */
  constructor(outside: AbortSignalLike | undefined) {
    this.#outside = outside;
    // Every picture of a call may wait for it, which is no leak.
    setMaxListeners(0, this.#controller.signal);
    outside?.addEventListener("abort", this.#onAbort);
    if (outside?.aborted === true) this.#onAbort();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  now(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /** To be called at the end of the work: listens no more, and ends what is left of it. */
  release(): void {
    this.#outside?.removeEventListener("abort", this.#onAbort);
    this.#controller.abort();
  }
}

/** Rejects at once when the signal fires; the work itself ends on its own. */
export function abortable<T>(work: Promise<T>, signal: AbortSignalLike | undefined): Promise<T> {
  if (signal === undefined) return work;
  // A signal whose code throws ends this promise, and nobody else may wait for what the work ends in.
  work.catch(() => undefined);
  return new Promise((resolve, reject) => {
    const release = (): void => signal.removeEventListener("abort", onAbort);
    const onAbort = (): void => {
      release();
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort);
    work.then(resolve, reject).finally(release);
    if (signal.aborted) onAbort();
  });
}
