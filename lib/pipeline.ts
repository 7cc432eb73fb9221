import type { ImageEmbeds } from "./embeds/image-embeds";
import type { BatchOptions, ItemWatch } from "./batch";
import type { CallInputs } from "./call-inputs";
import { EngineCalls } from "./engine-calls";
import { OptionError } from "./errors";
import type { ImageInput } from "./image/input";
import { type PictureRules, pictureRules } from "./image/rules";
import type { Fitter } from "./image/snapshot";
import { lazily } from "./load-failure";
import type { LoadedModel } from "./load-model";
import { placeFiles } from "./load-request";
import type { LoadRecord } from "./metadata/load-record";
import { throwIfAborted } from "./abort-signal";
import { CallSite } from "./native/call";
import type {
  Done,
  LoadedParts,
  NativeAddon,
  NativeError,
  NativeGenerateRequest,
  NativeJob,
  NativeMemoryEstimate,
  NativePipeline,
  PipelineInfo,
  PipelineStats,
} from "./native/contract";
import { loadAddon } from "./native/load";
import { readCall, readLoad } from "./options/call-arguments";
import type { PartChange } from "./part-changes";
import type { PromptEncoder } from "./prompt/encode";
import type { TextEngine } from "./prompt/encode-calls";
import type { EncodedPrompts } from "./prompt/prompt-embeds";
import type { ReadEstimateOptions } from "./read-options";
import type {
  AdapterOptions,
  ChangeOptions,
  ControlOptions,
  EncodeImageOptions,
  EncodePromptOptions,
  EncodeTextOptions,
  EstimateOptions,
  GenerateOptions,
  GenerateOutput,
  GenerateResult,
  LoadOptions,
  LoraOptions,
  MemoryEstimate,
} from "./types";

const batches = lazily(() => require("./batch") as typeof import("./batch"));
const loadRecords = lazily(() => require("./metadata/load-record") as typeof import("./metadata/load-record"));
const generating = lazily(() => require("./generate-call") as typeof import("./generate-call"));
const inputs = lazily(() => require("./call-inputs") as typeof import("./call-inputs"));
const schemas = lazily(() => require("./options/generate-schema") as typeof import("./options/generate-schema"));
const estimate = lazily(() => require("./options/estimate-schema") as typeof import("./options/estimate-schema"));
const pictures = lazily(() => require("./encode-image") as typeof import("./encode-image"));
const changes = lazily(() => require("./part-changes") as typeof import("./part-changes"));
const texts = lazily(() => require("./prompt/encode-calls") as typeof import("./prompt/encode-calls"));
const loading = lazily(() => require("./load-model") as typeof import("./load-model"));

/** What only load() has. */
const LOADED = Symbol("loaded");

/** A model with its adapters in memory. Calls may run at the same time; free it with dispose() or `await using`. */
export class Pipeline implements AsyncDisposable {
  readonly #addon: Fitter["addon"];
  readonly #native: NativePipeline;
  readonly #encoders: readonly PromptEncoder[];
  #info: PipelineInfo;
  readonly #calls: EngineCalls;
  readonly #rules: PictureRules;
  #record: LoadRecord;
  #disposing: Promise<void> | undefined;

  private constructor(model: LoadedModel, from?: typeof LOADED) {
    // JavaScript lets everyone in.
    if (from !== LOADED) throw new OptionError("", "new Pipeline() loads nothing: use await Pipeline.load(options)");
    const { addon, native, info, encoders, read, request } = model;
    this.#record = loadRecords().recordLoad(read, request);
    this.#addon = addon;
    this.#native = native;
    this.#info = info;
    this.#calls = new EngineCalls(info.concurrency, read.maxQueue);
    this.#rules = pictureRules(read);
    this.#encoders = encoders;
  }

  /**
   * Loads a model and its adapters; without options, the small model that ships with the package.
   * Names on the Hugging Face hub are fetched into its cache first.
   * @throws OptionError; ERR_IPA_NOT_FOUND; HubError; ERR_IPA_MISMATCH when the parts do not fit; signal.reason
   */
  static async load(options?: LoadOptions): Promise<Pipeline>;
  /** The same with the model in front. */
  static async load(model: string | URL, options?: Omit<LoadOptions, "model">): Promise<Pipeline>;
  static async load(first: LoadOptions | string | URL = {}, others?: LoadOptions): Promise<Pipeline> {
    return Pipeline.loadWith(loadAddon, first, new CallSite(), others);
  }

