/** A call of a pool until it has its result or error, which it gets once. */
import type { ChildDeath } from "../errors";
import { progressCaller } from "../progress";
import type { ProgressEvent } from "../progress";
import type { GenerateResult } from "../types";
import type { FromChild, PlainOptions } from "./messages";
import { fromPlainProgress } from "./plain-result";

export interface JobCall {
  options: PlainOptions;
  onProgress: ((event: ProgressEvent) => unknown) | undefined;
  /** milliseconds by performance.now() */
  due: number;
  /** how much work it is, in steps times pixels */
  cost: number;
}

type SentPicture = Extract<FromChild, { type: "picture" }>["picture"];

export class Job {
  readonly options: PlainOptions;
  readonly watched: boolean;
  readonly priority: number;
  readonly due: number;
  readonly cost: number;
  /** place in the order of calls */
  readonly order: number;
  readonly result: Promise<GenerateResult>;
  /** of the children that had it */
  readonly deaths: ChildDeath[] = [];
  readonly #progress: (event: ProgressEvent) => void;
  #pictures: SentPicture[] = [];
  #settled = false;
  #resolve!: (result: GenerateResult) => void;
  #reject!: (reason: unknown) => void;

  /** @param stop ends the call, wherever it is */
  constructor({ options, onProgress, due, cost }: JobCall, order: number, stop: (reason: unknown) => void) {
    this.options = options;
    this.watched = onProgress !== undefined;
    this.priority = (options["priority"] as number | undefined) ?? 0;
    this.due = due;
    this.cost = cost;
    this.order = order;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#progress = progressCaller((event: ProgressEvent) => onProgress?.(event), stop);
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** What an earlier child made of it is gone. */
  begin(): void {
    this.#pictures = [];
  }

  progress(event: Extract<FromChild, { type: "progress" }>["event"]): void {
    if (!this.#settled) this.#progress(fromPlainProgress(event));
  }

  addPicture(picture: SentPicture): void {
    if (!this.#settled) this.#pictures.push(picture);
  }

  get pictures(): readonly SentPicture[] {
    return this.#pictures;
  }

  succeed(result: GenerateResult): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#resolve(result);
  }

  fail(reason: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#pictures = [];
    this.#reject(reason);
  }

  /** Whether it goes before another: by priority, then deadline, then the order of calls. */
  before(other: Job): boolean {
    if (this.priority !== other.priority) return this.priority > other.priority;
    return this.due !== other.due ? this.due < other.due : this.order < other.order;
  }
}
