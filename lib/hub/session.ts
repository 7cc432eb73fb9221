/** What one call of the API has to do with the hub: its settings, its signal, its progress. */
import { throwIfAborted, type AbortSignalLike } from "../abort-signal";
import { Stop } from "../abortable";
import { type DownloadProgressEvent, progressCaller } from "../progress";
import { HubClient } from "./client";
import { cacheFolder, endpoint, findToken, offlineReason } from "./settings";

export interface HubOptions {
  token?: string | undefined;
  offline?: boolean | undefined;
  signal?: AbortSignalLike | undefined;
  onProgress?: ((event: DownloadProgressEvent) => unknown) | undefined;
}

export class HubSession {
  readonly #options: HubOptions;
  /** with the caller's signal, and when onProgress throws */
  readonly #stop: Stop;
  readonly report: (event: DownloadProgressEvent) => void;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#stop = new Stop(options.signal);
    this.report = progressCaller(
      (event) => options.onProgress?.(event),
      (reason) => this.#stop.now(reason),
    );
  }

  get cache(): string {
    return cacheFolder();
  }

  /** What keeps the network from being used. */
  get offline(): string | undefined {
    return offlineReason(this.#options.offline);
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  async client(repo: string): Promise<HubClient> {
    return new HubClient(endpoint(), repo, await findToken(this.#options.token), this.signal);
  }

  throwIfAborted(): void {
    throwIfAborted(this.signal);
  }

  /** To be called at the end of the work. No `using`: Node 20 has no Symbol.dispose in the vm contexts of test runners. */
  end(): void {
    this.#stop.release();
  }
}