  /** @internal The same with another addon. */
  static async loadWith(
    addon: () => NativeAddon,
    first: LoadOptions | string | URL,
    site: CallSite,
    others?: LoadOptions,
  ): Promise<Pipeline> {
    return new Pipeline(await loading().loadModel(addon, readLoad(first, others), site), LOADED);
  }

  /** Family, own size, schedulers, adapters, parameters and memory of what was loaded. */
  get info(): PipelineInfo {
    return structuredClone(this.#info);
  }

  /** Calls that wait or run, changes of adapters and LoRAs included. */
  get pending(): number {
    return this.#calls.pending;
  }

  /** What the engine does now, and has done: its queue, how many calls run as one, how long a step takes. */
  stats(): PipelineStats {
    return this.#native.stats();
  }

  /** true from the first call of dispose() on */
  get disposed(): boolean {
    return this.#calls.ended;
  }

  /**
   * Makes pictures from a text prompt, image prompts, or both. All inputs are read and copied before the call returns
   * its promise, but for files, Blobs and streams.
   * @param options all of them, or the prompt alone
   * @param others the other options, where the prompt stands alone
   * @throws OptionError, ImageError, DisposedError, ERR_IPA_BUSY, signal.reason, or what onProgress threw
   */
  async generate<Output extends GenerateOutput = "image">(
    options: GenerateOptions<Output> | string = {},
    others?: GenerateOptions<Output> & { prompt?: undefined },
  ): Promise<GenerateResult<Output>> {
    const site = new CallSite();
    // What the engine makes is what `output` asked for.
    return this.#plan(options, others, site)() as Promise<GenerateResult<Output>>;
  }

  /**
   * Makes pictures of several calls: item i with its own prompt, pictures, seed and options, never mixed. All items are checked, and
   * what they hold is copied, before the first is run. They run in order.
   * @param items options of generate(), or prompts; `signal` and `onProgress` are the batch's
   * @returns the result of each, in order
   * @throws OptionError, whose option begins with `items[i]`, before anything is run; BatchError with the item that failed and the
   * results of those before it; signal.reason; what onProgress threw
   */
  async generateBatch<Output extends GenerateOutput = "image">(
    items: readonly (GenerateOptions<Output> | string)[],
    options: BatchOptions = {},
  ): Promise<GenerateResult<Output>[]> {
    const site = new CallSite();
    const plan = (item: unknown, watch: ItemWatch): (() => Promise<GenerateResult>) =>
      this.#plan(item, undefined, site, watch);
    return batches().runBatch(items, options, plan) as Promise<GenerateResult<Output>[]>;
  }

  /**
   * Bytes that generate() with these options takes at its peak: every plan is made, nothing is run. Pictures are counted in the sizes that
   * the engine gets them in. One is read only where its own size counts: `image` without width and height or with maskCrop, and `fit: "tile"`.
   * Waits for calls that were made before it.
   * @throws OptionError, DisposedError
   */
  async estimateMemory(
    options: EstimateOptions | string = {},
    others?: EstimateOptions & { prompt?: undefined },
  ): Promise<MemoryEstimate> {
    const site = new CallSite();
    return this.#estimateMemory(options, others, site);
  }

  /**
   * The image encoder's output for one picture, to pass as `embeds` any number of times, or to saveEmbeds() and combineEmbeds().
   * @returns base adapters: embedSize floats; plus and full: the hidden states
   */
  async encodeImage(image: ImageInput, options: EncodeImageOptions = {}): Promise<ImageEmbeds> {
    const site = new CallSite();
    const engine = { native: this.#native, info: () => this.#info, rules: this.#rules, calls: this.#calls };
    return pictures().encodeImageWith(engine, image, options, { addon: this.#addon, site });
  }

  /**
   * What the text encoders make of a prompt, its weights and chunks included, to pass as `promptEmbeds`: any number of times, or mixed with
   * others. With `negativePrompt`, or where the model has none by itself, of the negative prompt too, in as many chunks.
   * @returns features of [77 * chunks, info.textSize], and with SDXL pooled ones of [info.pooledSize]
   * @throws OptionError, DisposedError, signal.reason
   */
  async encodePrompt(prompt: string, options: EncodePromptOptions = {}): Promise<EncodedPrompts> {
    const site = new CallSite();
    return texts().encodePromptWith(this.#text, prompt, options, site);
  }

  /**
   * The projected text embedding of SDXL's second text encoder. CLIP's image encoder of the same size (bigG) makes embeddings in the same
   * space, so what a text means can be taken from a picture's: combineEmbeds([picture, text], "subtract").
   * @param prompt plain text: brackets have no meaning
   * @throws OptionError for a model without that encoder
   */
  async encodeText(prompt: string, options: EncodeTextOptions = {}): Promise<ImageEmbeds> {
    const site = new CallSite();
    return texts().encodeTextWith(this.#text, prompt, options, site);
  }

  /**
   * Replaces all adapters; the model stays in memory, and so do adapters that are in both lists. Calls made before it use the old
   * ones, calls made after it the new ones. An empty list unloads all. On an error nothing has changed.
   * @throws as Pipeline.load()
   */
  async setAdapters(adapters: readonly (AdapterOptions | string | URL)[], options: ChangeOptions = {}): Promise<void> {
    const site = new CallSite();
    this.#calls.checkOpen();
    return this.#change(site, changes().readAdapterChange(adapters, options));
  }

  /**
   * Replaces all structure controls in the same way. A control that is in both lists stays in memory.
   * @throws as Pipeline.load()
   */
  async setControls(controls: readonly (ControlOptions | string | URL)[], options: ChangeOptions = {}): Promise<void> {
    const site = new CallSite();
    this.#calls.checkOpen();
    return this.#change(site, changes().readControlChange(controls, options));
  }

  /**
   * Replaces all LoRAs in the same way. Only the weights that the old or new ones change are read again, from the model's file, so
   * without LoRAs every bit is as it was.
   * @throws as Pipeline.load()
   */
  async setLoras(loras: readonly (LoraOptions | string | URL)[], options: ChangeOptions = {}): Promise<void> {
    const site = new CallSite();
    this.#calls.checkOpen();
    return this.#change(site, changes().readLoraChange(loras, options));
  }

  /** Refuses new calls, cancels running ones, waits for them and frees the weights. Any number of calls share one promise. */
  dispose(): Promise<void> {
    this.#disposing ??= this.#close();
    return this.#disposing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  /**
   * Checks a call and copies what it holds; what it returns runs it, once.
   * Not async, so that nothing holds the caller's pictures while the call waits.
   */
  #plan(options: unknown, others: unknown, site: CallSite, watch?: ItemWatch): () => Promise<GenerateResult> {
    this.#calls.checkRoom();
    const read = readCall(schemas().GenerateSchema, options, others);
    const loaded = { info: () => this.#info, record: () => this.#record };
    const engine = { addon: this.#addon, native: this.#native, calls: this.#calls, ...loaded };
    const watched = watch ?? { signal: read.signal, onProgress: read.onProgress };
    throwIfAborted(watched.signal);
    return generating().plannedCall(engine, read, this.#read(read), site, watched);
  }

  #estimateMemory(options: unknown, others: unknown, site: CallSite): Promise<MemoryEstimate> {
    this.#calls.checkRoom();
    const held = this.#read(readCall(estimate().EstimateSchema, options, others));
    const made = this.#calls.call<NativeGenerateRequest, NativeMemoryEstimate>(
      site,
      {},
      {
        pictures: held.measured(),
        prepare: (stop) => held.prepare(this.#info, "sizes", stop),
        start: (prepared, done) => this.#native.estimateMemory(prepared, done),
      },
    );
    return made.then(toEstimate);
  }

  /** What a call holds, checked and copied. */
  #read(read: ReadEstimateOptions): CallInputs {
    return new (inputs().CallInputs)(read, { info: this.#info, encoders: this.#encoders, rules: this.#rules });
  }

  /** What prompts are encoded with. */
  get #text(): TextEngine {
    return { native: this.#native, info: this.#info, encoders: this.#encoders, calls: this.#calls };
  }

  async #change(site: CallSite, { read, requests, start }: PartChange): Promise<void> {
    const place = (signal: AbortSignal): Promise<void> => placeFiles(requests, { ...read, signal }, site);
    const begin = (done: Done<LoadedParts>): NativeJob => start(this.#native, done);
    await this.#calls.change(site, read.signal, place, begin, (parts) => {
      this.#info = { ...this.#info, ...parts };
      const { changedRecord, recordLoad } = loadRecords();
      this.#record = changedRecord(this.#record, recordLoad(read, requests));
    });
  }

  async #close(): Promise<void> {
    const error = await this.#calls.end(
      () => new Promise<NativeError | null>((resolve) => this.#native.close((failed) => resolve(failed))),
    );
    if (error !== null) throw new CallSite().toError(error);
  }
}

function toEstimate({ weights, working, tile, devices }: NativeMemoryEstimate): MemoryEstimate {
  const onDevices: MemoryEstimate["devices"] = {};
  for (const [name, one] of Object.entries(devices)) onDevices[name] = { ...one, total: one.weights + one.working };
  return { weights, working, total: weights + working, tiled: tile > 0, devices: onDevices };
}
