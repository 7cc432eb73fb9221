/** The engines that made pictures, by model, and what is counted of them for the life of the server. */
import type { Engine } from "./engine";

/** What is counted of the processes of a model, over all times that it was loaded. */
export interface Counts {
  /** processes that died */
  deaths: number;
  /** calls that ran again because their process had died */
  rerun: number;
}

/** Each model's engine as it was last used. Its counts are kept when another takes its place. */
export class Engines extends Map<string, Engine> {
  /** what is in the sums already */
  readonly #seen = new WeakMap<Engine, Counts>();
  readonly #sums = new Map<string, Counts>();

  override set(model: string, engine: Engine): this {
    this.#count(model);
    return super.set(model, engine);
  }

  /** Sums by model. They never fall. */
  counts(): [model: string, Counts][] {
    for (const model of this.keys()) this.#count(model);
    return [...this.#sums];
  }

  #count(model: string): void {
    const engine = this.get(model);
    const now = engine?.processes;
    if (engine === undefined || now === undefined) return;
    const { deaths, rerun } = now;
    const seen = this.#seen.get(engine) ?? { deaths: 0, rerun: 0 };
    const sum = this.#sums.get(model) ?? { deaths: 0, rerun: 0 };
    this.#sums.set(model, { deaths: sum.deaths + deaths - seen.deaths, rerun: sum.rerun + rerun - seen.rerun });
    this.#seen.set(engine, { deaths, rerun });
  }
}
