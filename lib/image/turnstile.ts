import type { AbortSignalLike } from "../abort-signal";

interface Waiting {
  go: () => void;
}

/** Lets a few pieces of work run at a time, first come, first served. */
export class Turnstile {
  #free: number;
  readonly #waiting = new Set<Waiting>();

  constructor(most: number) {
    this.#free = most;
  }

  /** An abort while it waits ends the waiting, and lets go of `work`. @throws signal.reason, or what `work` throws */
  async run<T>(work: () => Promise<T>, signal: AbortSignalLike | undefined): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await this.#turn(signal);
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  #turn(signal: AbortSignalLike | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(entry);
        signal?.removeEventListener("abort", onAbort);
      };
      const onAbort = (): void => {
        leave();
        reject(signal?.reason);
      };
      const entry: Waiting = {
        go: () => {
          leave();
          resolve();
        },
      };
      this.#waiting.add(entry);
      try {
        signal?.addEventListener("abort", onAbort);
        if (signal?.aborted === true) onAbort();
      } catch (error) {
        // Nobody would use the turn of one that has left.
        leave();
        throw error;
      }
    });
  }

  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#free++;
    else next.go();
  }
}
