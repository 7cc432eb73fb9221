/** The place of one child: starts it, watches it, and starts it again when it has died. */
import { type ChildDeath, CrashError, type IpAdapterError, messageOf } from "../errors";
import type { PipelineInfo, PipelineStats } from "../native/info";
import { EngineProcess } from "./child-process";
import type { Job } from "./job";
import type { FromChild, ToChild } from "./messages";
import { fromPlainError } from "./plain-errors";
import { type ProcessPlan, startProcess } from "./start-process";
import type { ChildState, ChildStats } from "./types";

/** Milliseconds before a start that follows a second death without a call done between; doubled for each further one. */
const FIRST_REST = 100;
const MOST_REST = 30_000;

export interface SlotPlan {
  process: ProcessPlan;
  load: Extract<ToChild, { type: "load" }>;
  maxRestarts: number;
}

/** What becomes of children concerns the pool. */
export interface SlotWatch {
  message: (slot: Slot, message: FromChild) => void;
  /** it can take calls, or never will again */
  changed: (slot: Slot) => void;
  died: (slot: Slot, death: ChildDeath) => void;
  /** a result came from a child that had been given up for dead */
  late: () => unknown;
}

export class Slot {
  readonly cores: readonly number[];
  /** calls that the child has, by attempt */
  readonly attempts = new Map<number, Job>();
  readonly #plan: SlotPlan;
  readonly #watch: SlotWatch;
  #process: EngineProcess | undefined;
  #state: ChildState = "starting";
  #info: PipelineInfo | undefined;
  #rss: number | undefined;
  #engine: PipelineStats | undefined;
  #restarts = 0;
  #failedStarts = 0;
  /** without a call done in between */
  #deathsInRow = 0;
  #refusal: IpAdapterError | undefined;
  #rest: NodeJS.Timeout | undefined;
  #opened: { resolve: (info: PipelineInfo) => void; reject: (reason: unknown) => void } | undefined;

  constructor(plan: SlotPlan, cores: readonly number[], watch: SlotWatch) {
    this.#plan = plan;
    this.cores = cores;
    this.#watch = watch;
  }

  get state(): ChildState {
    return this.#state;
  }

  /** Calls that the child may have. */
  get seats(): number {
    return this.#state === "ready" ? (this.#info?.concurrency ?? 0) - this.attempts.size : 0;
  }

  /** Whether it has a call to itself, because an earlier child died with that. */
  get alone(): boolean {
    for (const job of this.attempts.values()) if (job.deaths.length > 0) return true;
    return false;
  }

  get cost(): number {
    let sum = 0;
    for (const job of this.attempts.values()) sum += job.cost;
    return sum;
  }

  get stats(): ChildStats {
    const pid = this.#state === "starting" || this.#state === "ready" ? this.#process?.pid : undefined;
    const [rss, engine] = pid === undefined ? [] : [this.#rss, this.#engine];
    const [state, active, cores] = [this.#state, this.attempts.size, [...this.cores]];
    return { pid, state, active, cores, rss, engine, restarts: this.#restarts };
  }

  /**
   * The first start.
   * @throws what the child's load() does; CrashError
   */
  open(): Promise<PipelineInfo> {
    return new Promise((resolve, reject) => {
      this.#opened = { resolve, reject };
      this.#start();
    });
  }

  assign(id: number, job: Job): void {
    this.attempts.set(id, job);
    job.begin();
    this.#process?.send({ type: "call", id, options: job.options, watched: job.watched });
  }

  /** The child is done with an attempt. */
  finish(id: number): void {
    this.attempts.delete(id);
    this.#deathsInRow = 0;
  }

  cancel(job: Job): void {
    for (const [id, one] of this.attempts) if (one === job) this.#process?.send({ type: "cancel", id });
  }

  /**
   * Asks for a sign of life, and ends a child that has given none.
   * @param timeout milliseconds
   */
  beat(timeout: number, heldUp: boolean): void {
    if (this.#state !== "starting" && this.#state !== "ready") return;
    const child = this.#process;
    if (heldUp) child?.forgive();
    if (child !== undefined && child.silence > timeout)
      child.kill(`it was killed: its event loop had not answered for ${timeout} ms`);
    else child?.ask();
  }

  /** Whether its event loop answers within so many milliseconds. */
  async answers(within: number): Promise<boolean> {
    if (this.#state !== "starting" && this.#state !== "ready") return false;
    return this.#process?.answers(within) ?? false;
  }

  /** Ends the child for good. */
  async close(): Promise<void> {
    this.#state = "ended";
    clearTimeout(this.#rest);
    this.#process?.kill("the pool was disposed of");
    await this.#process?.exited;
  }

  #start(): void {
    this.#state = "starting";
    this.#refusal = undefined;
    this.#rss = undefined;
    this.#engine = undefined;
    try {
      this.#process = new EngineProcess(startProcess(this.#plan.process, this.cores), {
        message: (message) => this.#receive(message),
        died: (death) => this.#died(death),
        late: ({ type }) => {
          if (type === "done") this.#watch.late();
        },
      });
      this.#process.send(this.#plan.load);
    } catch (error) {
      this.#refusal = error as IpAdapterError;
      this.#died({ pid: undefined, at: Date.now(), reason: messageOf(error), output: "" });
    }
  }

  #receive(message: FromChild): void {
    switch (message.type) {
      case "ready":
        this.#info = message.info;
        this.#state = "ready";
        this.#failedStarts = 0;
        this.#opened?.resolve(message.info);
        this.#opened = undefined;
        this.#watch.changed(this);
        return;
      case "refused":
        this.#refusal = fromPlainError(message.error);
        this.#process?.kill(`it could not load the model: ${message.error.message}`);
        return;
      case "pong":
        this.#rss = message.rss;
        this.#engine = message.engine;
        return;
      default:
        this.#watch.message(this, message);
        return;
    }
  }

  #died(death: ChildDeath): void {
    if (this.#state === "ended") return;
    const opening = this.#opened;
    if (this.#state === "starting") this.#failedStarts++;
    this.#deathsInRow++;
    this.#opened = undefined;
    const over = opening !== undefined || this.#failedStarts > this.#plan.maxRestarts;
    this.#state = over ? "given up" : "resting";
    opening?.reject(
      this.#refusal ?? new CrashError(`a child of the pool died while it loaded the model: ${death.reason}`, [death]),
    );
    if (!over) this.#startLater();
    this.#watch.died(this, death);
    this.#watch.changed(this);
  }

  /** When the old process is gone, whose memory the new one needs. */
  #startLater(): void {
    const rest = this.#deathsInRow < 2 ? 0 : Math.min(MOST_REST, FIRST_REST * 2 ** (this.#deathsInRow - 2));
    const start = (): void => {
      if (this.#state !== "resting") return;
      this.#restarts++;
      this.#start();
    };
    void (this.#process?.exited ?? Promise.resolve()).then(() => {
      if (this.#state === "resting") this.#rest = setTimeout(start, rest).unref();
    });
  }
}
