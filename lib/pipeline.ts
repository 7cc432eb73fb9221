import { abortable, eitherSignal } from "./abortable";
import { CallQueue } from "./call-queue";
import type { ImageEmbeds } from "./embeds/image-embeds";
import { DisposedError, IpAdapterError, OptionError } from "./errors";
import { generateRequest } from "./generate-request";
import { progressReport, toResult } from "./generate-result";
import type { ImageInput, RgbImage } from "./image/input";
import { CallPictures, type PictureRules, pictureRules } from "./image/rules";
import { type Fitter, PictureSnapshot, arrival } from "./image/snapshot";
import { checkAdapter, checkTakesPictures, snapshotPrompts, toBranchSizes, toBranches, toEmbeds } from "./image-prompt";
import { lazily } from "./load-failure";
import { adapterRequests, loadRequest, loraRequests, placeFiles } from "./load-request";
import { loadTokenizers, nameEmbeddings } from "./model-text";
import { type AbortSignalLike, throwIfAborted } from "./abort-signal";
import { CallSite, startNative } from "./native/call";
import type {
  AdapterInfo,
  Done,
  LoadedParts,
  NativeAddon,
  NativeGenerateRequest,
  NativeJob,
  NativeMemoryEstimate,
  NativePipeline,
  NativeResult,
  PipelineInfo,
} from "./native/contract";
import { loadAddon } from "./native/load";
import { readSignal } from "./options/read-signal";
import { EncodeImageSchema, EstimateSchema, GenerateSchema } from "./options/generate-schema";
import { AdaptersSchema, ChangeSchema, LorasSchema } from "./options/load-schema";
import { readCall, readLoad } from "./options/call-arguments";
import { checkValue, readOptions } from "./options/validate";
import type { PromptEncoder } from "./prompt/encode";
import type { ReadLoadOptions } from "./read-options";
import { type NativeSource, readsSize, snapshotSource, toSource, toSourceSizes } from "./source-image";
import type {
  AdapterOptions,
  ChangeOptions,
  EncodeImageOptions,
  EstimateOptions,
  GenerateOptions,
  GenerateOutput,
  GenerateResult,
  LoadOptions,
  LoraOptions,
  MemoryEstimate,
} from "./types";

const configs = lazily(() => require("./original-config") as typeof import("./original-config"));

/** What only load() has. */
const LOADED = Symbol("loaded");

/** A model with its adapters in memory. Calls may run at the same time; free it with dispose() or `await using`. */
export class Pipeline implements AsyncDisposable {
  readonly #addon: Fitter["addon"];
  readonly #native: NativePipeline;
  readonly #encoders: readonly PromptEncoder[];
  #info: PipelineInfo;
  /** calls that have not settled, and native jobs that have not ended */
  readonly #running = new Set<Promise<unknown>>();
  readonly #queue: CallQueue;
  readonly #rules: PictureRules;
  /** fires on dispose(), for what is not the engine's work */
  readonly #ending = new AbortController();
  readonly #ended = readSignal(this.#ending.signal, "signal");
  #disposing: Promise<void> | undefined;

  private constructor(
    addon: Fitter["addon"],
    native: NativePipeline,
    info: PipelineInfo,
    encoders: readonly PromptEncoder[],
    options: LoadOptions,
    from?: typeof LOADED,
  ) {
    // JavaScript lets everyone in.
    if (from !== LOADED) throw new OptionError("", "new Pipeline() loads nothing: use await Pipeline.load(options)");
    this.#addon = addon;
    this.#native = native;
    this.#info = info;
    this.#queue = new CallQueue(options.maxQueue);
    this.#rules = pictureRules(options);
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
    const read = readLoad(first, others);
    const request = loadRequest(read);
    const { signal } = read;
    throwIfAborted(signal);
    await placeFiles(request, read, site);
    await configs().addOriginalConfigs(request, read);
    throwIfAborted(signal);
    const close = (native: NativePipeline): Promise<void> => new Promise((resolve) => native.close(() => resolve()));
    const native = await startNative<NativePipeline>(
      site,
      signal,
      (done) => addon().load(request, done),
      (late) => void close(late),
    ).result;
    try {
      const info = structuredClone(native.info());
      nameEmbeddings(read, request, info);
      const encoders = await loadTokenizers(request.model, info, signal);
      throwIfAborted(signal);
      return new Pipeline(addon(), native, info, encoders, read, LOADED);
    } catch (error) {
      await close(native);
      throw error;
    }
  }

