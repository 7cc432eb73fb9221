import type { AbortSignalLike } from "./abort-signal";
import { Stop } from "./abortable";
import { DisposedError, IpAdapterError } from "./errors";
import type { CallSite } from "./native/call";

/** What ends a call before it is done. */
export interface CallEnds {
  signal?: AbortSignalLike | undefined;
  /** milliseconds from now */
  deadline?: number | undefined;
}

function tooLate(deadline: number): IpAdapterError {
  return new IpAdapterError(
    "ERR_IPA_DEADLINE",
    `deadline: the call was not done within ${deadline} ms: allow more, or give it a higher priority`,
  );
}

/** Whose calls they are, in messages. */
export interface CallOwner {
  name: string;
  disposed: () => DisposedError;
}

const PIPELINE: CallOwner = { name: "pipeline", disposed: () => new DisposedError() };

/** The calls of a pipeline, or a pool, from its first to its last: how many there may be, what stops them, and who waits for them. */
export class Calls {
  readonly #owner: CallOwner;
  readonly #concurrency: number;
  readonly #maxQueue: number;
  /** stops a call that has not settled */
  readonly #live = new Set<() => void>();
  /** what has not ended, which may be after its call did */
  readonly #work = new Set<Promise<unknown>>();
  #ended = false;

  /** @param maxQueue calls that may wait while `concurrency` others run */
  constructor(concurrency = 1, maxQueue = Infinity, owner: CallOwner = PIPELINE) {
    this.#owner = owner;
    this.#concurrency = concurrency;
    this.#maxQueue = maxQueue;
  }

  /** Calls that wait or run. */
  get pending(): number {
    return this.#live.size;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** @throws DisposedError */
  checkOpen(): void {
    if (this.#ended) throw this.#owner.disposed();
  }

  /** @throws DisposedError, IpAdapterError ERR_IPA_BUSY */
  checkRoom(): void {
    this.checkOpen();
    const { pending } = this;
    if (pending < this.#concurrency + this.#maxQueue) return;
    const calls = pending === 1 ? "1 call runs" : `${pending} calls wait or run`;
    throw new IpAdapterError(
      "ERR_IPA_BUSY",
      `this ${this.#owner.name} is busy: ${calls}, and maxQueue is ${this.#maxQueue}: try again later`,
    );
  }

  /**
   * One call. All that it waits for listens to one signal, which fires when the caller's does, when the pipeline is disposed of, and
   * when the call has settled.
   */
  run<T>(site: CallSite, { signal, deadline }: CallEnds, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stop = new Stop(signal);
    const late =
      deadline === undefined ? undefined : setTimeout(() => stop.now(site.attach(tooLate(deadline))), deadline);
    const dispose = (): void => stop.now(site.attach(this.#owner.disposed()));
    this.#live.add(dispose);
    const call = work(stop.signal).finally(() => {
      this.#live.delete(dispose);
      clearTimeout(late);
      stop.release();
    });
    return this.track(call);
  }

  /** A piece of a call's work, whose end end() waits for even when the call no longer does. */
  track<T>(work: Promise<T>): Promise<T> {
    this.#work.add(work);
    const forget = (): boolean => this.#work.delete(work);
    work.then(forget, forget);
    return work;
  }

  /** Waits for the calls that there are, and those that are made meanwhile. */
  async settled(): Promise<void> {
    while (this.#work.size > 0) await Promise.allSettled(this.#work);
  }

  /** Refuses new calls, stops those that have not settled, and waits for `close` and for all of their work. */
  async end<T>(close: () => Promise<T>): Promise<T> {
    this.#ended = true;
    for (const dispose of [...this.#live]) dispose();
    const closed = await close();
    await Promise.allSettled(this.#work);
    return closed;
  }
}
