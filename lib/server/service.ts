/** From options to finished pictures: the model, the call, the operator's word on the result, the file. Knows nothing of HTTP. */
import { randomUUID } from "node:crypto";

import { abortable } from "../abortable";
import {
  CrashError,
  type GenerateOptions,
  type GenerateResult,
  type GeneratedImage,
  type OutputFormat,
} from "../index";
import { atMost } from "./at-most";
import type { Settings } from "./config";
import type { Job, JobImage, Work } from "./jobs/job";
import { Jobs } from "./jobs/jobs";
import type { Engine } from "./models/engine";
import { Engines } from "./models/engines";
import { Models } from "./models/models";
import { checkCounts, checkSize, defaultSteps, requestBytes } from "./pictures/limits";
import { Problem, asProblem } from "./problem";

/** What a moderation hook is asked. */
export interface ModerationRequest {
  image: GeneratedImage;
  model: string;
  prompt: string;
  /** name of the key */
  owner: string;
  signal: AbortSignal;
}

/** false, or an object with the reason, refuses the picture. */
export type Moderate = (request: ModerationRequest) => unknown;

/** What the server tells its log. Prompts and pictures are not in it. */
export interface Log {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

export interface Order {
  owner: string;
  id?: string | undefined;
  model?: string | undefined;
  options: GenerateOptions;
  /** what stands in front of the options' names in messages */
  at?: string;
  format?: OutputFormat | undefined;
  /** of JPEG and WebP, 1 to 100 */
  quality?: number | undefined;
  /** tells another request with the same id from this one */
  fingerprint?: string;
}

export interface ServiceParts {
  settings: Settings;
  sources: ConstructorParameters<typeof Models<Engine>>[0];
  moderate: Moderate | undefined;
  log: Log;
}

/** Times that the first model is warmed up when its processes die. */
const WARM_UPS = 2;
/** Seconds for models to be unloaded, when the server ends. */
const UNLOADING = 10;

export class ImageService {
  readonly settings: Settings;
  readonly models: Models<Engine>;
  readonly jobs: Jobs;
  /** engines by model, as they were last used, for metrics */
  readonly engines = new Engines();
  readonly #moderate: Moderate | undefined;
  readonly #log: Log;
  #ready: boolean;
  /** a GPU of this process was lost, which a new process alone gets back */
  #lost = false;
  #warming: Promise<void> | undefined;
  /** fires when the server stops */
  readonly #stopped = new AbortController();

  constructor({ settings, sources, moderate, log }: ServiceParts) {
    this.settings = settings;
    this.#moderate = moderate;
    this.#log = log;
    this.#ready = !settings.warmUp;
    this.models = new Models(
      sources.map((source) => this.#telling(source)),
      {
        fallback: settings.fallback,
        memoryBudget: settings.memoryBudget,
        onError: (model, error) => log.error({ model, err: error }, "model cannot be loaded"),
      },
    );
    const { running, waiting, perKey, ...keep } = settings.queue;
    this.jobs = new Jobs({ running, queue: waiting, perOwner: perKey, ...keep }, (job) => this.#logEnd(job));
  }

  /** Whether this process can do its work; false: it has to be started anew. */
  get healthy(): boolean {
    return !this.#lost;
  }

  /** Says where a model runs once it is there, and why not on a GPU. */
  #telling(source: ServiceParts["sources"][number]): ServiceParts["sources"][number] {
    return {
      ...source,
      load: async (signal) => {
        const engine = await source.load(signal);
        const { device, dtype, deviceNote } = engine.info;
        this.#log.info({ model: source.name, device, dtype }, "model loaded");
        if (deviceNote !== undefined) this.#log.warn({ model: source.name, deviceNote }, "the model runs on the CPU");
        return engine;
      },
    };
  }

  /** Whether requests are welcome: the first model is warm or has done a job, and the server does not stop. */
  get ready(): boolean {
    return this.#ready && !this.#lost && !this.jobs.draining;
  }

  /**
   * Checks an order against the limits and accepts it.
   * @throws OptionError, ImageError, Problem
   */
  async order(order: Order): Promise<{ job: Job; created: boolean }> {
    const model = this.models.resolve(order.model);
    const { options, owner, id = randomUUID(), fingerprint = id, at = "" } = order;
    checkCounts(options, this.settings, at);
    await checkSize(options, this.settings, this.engines.get(model)?.info, at);
    const most = this.settings.limits.seconds * 1000;
    const deadline = Math.min(options.deadline ?? most, most);
    return this.jobs.submit({
      id,
      owner,
      model,
      fingerprint,
      deadline,
      bytes: requestBytes(options),
      work: this.#work(model, order),
    });
  }

  /**
   * Loads the first model and runs one step, so that the first client does not wait for it. Any number of calls do it once. It ends early when
   * the server stops.
   * @throws Problem whose cause is why the model cannot be loaded
   */
  warmUp(): Promise<void> {
    this.#warming ??= this.#warmUp();
    return this.#warming;
  }

  async #warmUp(): Promise<void> {
    for (let left = WARM_UPS - 1; this.#isCold(); left--) {
      try {
        await this.#runStep();
      } catch (error) {
        const crashed = error instanceof CrashError || (error as Error).cause instanceof CrashError;
        if (this.#isCold() && (!crashed || left === 0)) throw error;
      }
    }
  }

  /** Whether a warm-up is of use: a client's job may be done before it. */
  #isCold(): boolean {
    return !this.#ready && !this.#stopped.signal.aborted;
  }

