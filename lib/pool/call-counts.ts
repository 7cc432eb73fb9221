import type { AbortSignalLike } from "../abort-signal";
import { DisposedError } from "../errors";

/** Counts calls when they are taken, and once when they end. */
export class CallCounts {
  readonly sums = { accepted: 0, succeeded: 0, failed: 0, aborted: 0 };

  async count<T>(call: Promise<T>, signal: AbortSignalLike | undefined): Promise<T> {
    this.sums.accepted++;
    try {
      const result = await call;
      this.sums.succeeded++;
      return result;
    } catch (error) {
      if (error instanceof DisposedError || signal?.aborted === true) this.sums.aborted++;
      else this.sums.failed++;
      throw error;
    }
  }
}
