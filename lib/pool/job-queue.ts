/** Calls that wait for a child, in the order in which they get one. */
import type { Job } from "./job";

export class JobQueue {
  readonly #fresh: Job[] = [];
  readonly #suspects: Job[] = [];

  get length(): number {
    return this.#fresh.length + this.#suspects.length;
  }

  add(job: Job): void {
    const list = this.#listOf(job);
    let [low, high] = [0, list.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = list[middle];
      if (other !== undefined && other.before(job)) low = middle + 1;
      else high = middle;
    }
    list.splice(low, 0, job);
  }

  /** The next call that no child has died with. */
  get fresh(): Job | undefined {
    return this.#fresh[0];
  }

  /** The next of those whose child died. */
  get suspect(): Job | undefined {
    return this.#suspects[0];
  }

  /** @returns whether it was there */
  remove(job: Job): boolean {
    const list = this.#listOf(job);
    const at = list.indexOf(job);
    if (at >= 0) list.splice(at, 1);
    return at >= 0;
  }

  /** Takes all out. */
  clear(): Job[] {
    return [...this.#suspects.splice(0), ...this.#fresh.splice(0)];
  }

  #listOf(job: Job): Job[] {
    return job.deaths.length > 0 ? this.#suspects : this.#fresh;
  }
}
