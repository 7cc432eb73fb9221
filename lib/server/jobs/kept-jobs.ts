/** Jobs by owner and id: those that are not over, and for a while those that are. */
import type { Job } from "./job";

export interface KeepLimits {
  /** seconds that an ended job can be asked for */
  keepSeconds: number;
  /** most ended jobs; the oldest go first */
  keepJobs: number;
  /** most bytes of their pictures together */
  keepBytes: number;
}

const bytesOf = (job: Job): number => job.images.reduce((sum, { bytes }) => sum + bytes.length, 0);

export class KeptJobs {
  readonly #limits: KeepLimits;
  readonly #jobs = new Map<string, Job>();
  /** in the order in which they ended */
  readonly #ended = new Map<string, Job>();
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: KeepLimits) {
    this.#limits = limits;
  }

  add(job: Job): void {
    this.#forgetOld();
    this.#jobs.set(nameOf(job.spec), job);
  }

  get(owner: string, id: string): Job | undefined {
    this.#forgetOld();
    return this.#jobs.get(nameOf({ owner, id }));
  }

  /** From now on it is kept only for a while. */
  ended(job: Job): void {
    this.#ended.set(nameOf(job.spec), job);
    this.#bytes += bytesOf(job);
    this.#forgetOld();
    // A server that nobody asks lets go of them too.
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#forgetOld(), this.#limits.keepSeconds * 1000 + 1).unref();
  }

  /** Those that ended at this time or later, in milliseconds since 1970. */
  endedSince(time: number): Job[] {
    return [...this.#ended.values()].filter(({ ended = 0 }) => ended >= time);
  }

  #forgetOld(): void {
    const before = Date.now() - this.#limits.keepSeconds * 1000;
    for (const [name, job] of this.#ended) {
      const tooMany = this.#ended.size > this.#limits.keepJobs || this.#bytes > this.#limits.keepBytes;
      // The last one to end stays, or a job of many pictures could never be fetched.
      const goes = (job.ended ?? 0) <= before || (tooMany && this.#ended.size > 1);
      if (!goes) return;
      this.#ended.delete(name);
      this.#bytes -= bytesOf(job);
      if (this.#jobs.get(name) === job) this.#jobs.delete(name);
    }
  }
}

const nameOf = ({ owner, id }: { owner: string; id: string }): string => JSON.stringify([owner, id]);
