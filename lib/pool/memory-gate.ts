/** Calls of one child share its memory: one that does not fit beside the others waits for its turn. */
import { IpAdapterError } from "../errors";
import type { MemoryEstimate } from "../types";

export class MemoryGate {
  readonly #limit: number;
  /** for calls, beside the weights */
  #room = 0;
  #taken = 0;
  /** settles when all calls so far have their estimates */
  #before: Promise<void> | undefined;
  readonly #waiting = new Set<{ bytes: number; enter: () => void }>();

  /** @param limit bytes of weights and calls */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * First come, first served, so that many small calls do not keep a large one out. The order is that of these calls, however long
   * the estimates take.
   * @returns what to call when the call is done
   * @throws IpAdapterError ERR_IPA_NO_MEMORY; signal.reason; what the estimate rejects with
   */
  async enter(estimate: Promise<MemoryEstimate>, signal: AbortSignal): Promise<() => void> {
    const known = Promise.allSettled([estimate, this.#before]);
    this.#before = known.then(() => undefined);
    const [own] = await known;
    if (own.status === "rejected") throw own.reason;
    return this.#enter(own.value, signal);
  }

  async #enter({ weights, working, total }: MemoryEstimate, signal: AbortSignal): Promise<() => void> {
    if (total > this.#limit) throw tooLarge(total, this.#limit);
    this.#room = this.#limit - weights;
    signal.throwIfAborted();
    if (this.#waiting.size > 0 || this.#taken + working > this.#room) await this.#turn(working, signal);
    else this.#taken += working;
    return () => {
      this.#taken -= working;
      this.#admit();
    };
  }

  /** What is admitted has its bytes already. */
  #turn(bytes: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry = {
        bytes,
        enter: (): void => {
          signal.removeEventListener("abort", leave);
          resolve();
        },
      };
      const leave = (): void => {
        this.#waiting.delete(entry);
        reject(signal.reason);
        // It may have been what kept smaller ones waiting.
        this.#admit();
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.add(entry);
    });
  }

  #admit(): void {
    for (const entry of this.#waiting) {
      if (this.#taken + entry.bytes > this.#room) return;
      this.#waiting.delete(entry);
      this.#taken += entry.bytes;
      entry.enter();
    }
  }
}

/** @param needed bytes of the weights, or of weights and a call */
export function tooLarge(needed: number, limit: number, what = "weights and call"): IpAdapterError {
  return new IpAdapterError(
    "ERR_IPA_NO_MEMORY",
    `memoryPerChild: ${what} need ${needed} bytes but a child may take ${limit}: raise memoryPerChild, or make fewer or smaller pictures`,
  );
}
