/** Long work of JavaScript in slices, between which the event loop turns. */
import { setImmediate } from "node:timers/promises";

import { type AbortSignalLike, throwIfAborted } from "./abort-signal";

/** Work that yields wherever it may be interrupted, about once in a thousand small steps. */
export type Steps<T = void> = Generator<void, T, void>;

/** Milliseconds; a fifth of what a server's other requests may have to wait. */
const SLICE = 10;

/** @throws what `work` throws, or signal.reason */
export async function inSlices<T>(work: Steps<T>, signal: AbortSignalLike | undefined): Promise<T> {
  for (;;) {
    throwIfAborted(signal);
    const until = performance.now() + SLICE;
    do {
      const step = work.next();
      if (step.done === true) return step.value;
    } while (performance.now() < until);
    await setImmediate();
  }
}
