/** What one call of the API has to do with the hub: its settings, its signal, its progress. */
import { throwIfAborted, type AbortSignalLike } from "../abort-signal";
import type { DownloadProgressEvent } from "../progress";
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
  /** fires with the caller's signal, which may be of another realm, and when onProgress throws */
  readonly #controller = new AbortController();
  readonly #onAbort = (): void => this.#controller.abort(this.#options.signal?.reason);

  constructor(options: HubOptions) {
    this.#options = options;
    options.signal?.addEventListener("abort", this.#onAbort);
    if (options.signal?.aborted === true) this.#onAbort();
  }

  get cache(): string {
    return cacheFolder();
  }

  /** What keeps the network from being used. */
  get offline(): string | undefined {
    return offlineReason(this.#options.offline);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  async client(repo: string): Promise<HubClient> {
    return new HubClient(endpoint(), repo, await findToken(this.#options.token), this.signal);
  }

  report(event: DownloadProgressEvent): void {
    const fail = (reason: unknown): void => this.#controller.abort(reason);
    try {
      // An async callback's rejection counts like a throw.
      Promise.resolve(this.#options.onProgress?.(event)).catch(fail);
    } catch (error) {
      fail(error);
    }
  }

  throwIfAborted(): void {
    throwIfAborted(this.signal);
  }

  /** To be called at the end of the work. No `using`: Node 20 has no Symbol.dispose in the vm contexts of test runners. */
  end(): void {
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }
}
