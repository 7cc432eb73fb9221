/** A pool behind its public face. */
import { throwIfAborted } from "../abort-signal";
import { Stop, abortable } from "../abortable";
import { Calls } from "../calls";
import { DisposedError, IpAdapterError } from "../errors";
import { CallPictures } from "../image/rules";
import type { CallSite } from "../native/call";
import type { PipelineInfo } from "../native/info";
import { readCall } from "../options/call-arguments";
import { GenerateSchema } from "../options/generate-schema";
import { PoolSchema } from "../options/pool-schema";
import { readOptions } from "../options/validate";
import { type DownloadProgressEvent, progressCaller } from "../progress";
import type { GenerateResult } from "../types";
import { CallCounts } from "./call-counts";
import { Dispatcher } from "./dispatcher";
import { Heartbeat } from "./heartbeat";
import { Job, type JobCall } from "./job";
import { KeepAlive } from "./keep-alive";
import type { FromChild } from "./messages";
import { OptionCopier } from "./plain-options";
import { fixSeed, refuseWhatCannotCross, workOf } from "./pool-call";
import { type PoolPlan, planPool } from "./pool-plan";
import { Slot, type SlotWatch } from "./slot";
import type { PoolFailure, PoolHealth, PoolStats } from "./types";

const OWNER = {
  name: "pool",
  disposed: () => new DisposedError("this pool has been disposed: make a new one with EnginePool.create()"),
};

/** Milliseconds that health() waits for children. */
const HEALTH_WAIT = 1000;

export class PoolCore {
  readonly #slots: Slot[] = [];
  readonly #dispatcher = new Dispatcher(this.#slots);
  readonly #keepAlive = new KeepAlive();
  readonly #heartbeat: Heartbeat;
  readonly #plan: PoolPlan;
  #onDownload: ((event: DownloadProgressEvent) => unknown) | undefined;
  #calls = new Calls(0, 0, OWNER);
  #info: PipelineInfo | undefined;
  #order = 0;
  #draining = false;
  readonly #counts = new CallCounts();
  #disposing: Promise<void> | undefined;

  constructor(plan: PoolPlan) {
    this.#plan = plan;
    for (const cores of plan.cores) this.#slots.push(new Slot(plan.slot, cores, this.#watch()));
    this.#heartbeat = new Heartbeat(this.#slots, plan.heartbeatTimeout);
  }

  /** @throws as EnginePool.create() */
  static async create(options: unknown, site: CallSite): Promise<PoolCore> {
    const read = readOptions(PoolSchema, options);
    throwIfAborted(read.signal);
    const core = new PoolCore(planPool(read));
    const stop = new Stop(read.signal);
    core.#onDownload = read.onProgress && progressCaller(read.onProgress, (reason) => stop.now(reason));
    try {
      await core.#keepAlive.during(abortable(core.#open(), stop.signal));
    } catch (error) {
      await core.#keepAlive.during(core.dispose());
      throw error instanceof IpAdapterError ? site.attach(error) : error;
    } finally {
      stop.release();
      core.#onDownload = undefined;
    }
    const concurrency = (core.#info?.concurrency ?? 1) * core.#slots.length;
    core.#calls = new Calls(concurrency, core.#plan.maxQueue, OWNER);
    return core;
  }

  get info(): PipelineInfo {
    return structuredClone(this.#info as PipelineInfo);
  }

  get pending(): number {
    return this.#calls.pending;
  }

  get disposed(): boolean {
    return this.#disposing !== undefined;
  }

  get failures(): PoolFailure[] {
    return this.#dispatcher.failures;
  }

  get stats(): PoolStats {
    const children = this.#slots.map(({ stats }) => stats);
    return {
      children,
      unpinned: this.#plan.unpinned,
      memoryPerChild: this.#plan.slot.load.memory,
      queued: this.#dispatcher.queued,
      active: children.reduce((sum, { active }) => sum + active, 0),
      ...this.#counts.sums,
      ...this.#dispatcher.counts,
    };
  }

  /** Not async, so that nothing holds the caller's pictures while the call waits. */
  generate(options: unknown, others: unknown, site: CallSite): Promise<GenerateResult> {
    this.#checkOpen(site);
    const read = readCall(GenerateSchema, options, others);
    refuseWhatCannotCross(read);
    throwIfAborted(read.signal);
    const { signal, onProgress, deadline, ...rest } = read;
    // What the call holds is copied.
    const copier = new OptionCopier(new CallPictures(this.#plan.rules), this.#plan.slot.process.folder);
    const copied = fixSeed(copier.copy(GenerateSchema, rest));
    const due = performance.now() + (deadline ?? Infinity);
    const call = { options: copied, onProgress, due, cost: workOf(copied, this.#info as PipelineInfo) };
    const result = this.#calls.run(site, { signal, deadline }, async (stop) => {
      // Others take their places in the order of their calls.
      if (copier.late) await copier.arrive(stop);
      return this.#run(call, stop, site);
    });
    return this.#keepAlive.during(this.#counts.count(result, signal));
  }

  async health(): Promise<PoolHealth> {
    const answers = this.#slots.map(async (slot) => {
      const answered = await slot.answers(HEALTH_WAIT);
      const { pid, state } = slot.stats;
      return { pid, state, answered };
    });
    const children = await Promise.all(answers);
    const state = this.#state;
    const ok = state === "open" && children.some((child) => child.state === "ready" && child.answered);
    return { ok, state, children, lastDeath: this.#dispatcher.lastDeath };
  }

  async drain(): Promise<void> {
    this.#draining = true;
    await this.#keepAlive.during(this.#calls.settled());
  }

  dispose(): Promise<void> {
    this.#disposing ??= this.#keepAlive.during(this.#close());
    return this.#disposing;
  }

  get #state(): PoolHealth["state"] {
    if (this.disposed) return "disposed";
    if (this.#dispatcher.failed) return "failed";
    return this.#draining ? "draining" : "open";
  }

  #checkOpen(site: CallSite): void {
    if (this.#draining && !this.disposed)
      throw site.attach(new DisposedError("this pool takes no more calls: drain() was called"));
    if (this.#dispatcher.failed) throw site.attach(this.#dispatcher.failure());
    this.#calls.checkRoom();
  }

  #watch(): SlotWatch {
    return {
      message: (slot, message) => this.#receive(slot, message),
      changed: () => this.#dispatcher.dispatch(),
      died: (slot, death) => this.#dispatcher.died(slot, death),
      late: () => this.#dispatcher.counts.late++,
    };
  }

  #receive(slot: Slot, message: FromChild): void {
    if (message.type === "download") this.#onDownload?.(message.event);
    else this.#dispatcher.receive(slot, message);
  }

  /** The first child fetches what is not there yet, and finds what is wrong with the options. */
  async #open(): Promise<void> {
    const [first, ...others] = this.#slots;
    this.#info = await first?.open();
    await Promise.all(others.map((slot) => slot.open()));
  }

  #run(call: JobCall, stop: AbortSignal, site: CallSite): Promise<GenerateResult> {
    const job: Job = new Job(call, this.#order++, (reason) => this.#dispatcher.stop(job, reason));
    const onStop = (): void => this.#dispatcher.stop(job, stop.reason);
    stop.addEventListener("abort", onStop, { once: true });
    this.#dispatcher.add(job, site);
    if (stop.aborted) onStop();
    return job.result;
  }

  async #close(): Promise<void> {
    this.#heartbeat.stop();
    await this.#calls.end(async () => {
      await Promise.all(this.#slots.map((slot) => slot.close()));
    });
  }
}
