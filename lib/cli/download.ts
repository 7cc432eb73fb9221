/** What commands say while files come from the Hugging Face hub. */
import type { DownloadProgressEvent } from "../progress";
import type { Environment } from "./environment";
import { progressFor, formatBytes, type Progress } from "./report";

/** `onProgress` for load(), inspect() and pull(); call end() when they are done. */
export class DownloadReport {
  readonly #environment: Environment;
  readonly #json: boolean;
  #progress: Progress | undefined;
  #repo = "";

  constructor(environment: Environment, json: boolean) {
    this.#environment = environment;
    this.#json = json;
  }

  onProgress = (event: DownloadProgressEvent): void => {
    const { err, now } = this.#environment;
    const { repo, file, bytes, size } = event;
    if (this.#json) {
      this.#environment.json(event);
      return;
    }
    if (repo !== this.#repo) {
      this.end();
      this.#repo = repo;
      err.write(`fetching ${formatBytes(size)} from ${repo}\n`);
      const words = { what: "fetched", show: formatBytes };
      this.#progress = progressFor(err, now, false, words);
    }
    this.#progress?.update(bytes, size, file);
  };

  end(): void {
    this.#progress?.end();
    this.#progress = undefined;
  }
}