  /** Family, own size, schedulers, adapters, parameters and memory of what was loaded. */
  get info(): PipelineInfo {
    return structuredClone(this.#info);
  }

  /** Calls that wait or run, changes of adapters and LoRAs included. */
  get pending(): number {
    return this.#queue.pending;
  }

  /** true from the first call of dispose() on */
  get disposed(): boolean {
    return this.#disposing !== undefined;
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
    return this.#call(() => this.#generate(options, others, site)) as Promise<GenerateResult<Output>>;
  }

  /**
   * Bytes that generate() with these options takes at its peak: every plan is made, nothing is run. Pictures among the
   * image prompts are not read; their own bytes are not counted. Waits for calls that were made before it.
   * @throws OptionError, DisposedError
   */
  async estimateMemory(
    options: EstimateOptions | string = {},
    others?: EstimateOptions & { prompt?: undefined },
  ): Promise<MemoryEstimate> {
    const site = new CallSite();
    return this.#call(() => this.#estimateMemory(options, others, site));
  }

  /**
   * The image encoder's output for one picture, to pass as `embeds` any number of times, or to saveEmbeds() and combineEmbeds().
   * @returns base adapters: embedSize floats; plus and full: the hidden states
   */
  async encodeImage(image: ImageInput, options: EncodeImageOptions = {}): Promise<ImageEmbeds> {
    const site = new CallSite();
    return this.#call(() => this.#encodeImage(image, options, site));
  }

  /**
   * Replaces all adapters; the model stays in memory, and so do adapters that are in both lists. Calls made before it use the old
   * ones, calls made after it the new ones. An empty list unloads all. On an error nothing has changed.
   * @throws as Pipeline.load()
   */
  async setAdapters(adapters: readonly (AdapterOptions | string | URL)[], options: ChangeOptions = {}): Promise<void> {
    const site = new CallSite();
    this.#checkAlive();
    const read: ReadLoadOptions = {
      ...readOptions(ChangeSchema, options),
      adapters: checkValue(AdaptersSchema, adapters, "adapters") as AdapterOptions[],
    };
    const requests = adapterRequests(read.adapters ?? []);
    const place = (signal: AbortSignal): Promise<void> => placeFiles({ adapters: requests }, { ...read, signal }, site);
    return this.#change(site, read.signal, place, (done) => this.#native.setAdapters(requests, done));
  }

  /**
   * Replaces all LoRAs in the same way. Only the weights that the old or new ones change are read again, from the model's file, so
   * without LoRAs every bit is as it was.
   * @throws as Pipeline.load()
   */
  async setLoras(loras: readonly (LoraOptions | string | URL)[], options: ChangeOptions = {}): Promise<void> {
    const site = new CallSite();
    this.#checkAlive();
    const read: ReadLoadOptions = {
      ...readOptions(ChangeSchema, options),
      loras: checkValue(LorasSchema, loras, "loras") as LoraOptions[],
    };
    const requests = loraRequests(read.loras ?? []);
    const place = (signal: AbortSignal): Promise<void> => placeFiles({ loras: requests }, { ...read, signal }, site);
    return this.#change(site, read.signal, place, (done) => this.#native.setLoras(requests, done));
  }

  /** Refuses new calls, cancels running ones, waits for them and frees the weights. Any number of calls share one promise. */
  dispose(): Promise<void> {
    this.#disposing ??= this.#close();
    return this.#disposing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  // Not async, so that nothing holds the caller's pictures while the call waits.
  #generate(options: unknown, others: unknown, site: CallSite): Promise<GenerateResult> {
    const { imagePrompts, ...read } = readCall(GenerateSchema, options, others);
    const { signal, onProgress } = read;
    throwIfAborted(signal);
    const request = this.#request(read);
    const pictures = new CallPictures(this.#rules);
    const prompts = snapshotPrompts(imagePrompts ?? [], pictures);
    const source = snapshotSource(read, pictures);
    const fitter = { addon: this.#addon, site };
    const prepare = async (): Promise<Pick<NativeGenerateRequest, "branches"> & NativeSource> => {
      const branches = await this.#untilDisposed((either) => toBranches(prompts, this.#info, fitter, either), signal);
      return {
        branches,
        ...(await this.#untilDisposed((either) => toSource(source, this.#info, fitter, either), signal)),
      };
    };
    const add = (): Promise<NativeResult> =>
      this.#queue.add(signal, prepare, (decoded) =>
        this.#startGenerate(site, { ...request, ...decoded }, signal, onProgress),
      );
    const result = this.#arrived([...prompts.map(({ image }) => image), source.image, source.mask], signal, add);
    const { seeds } = request;
    return result.then((made) => toResult(made, seeds, this.#info));
  }

  #startGenerate(
    site: CallSite,
    request: NativeGenerateRequest,
    signal: AbortSignalLike | undefined,
    onProgress: GenerateOptions["onProgress"],
  ): { result: Promise<NativeResult> } {
    const { seeds } = request;
    return this.#start<NativeResult>(site, signal, (done, fail) =>
      this.#native.generate(request, progressReport(onProgress, seeds, fail), done),
    );
  }

  #estimateMemory(options: unknown, others: unknown, site: CallSite): Promise<MemoryEstimate> {
    const { imagePrompts, ...read } = readCall(EstimateSchema, options, others);
    const pictures = new CallPictures(this.#rules);
    const prompts = snapshotPrompts(imagePrompts ?? [], pictures);
    const source = snapshotSource(read, pictures);
    const sized = this.#request(read);
    const prepare = async (): Promise<NativeGenerateRequest> => {
      const sizes = await this.#untilDisposed((either) => toSourceSizes(source, this.#info, either), undefined);
      return { ...sized, ...sizes, branches: toBranchSizes(prompts, this.#info) };
    };
    const add = (): Promise<NativeMemoryEstimate> =>
      this.#queue.add(undefined, prepare, (request) =>
        this.#start<NativeMemoryEstimate>(site, undefined, (done) => this.#native.estimateMemory(request, done)),
      );
    const result = this.#arrived(readsSize(source) ? [source.image] : [], undefined, add);
    return result.then(({ weights, working, tile }) => ({
      weights,
      working,
      total: weights + working,
      tiled: tile > 0,
    }));
  }

  #request(read: GenerateOptions): Omit<NativeGenerateRequest, "branches"> {
    return generateRequest(read, this.#info, this.#encoders);
  }

  #encodeImage(image: ImageInput, options: EncodeImageOptions, site: CallSite): Promise<ImageEmbeds> {
    const { adapter = 0, signal } = readOptions(EncodeImageSchema, options);
    throwIfAborted(signal);
    const picture = new PictureSnapshot(image, "image", new CallPictures(this.#rules));
    const fitter = { addon: this.#addon, site };
    const prepare = async (): Promise<{ rgb: RgbImage; taken: AdapterInfo }> => {
      const taken = checkAdapter(adapter, "adapter", this.#info);
      checkTakesPictures("image", taken);
      return {
        rgb: await this.#untilDisposed(
          (either) => picture.fit(fitter, () => ({ size: taken.imageSize }), either),
          signal,
        ),
        taken,
      };
    };
    const add = (): Promise<ImageEmbeds> =>
      this.#queue.add(signal, prepare, ({ rgb, taken }) => {
        const { result } = this.#start<ArrayBuffer>(site, signal, (done) =>
          this.#native.encodeImage(rgb, adapter, done),
        );
        return { result: result.then((data) => toEmbeds(new Float32Array(data), taken)) };
      });
    return this.#arrived([picture], signal, add);
  }

  async #change(
    site: CallSite,
    signal: AbortSignalLike | undefined,
    place: (signal: AbortSignal) => Promise<void>,
    start: (done: Done<LoadedParts>) => NativeJob,
  ): Promise<void> {
    const either = eitherSignal(signal, this.#ended);
    const change = this.#queue.change(place(either.signal).finally(either.release), async () => {
      this.#checkAlive();
      throwIfAborted(signal);
      // An abort asks the engine to stop, and the engine says whether it did: it may have been done already.
      let job: NativeJob | undefined;
      const onAbort = (): void => job?.cancel();
      signal?.addEventListener("abort", onAbort);
      try {
        const { result } = this.#start<LoadedParts>(site, undefined, (done) => (job = start(done)));
        this.#info = { ...this.#info, ...(await result) };
      } catch (error) {
        if (signal?.aborted === true && error instanceof IpAdapterError && error.code === "ERR_IPA_CANCELLED")
          throw signal.reason;
        throw error;
      } finally {
        signal?.removeEventListener("abort", onAbort);
      }
    });
    return this.#track(this.#queue.count(change));
  }

  /** A native job, whose end dispose() waits for even when its caller no longer does. */
  #start<T>(
    site: CallSite,
    signal: AbortSignalLike | undefined,
    start: Parameters<typeof startNative<T>>[2],
  ): { result: Promise<T> } {
    const call = startNative<T>(site, signal, start);
    void this.#track(call.finished);
    const result = call.result.catch((error: unknown): never => {
      if (this.disposed && error instanceof IpAdapterError && error.code === "ERR_IPA_CANCELLED")
        throw site.attach(new DisposedError());
      throw error;
    });
    return { result };
  }