  async #runStep(): Promise<void> {
    const { signal } = this.#stopped;
    const { pipeline, release } = await this.models.lease(undefined, signal);
    try {
      await pipeline.generate({ steps: 1, seed: 0, output: "image", signal });
      this.#ready = true;
    } finally {
      release();
    }
  }

  /**
   * Refuses new jobs, lets those that were accepted end, and unloads the models.
   * @param answering whether clients can still ask: they are given time to fetch what ended
   */
  async stop(answering: boolean): Promise<void> {
    const { drainSeconds, collectSeconds } = this.settings;
    this.#stopped.abort(new Error("the server stops"));
    await this.jobs.drain(drainSeconds);
    if (answering) await this.jobs.handOut(collectSeconds);
    await atMost(UNLOADING, this.models.close());
  }

  #work(model: string, order: Order): Work {
    return async ({ signal, left, report }) => {
      const { pipeline, release } = await this.models.lease(model, signal);
      try {
        this.engines.set(model, pipeline);
        await checkSize(order.options, this.settings, pipeline.info, order.at ?? "");
        const { images } = await generate(pipeline, {
          ...(order.options as GenerateOptions<"image">),
          ...defaultSteps(order.options, this.settings),
          // What nobody has judged yet is shown to nobody.
          ...(this.#moderate !== undefined && { preview: undefined }),
          output: "image",
          deadline: left,
          signal,
          onProgress: ({ step, total, image, seed, preview }) => report({ step, total, image, seed }, preview),
        });
        if (model === this.models.names[0]) this.#ready = true;
        for (const image of images) await this.#judge(image, model, order, signal);
        return await Promise.all(images.map((image) => encode(image, order)));
      } finally {
        release();
      }
    };
  }

  /** @throws Problem where the operator's hook refuses a picture. A hook that fails lets nothing pass. */
  async #judge(image: GeneratedImage, model: string, order: Order, signal: AbortSignal): Promise<void> {
    if (this.#moderate === undefined) return;
    const { owner, options } = order;
    const request = { image, model, prompt: options.prompt ?? "", owner, signal };
    // A hook that never answers does not keep the job's place.
    const answer = await abortable(Promise.resolve(this.#moderate(request)), signal);
    if (answer === undefined || answer === true) return;
    const { allowed, reason } = (typeof answer === "object" && answer !== null ? answer : {}) as {
      allowed?: unknown;
      reason?: unknown;
    };
    if (allowed === true) return;
    const why = typeof reason === "string" ? `: ${reason}` : "";
    throw new Problem(400, "moderation_blocked", `the picture was refused by this server's rules${why}`);
  }

  #logEnd({ spec, state, created, started, ended = 0, images, error }: Job): void {
    const details = {
      job: spec.id,
      owner: spec.owner,
      model: spec.model,
      state,
      pictures: images.length,
      waitedMs: (started ?? ended) - created,
      ranMs: started === undefined ? 0 : ended - started,
    };
    const { code } = (error ?? {}) as { code?: unknown };
    if (code === "ERR_IPA_DEVICE_LOST") this.#lost = true;
    // What the server did wrong is its operator's concern.
    if (state === "failed" && asProblem(error).status === 500)
      this.#log.error({ ...details, code, err: error }, "job failed");
    else if (state === "failed") this.#log.info({ ...details, code }, "job failed");
    else this.#log.info(details, "job ended");
  }
}

/** @throws Problem 503 where the engine broke before it worked on this */
async function generate(engine: Engine, options: GenerateOptions<"image">): Promise<GenerateResult> {
  try {
    return await engine.generate(options);
  } catch (error) {
    // Two deaths are this request's own; with fewer it only waited.
    if (!(error instanceof CrashError) || engine.usable || error.deaths.length > 1) throw error;
    throw new Problem(503, "model_unavailable", "the model's engine does not start any more: it is loaded anew", {
      cause: error,
      retryAfter: 30,
    });
  }
}

async function encode(image: GeneratedImage, { format = "png", quality }: Order): Promise<JobImage> {
  const bytes = await image.toBuffer(format, quality === undefined || format === "png" ? {} : { quality });
  return { seed: image.seed, width: image.width, height: image.height, type: `image/${format}`, bytes };
}
