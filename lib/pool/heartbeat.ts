/** Looks after the children of a pool. */
import type { Slot } from "./slot";

/** Most milliseconds between two looks. */
const MOST_BETWEEN = 1000;

export class Heartbeat {
  readonly #slots: readonly Slot[];
  readonly #timeout: number;
  readonly #timer: NodeJS.Timeout;
  #last = performance.now();

  /** @param timeout milliseconds within which a child has to answer */
  constructor(slots: readonly Slot[], timeout: number) {
    this.#slots = slots;
    this.#timeout = timeout;
    this.#timer = setInterval(() => this.#beat(), Math.min(MOST_BETWEEN, timeout / 4));
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    const now = performance.now();
    // This process itself slept, or its event loop was blocked: answers may be there unread.
    const heldUp = now - this.#last > MOST_BETWEEN + this.#timeout / 2;
    this.#last = now;
    for (const slot of this.#slots) slot.beat(this.#timeout, heldUp);
  }
}
