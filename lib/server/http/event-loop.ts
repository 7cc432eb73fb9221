/** How late the server's own event loop is, for those who watch it. */
import { monitorEventLoopDelay } from "node:perf_hooks";

/** Milliseconds between two looks. */
const RESOLUTION = 10;

export class EventLoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION });

  constructor() {
    this.#histogram.enable();
  }

  /**
   * Begins anew with every reading, so each describes the time since the one before.
   * @returns seconds of lateness by quantile
   */
  read(): { quantile: string; seconds: number }[] {
    const quantiles = [0.5, 0.99, 1].map((quantile) => {
      const late = this.#histogram.count === 0 ? 0 : this.#histogram.percentile(quantile * 100) / 1e6 - RESOLUTION;
      return { quantile: String(quantile), seconds: Math.max(0, late) / 1000 };
    });
    this.#histogram.reset();
    return quantiles;
  }

  stop(): void {
    this.#histogram.disable();
  }
}
