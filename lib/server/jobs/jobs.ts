/** All jobs of a server: who may begin, who waits, how many there may be, and what is left of those that ended. */
import { IpAdapterError } from "../../index";
import { atMost } from "../at-most";
import { Problem } from "../problem";
import { FairQueue } from "./fair-queue";
import { Job, JobCancelled, type JobSpec, type JobState } from "./job";
import { type KeepLimits, KeptJobs } from "./kept-jobs";

export interface JobLimits extends KeepLimits {
  /** jobs that run at a time */
  running: number;
  /** jobs that may wait behind them */
  queue: number;
  /** jobs of one owner that may wait or run */
  perOwner: number;
  /** bytes that jobs which wait or run may hold of their requests */
  requestBytes: number;
}

/** How long jobs took lately, as a mean in which old ones fade. */
const FADE = 0.8;
/** Seconds that a refused client is told to wait, at least and at most. */
const RETRY = { least: 1, most: 60 };
/** Seconds for the work of jobs that are over, when the server ends. */
const LAST_WORK = 5;

export class Jobs {
  readonly #limits: JobLimits;
  readonly #queue = new FairQueue<Job>();
  readonly #running = new Set<Job>();
  readonly #kept: KeptJobs;
  /** work that has not returned, of jobs that are over too */
  readonly #work = new Set<Promise<void>>();
  readonly #onEnd: (job: Job) => void;
  readonly #owners = new Map<string, number>();
  readonly ended: Record<Exclude<JobState, "queued" | "running">, number> = { succeeded: 0, failed: 0, cancelled: 0 };
  /** of the requests of jobs that are not over */
  #requestBytes = 0;
  #meanSeconds = 1;
  /** when draining began, in milliseconds since 1970 */
  #drainedAt: number | undefined;

  /** @param onEnd called when a job has ended */
  constructor(limits: JobLimits, onEnd: (job: Job) => void = () => undefined) {
    this.#limits = limits;
    this.#kept = new KeptJobs(limits);
    this.#onEnd = onEnd;
  }

  get queued(): number {
    return this.#queue.size;
  }

  get running(): number {
    return this.#running.size;
  }

  get draining(): boolean {
    return this.#drainedAt !== undefined;
  }

  /**
   * Accepts a job, or finds the one that the same request has made before.
   * @throws Problem 409 for an id of another request, 429 when there is no room, 503 while draining
   */
  submit(spec: JobSpec): { job: Job; created: boolean } {
    const known = this.get(spec.owner, spec.id);
    if (known !== undefined) {
      if (known.spec.fingerprint === spec.fingerprint) return { job: known, created: false };
      throw new Problem(409, "id_in_use", "id: another job has this id: leave it out, or use a new one", {
        param: "id",
      });
    }
    this.#checkRoom(spec);
    const job = new Job(spec, (late) => this.#end(late, "failed", tooLate(spec.deadline)));
    this.#owners.set(spec.owner, this.#pendingOf(spec.owner) + 1);
    this.#requestBytes += spec.bytes;
    this.#kept.add(job);
    this.#queue.push(spec.owner, job);
    void job.done.then(() => this.#settle(job));
    this.#begin();
    return { job, created: true };
  }

  get(owner: string, id: string): Job | undefined {
    return this.#kept.get(owner, id);
  }

  /** Jobs that begin before this one; 0 when it has begun. */
  ahead(job: Job): number {
    return Math.max(0, this.#queue.ahead(job.spec.owner, job));
  }

  /** Ends a job that waits or runs. @returns false when it was over */
  cancel(job: Job): boolean {
    return this.#end(job, "cancelled", new JobCancelled());
  }

  /**
   * Refuses new jobs and waits for the others; those that are not over then are cancelled.
   * @param seconds how long to wait
   */
  async drain(seconds: number): Promise<void> {
    this.#drainedAt ??= Date.now();
    const pending = (): Job[] => [...this.#running, ...this.#waiting()];
    const timer = setTimeout(() => {
      for (const job of pending()) this.#end(job, "cancelled", stopping());
    }, seconds * 1000);
    await Promise.all(pending().map(({ done }) => done));
    clearTimeout(timer);
    await atMost(LAST_WORK, Promise.all(this.#work));
  }

  /**
   * Waits until the owners have the outcome of the jobs that ended lately, those that ended while draining among them.
   * @param seconds how long to wait, and what "lately" is
   */
  async handOut(seconds: number): Promise<void> {
    const jobs = this.#kept.endedSince((this.#drainedAt ?? Date.now()) - seconds * 1000);
    await atMost(seconds, Promise.all(jobs.map(({ collected }) => collected)));
  }

  #waiting(): Job[] {
    return [...this.#queue];
  }

  #pendingOf(owner: string): number {
    return this.#owners.get(owner) ?? 0;
  }

  #checkRoom({ owner, bytes }: JobSpec): void {
    if (this.draining) throw stopping();
    const { queue, perOwner, running, requestBytes } = this.#limits;
    // A request that is alone may be as large as a request may be.
    const large = this.#requestBytes > 0 && this.#requestBytes + bytes > requestBytes;
    // A job that can begin at once needs no place in the queue.
    const full = large || (this.queued >= queue && this.running >= running);
    const mine = this.#pendingOf(owner) >= perOwner;
    if (!full && !mine) return;
    const turns = ((full ? this.queued : 0) + running) / running;
    const retryAfter = Math.min(RETRY.most, Math.max(RETRY.least, this.#meanSeconds * turns));
    throw full
      ? new Problem(429, "queue_full", `the server is busy: ${this.queued} jobs wait`, { retryAfter })
      : new Problem(429, "too_many_jobs", `${perOwner} of your jobs wait or run: let one end first`, { retryAfter });
  }

  #begin(): void {
    while (this.#running.size < this.#limits.running) {
      const job = this.#queue.shift();
      if (job === undefined) return;
      this.#running.add(job);
      const work = job.run().finally(() => {
        this.#work.delete(work);
        // Its place is free only when its work has stopped: a cancelled step may still run.
        this.#running.delete(job);
        this.#begin();
      });
      this.#work.add(work);
    }
  }

  #end(job: Job, state: "failed" | "cancelled", error: Error): boolean {
    this.#queue.remove(job.spec.owner, job);
    return job.end(state, { error });
  }

  #settle(job: Job): void {
    this.#requestBytes -= job.spec.bytes;
    const left = this.#pendingOf(job.spec.owner) - 1;
    if (left > 0) this.#owners.set(job.spec.owner, left);
    else this.#owners.delete(job.spec.owner);
    if (job.state === "succeeded" && job.started !== undefined && job.ended !== undefined)
      this.#meanSeconds = FADE * this.#meanSeconds + ((1 - FADE) * (job.ended - job.started)) / 1000;
    if (job.state !== "queued" && job.state !== "running") this.ended[job.state]++;
    this.#kept.ended(job);
    this.#onEnd(job);
  }
}

function stopping(): Problem {
  return new Problem(503, "stopping", "the server stops: try again later", { retryAfter: 5 });
}

function tooLate(deadline: number): IpAdapterError {
  return new IpAdapterError(
    "ERR_IPA_DEADLINE",
    `the job was not done within ${deadline} ms: allow more, or ask for less`,
  );
}
