/** One piece of work from its acceptance to its end. */
import type { GeneratedImage } from "../../index";

export type JobState = "queued" | "running" | "succeeded" | "failed" | "cancelled";

/** A finished picture as it is handed out. */
export interface JobImage {
  seed: number;
  width: number;
  height: number;
  /** media type of `bytes` */
  type: string;
  bytes: Buffer;
}

export interface JobProgress {
  /** model calls done, and in all */
  step: number;
  total: number;
  /** index of the picture that the step belongs to, and its seed */
  image: number;
  seed: number;
}

/** What watchers of a job are told. */
export type JobEvent = { type: "state" } | ({ type: "progress"; preview?: GeneratedImage } & JobProgress);

/** What a job does. It obeys the signal, and says how far it is. */
export type Work = (job: {
  signal: AbortSignal;
  /** milliseconds that are left of the job's deadline */
  left: number;
  report: (progress: JobProgress, preview?: GeneratedImage) => void;
}) => Promise<JobImage[]>;

export interface JobSpec {
  id: string;
  /** whose it is; nobody else sees it */
  owner: string;
  /** name of the model, for people and logs */
  model: string;
  /** tells another request with the same id from this one */
  fingerprint: string;
  /** milliseconds from acceptance within which it has to be done */
  deadline: number;
  /** of the request's pictures and numbers, which it holds until it is over */
  bytes: number;
  work: Work;
}

/** The reason of a signal that a cancelled job's work gets. */
export class JobCancelled extends Error {
  readonly code = "ERR_IPA_CANCELLED";
  constructor() {
    super("the job was cancelled");
  }
}

export class Job {
  readonly spec: Omit<JobSpec, "work">;
  /** milliseconds since 1970 */
  readonly created = Date.now();
  started: number | undefined;
  ended: number | undefined;
  progress: JobProgress | undefined;
  images: readonly JobImage[] = [];
  error: unknown;
  /** resolves when the job has ended, however it did */
  readonly done: Promise<void>;
  /** resolves when the owner has the outcome: every picture, or the error */
  readonly collected: Promise<void>;
  readonly #stop = new AbortController();
  readonly #fetched = new Set<number>();
  readonly #watchers = new Set<(event: JobEvent) => void>();
  readonly #late: NodeJS.Timeout;
  #state: JobState = "queued";
  /** what it holds, such as the pictures of the request, goes with it when the job is over */
  #work: Work | undefined;
  #resolve!: () => void;
  #collect!: () => void;

  /** @param late called when the deadline has passed before the job ended */
  constructor(spec: JobSpec, late: (job: Job) => void) {
    const { work, ...about } = spec;
    this.spec = about;
    this.#work = work;
    this.done = new Promise((resolve) => (this.#resolve = resolve));
    this.collected = new Promise((resolve) => (this.#collect = resolve));
    this.#late = setTimeout(() => late(this), spec.deadline);
  }

  get state(): JobState {
    return this.#state;
  }

  get over(): boolean {
    return this.ended !== undefined;
  }

  /** @returns what stops the watching */
  watch(watcher: (event: JobEvent) => void): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** Runs the work; never rejects. What ends the job first decides how it ended: work that goes on a little longer changes nothing. */
  async run(): Promise<void> {
    const work = this.#work;
    if (work === undefined) return;
    this.started = Date.now();
    this.#state = "running";
    this.#tell({ type: "state" });
    try {
      const images = await work({
        signal: this.#stop.signal,
        left: Math.max(1, this.created + this.spec.deadline - Date.now()),
        report: (progress, preview) => this.#report(progress, preview),
      });
      this.end("succeeded", { images });
    } catch (error) {
      this.end("failed", { error });
    }
  }

  /** The first end counts. @returns whether it was this one */
  end(state: "succeeded" | "failed" | "cancelled", outcome: { images?: JobImage[]; error?: unknown }): boolean {
    if (this.over) return false;
    clearTimeout(this.#late);
    this.#work = undefined;
    this.ended = Date.now();
    this.#state = state;
    this.images = outcome.images ?? [];
    this.error = outcome.error;
    if (state !== "succeeded") this.#stop.abort(outcome.error);
    this.#tell({ type: "state" });
    this.#watchers.clear();
    this.#resolve();
    return true;
  }

  /**
   * Something of the outcome has been handed out.
   * @param pictures indices of them; none: the state alone, which is all there is of a job without pictures
   */
  handedOut(pictures: Iterable<number> = this.images.keys()): void {
    for (const picture of pictures) this.#fetched.add(picture);
    if (this.over && this.#fetched.size >= this.images.length) this.#collect();
  }

  #report(progress: JobProgress, preview: GeneratedImage | undefined): void {
    if (this.over) return;
    this.progress = progress;
    this.#tell({ type: "progress", ...progress, ...(preview !== undefined && { preview }) });
  }

  #tell(event: JobEvent): void {
    for (const watcher of [...this.#watchers]) watcher(event);
  }
}
