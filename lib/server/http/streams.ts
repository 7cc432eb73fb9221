/** How many streams of events each key has open. */
import { Problem } from "../problem";

/** Seconds that a refused client is told to wait. */
const RETRY_AFTER = 1;

export class OpenStreams {
  readonly #most: number;
  readonly #open = new Map<string, number>();

  /** @param most of one owner */
  constructor(most: number) {
    this.#most = most;
  }

  /** @throws Problem 429 when the owner has as many as may be */
  check(owner: string): void {
    if (this.#of(owner) < this.#most) return;
    throw new Problem(
      429,
      "too_many_streams",
      `you follow ${this.#most} jobs at once: close a stream of events first`,
      {
        retryAfter: RETRY_AFTER,
      },
    );
  }

  /** Counts a stream until it is closed. */
  count(owner: string, closed: Promise<void>): void {
    this.#open.set(owner, this.#of(owner) + 1);
    void closed.then(() => {
      const left = this.#of(owner) - 1;
      if (left > 0) this.#open.set(owner, left);
      else this.#open.delete(owner);
    });
  }

  #of(owner: string): number {
    return this.#open.get(owner) ?? 0;
  }
}