  /** Takes a call's turn: at once, or when the bytes of its streams and Blobs are there. */
  #arrived<T>(
    snapshots: readonly (PictureSnapshot | undefined)[],
    signal: AbortSignalLike | undefined,
    add: () => Promise<T>,
  ): Promise<T> {
    const arrive = arrival(snapshots);
    return arrive === undefined ? add() : this.#untilDisposed(arrive, signal).then(add);
  }

  /** @param work gets a signal that fires when the caller's does, or when the pipeline is disposed of */
  async #untilDisposed<T>(work: (either: AbortSignal) => Promise<T>, signal: AbortSignalLike | undefined): Promise<T> {
    const either = eitherSignal(signal, this.#ended);
    try {
      const value = await abortable(work(either.signal), signal);
      this.#checkAlive();
      return value;
    } finally {
      either.release();
    }
  }

  /** A call of the engine: refused when too many wait, otherwise counted until it settles. */
  #call<T>(begin: () => Promise<T>): Promise<T> {
    this.#checkAlive();
    this.#queue.checkRoom();
    return this.#track(this.#queue.count(begin()));
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work);
    const forget = (): boolean => this.#running.delete(work);
    work.then(forget, forget);
    return work;
  }

  #checkAlive(): void {
    if (this.disposed) throw new DisposedError();
  }

  async #close(): Promise<void> {
    this.#ending.abort(new DisposedError());
    const error = await new Promise<{ code: string; message: string } | null>((resolve) => this.#native.close(resolve));
    await Promise.allSettled(this.#running);
    if (error !== null) throw new CallSite().toError(error);
  }
}
