/** Gives calls to children, and gives them to others when a child has died. */
import { type ChildDeath, CrashError } from "../errors";
import type { CallSite } from "../native/call";
import type { Job } from "./job";
import { JobQueue } from "./job-queue";
import type { FromChild } from "./messages";
import { fromPlainError } from "./plain-errors";
import { fromPlainResult } from "./plain-result";
import type { Slot } from "./slot";
import type { PoolFailure } from "./types";

/** A call is given up when so many children have died with it. */
const MOST_DEATHS = 2;
const MOST_FAILURES = 1000;

export class Dispatcher {
  readonly #slots: readonly Slot[];
  readonly #queue = new JobQueue();
  readonly #sites = new WeakMap<Job, CallSite>();
  readonly #failures: PoolFailure[] = [];
  #attempts = 0;
  #lastDeath: ChildDeath | undefined;
  readonly counts = { rerun: 0, deaths: 0, late: 0 };

  /** @param slots may be filled later */
  constructor(slots: readonly Slot[]) {
    this.#slots = slots;
  }

  get queued(): number {
    return this.#queue.length;
  }

  get failures(): PoolFailure[] {
    return [...this.#failures];
  }

  get lastDeath(): ChildDeath | undefined {
    return this.#lastDeath;
  }

  /** Whether no child will ever take a call again. */
  get failed(): boolean {
    return this.#slots.length > 0 && this.#slots.every(({ state }) => state === "given up");
  }

  add(job: Job, site: CallSite): void {
    this.#sites.set(job, site);
    this.#queue.add(job);
    this.dispatch();
  }

  /** Ends a call wherever it is. */
  stop(job: Job, reason: unknown): void {
    if (job.settled) return;
    const waited = this.#queue.remove(job);
    job.fail(reason);
    if (waited) this.dispatch();
    else for (const slot of this.#slots) slot.cancel(job);
  }

  /** Gives out what can be given out now. */
  dispatch(): void {
    if (this.failed) {
      this.#refuseAll();
      return;
    }
    const reserved = this.#placeSuspects();
    for (;;) {
      const job = this.#queue.fresh;
      const open = this.#slots.filter((slot) => slot.seats > 0 && slot !== reserved && !slot.alone);
      const slot = least(open, ({ cost }) => cost);
      if (job === undefined || slot === undefined) return;
      this.#assign(slot, job);
    }
  }

  receive(slot: Slot, message: FromChild): void {
    if (!("id" in message)) return;
    const job = slot.attempts.get(message.id);
    if (job === undefined) return;
    switch (message.type) {
      case "progress":
        job.progress(message.event);
        return;
      case "picture":
        job.addPicture(message.picture);
        return;
      case "done":
        slot.finish(message.id);
        job.succeed(fromPlainResult(message.result, job.pictures));
        this.dispatch();
        return;
      case "failed":
        slot.finish(message.id);
        job.fail(this.#site(job, fromPlainError(message.error)));
        this.dispatch();
        return;
    }
  }

  /** The calls of a child that died are run again: their seeds are fixed, so they have the same bits. */
  died(slot: Slot, death: ChildDeath): void {
    this.counts.deaths++;
    this.#lastDeath = death;
    const jobs = [...slot.attempts.values()].filter(({ settled }) => !settled);
    slot.attempts.clear();
    for (const job of jobs) {
      job.deaths.push(death);
      if (job.deaths.length >= MOST_DEATHS) this.#giveUp(job);
      else {
        this.counts.rerun++;
        this.#queue.add(job);
      }
    }
  }

  /**
   * A call whose child died gets a child to itself, so that a second death is its own doing, and no other call's. Idle children are
   * taken first; else one is kept free of new calls until it is idle.
   * @returns that one
   */
  #placeSuspects(): Slot | undefined {
    for (;;) {
      const job = this.#queue.suspect;
      if (job === undefined) return undefined;
      const open = this.#slots.filter(({ seats }) => seats > 0);
      const idle = open.find(({ attempts }) => attempts.size === 0);
      if (idle === undefined)
        return this.#slots.some(({ alone }) => alone) ? undefined : least(open, ({ attempts }) => attempts.size);
      this.#assign(idle, job);
    }
  }

  #assign(slot: Slot, job: Job): void {
    this.#queue.remove(job);
    slot.assign(++this.#attempts, job);
  }

  #giveUp(job: Job): void {
    const reasons = job.deaths.map(({ pid, reason }) => `${pid ?? "a process"}: ${reason}`).join("; ");
    const error = new CrashError(
      `the child that had this call died, twice (${reasons}): look at the system's log for want of memory, and try the call alone`,
      [...job.deaths],
    );
    this.#failures.push({ at: Date.now(), error });
    if (this.#failures.length > MOST_FAILURES) this.#failures.shift();
    job.fail(this.#site(job, error));
  }

  #refuseAll(): void {
    for (const job of this.#queue.clear()) job.fail(this.#site(job, this.failure()));
  }

  /** Why no call is taken any more. */
  failure(): CrashError {
    const last = this.#lastDeath;
    return new CrashError(
      `all children of this pool were given up, as they did not start: ${last?.reason ?? ""}: mend the cause and create a new pool`,
      last === undefined ? [] : [last],
    );
  }

  #site<T extends Error>(job: Job, error: T): T {
    return this.#sites.get(job)?.attach(error) ?? error;
  }
}

function least(slots: readonly Slot[], value: (slot: Slot) => number): Slot | undefined {
  const [first, ...others] = slots;
  return others.reduce((best, slot) => (best !== undefined && value(slot) < value(best) ? slot : best), first);
}
