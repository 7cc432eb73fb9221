/** The operator's models: loaded when they are first asked for, unloaded when the memory is wanted for another. */
import { abortable } from "../../abortable";
import { Problem } from "../problem";

/** What is needed of a model here. */
export interface Loaded {
  readonly memoryBytes: number;
  /** false: it broke, and has to be loaded anew */
  readonly usable: boolean;
  dispose(): Promise<void>;
}

export interface ModelSource<P extends Loaded> {
  name: string;
  aliases: readonly string[];
  /** @param signal fires when nobody waits for the model any more, and when the server ends */
  load: (signal: AbortSignal) => Promise<P>;
}

/** A model in use. It stays in memory until it is released. */
export interface Lease<P> {
  pipeline: P;
  release: () => void;
}

/** A model that is loaded, or on its way. */
interface Entry<P extends Loaded> {
  name: string;
  loading: Promise<P>;
  loaded: P | undefined;
  /** ends the load */
  stop: AbortController;
  /** those who wait for it or use it */
  users: number;
  /** called when the last user has gone */
  onIdle: (() => void) | undefined;
}

export interface ModelsOptions {
  /** name for those that are not known */
  fallback: string | undefined;
  /** bytes */
  memoryBudget: number;
  /** told of what the client is not: why loading failed */
  onError: (name: string, error: unknown) => void;
}

export class Models<P extends Loaded> {
  readonly #sources: readonly ModelSource<P>[];
  readonly #options: ModelsOptions;
  /** least recently used first */
  readonly #entries = new Map<string, Entry<P>>();
  /** what each took when it was last loaded */
  readonly #sizes = new Map<string, number>();
  /** one model is loaded or unloaded at a time, in the order in which they were asked for */
  #turn: Promise<unknown> = Promise.resolve();
  #closing = false;

  constructor(sources: readonly ModelSource<P>[], options: ModelsOptions) {
    this.#sources = sources;
    this.#options = options;
  }

  /** Names in the operator's order. */
  get names(): string[] {
    return this.#sources.map(({ name }) => name);
  }

  get aliases(): string[] {
    return this.#sources.flatMap(({ aliases }) => aliases);
  }

  /** Bytes of what is loaded, by name. */
  get loaded(): Record<string, number> {
    const entries = [...this.#entries.values()].flatMap(({ name, loaded }) =>
      loaded === undefined ? [] : [[name, loaded.memoryBytes] as const],
    );
    return Object.fromEntries(entries);
  }

  /**
   * @param asked undefined: the first model
   * @returns the model's own name
   * @throws Problem 404
   */
  resolve(asked: string | undefined): string {
    return this.#source(asked).name;
  }

  /**
   * The model in memory. All who ask while it is loaded wait for the same load, which ends when none of them waits any more.
   * @throws Problem 404, 503; the signal's reason
   */
  async lease(asked: string | undefined, signal: AbortSignal): Promise<Lease<P>> {
    signal.throwIfAborted();
    const source = this.#source(asked);
    const entry = this.#usable(source.name) ?? this.#load(source);
    // Last in the order of use.
    this.#entries.delete(source.name);
    this.#entries.set(source.name, entry);
    entry.users++;
    const release = once(() => this.#leave(entry));
    try {
      return { pipeline: await abortable(entry.loading, signal), release };
    } catch (error) {
      release();
      if (signal.aborted) throw error;
      throw new Problem(503, "model_unavailable", `the model "${source.name}" cannot be loaded now`, { cause: error, retryAfter: 30 });
    }
  }

  /** Ends loads, and unloads all, once their users have gone. */
  async close(): Promise<void> {
    this.#closing = true;
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const { loaded, stop } of entries) if (loaded === undefined) stop.abort(new Error("the server ends"));
    await Promise.all(entries.map((entry) => this.#unload(entry)));
    // Loads that were given up end too.
    await this.#turn;
  }

  #source(asked: string | undefined): ModelSource<P> {
    const find = (wanted: string | undefined): ModelSource<P> | undefined =>
      this.#sources.find(({ name, aliases }) => wanted !== undefined && (name === wanted || aliases.includes(wanted)));
    const source = asked === undefined ? this.#sources[0] : (find(asked) ?? find(this.#options.fallback));
    if (source !== undefined) return source;
    const known = this.names.join(", ");
    throw new Problem(404, "model_not_found", `there is no model "${(asked ?? "").slice(0, 80)}": there are ${known}`, {
      param: "model",
    });
  }

  /** One that broke is unloaded when its users have gone. */
  #usable(name: string): Entry<P> | undefined {
    const entry = this.#entries.get(name);
    if (entry?.loaded?.usable !== false) return entry;
    this.#entries.delete(name);
    void this.#unload(entry);
    return undefined;
  }

  #load(source: ModelSource<P>): Entry<P> {
    const { name } = source;
    const stop = new AbortController();
    const { signal } = stop;
    const loading = this.#turn.then(async () => {
      await this.#makeRoom(name, this.#sizes.get(name) ?? 0);
      signal.throwIfAborted();
      const pipeline = await source.load(signal);
      if (signal.aborted) {
        await pipeline.dispose();
        throw signal.reason;
      }
      entry.loaded = pipeline;
      this.#sizes.set(name, pipeline.memoryBytes);
      // How large it is was not known before its first load.
      await this.#makeRoom(name, pipeline.memoryBytes);
      return pipeline;
    });
    const entry: Entry<P> = { name, loading, loaded: undefined, stop, users: 0, onIdle: undefined };
    this.#turn = loading.catch((error: unknown) => {
      // The next one who asks tries again.
      this.#forget(entry);
      if (!this.#closing) this.#options.onError(name, error);
    });
    return entry;
  }

  /** Unloads others until so many bytes fit, or none is left. Nobody new gets one that has to go; its users end first. */
  async #makeRoom(name: string, bytes: number): Promise<void> {
    for (;;) {
      const others = [...this.#entries.values()].filter((entry) => entry.name !== name && entry.loaded !== undefined);
      const total = others.reduce((sum, { loaded }) => sum + (loaded?.memoryBytes ?? 0), bytes);
      const oldest = others.find(({ users }) => users === 0) ?? others[0];
      if (total <= this.#options.memoryBudget || oldest === undefined) return;
      this.#entries.delete(oldest.name);
      await this.#unload(oldest);
    }
  }

  async #unload(entry: Entry<P>): Promise<void> {
    if (entry.users > 0) await new Promise<void>((resolve) => (entry.onIdle = resolve));
    const pipeline = await entry.loading.catch(() => undefined);
    await pipeline?.dispose();
  }

  #leave(entry: Entry<P>): void {
    entry.users--;
    if (entry.users > 0) return;
    if (entry.loaded === undefined) {
      // Others wait for their turn. Who asks for it again begins anew.
      this.#forget(entry);
      entry.stop.abort(new Error("nobody waited for it any more"));
    }
    entry.onIdle?.();
  }

  #forget(entry: Entry<P>): void {
    if (this.#entries.get(entry.name) === entry) this.#entries.delete(entry.name);
  }
}

function once(run: () => void): () => void {
  let ran = false;
  return () => {
    if (!ran) run();
    ran = true;
  };
}
