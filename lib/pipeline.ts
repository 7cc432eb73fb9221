import { abortable, eitherSignal } from "./abortable";
import type { ImageEmbeds } from "./embeds/image-embeds";
import { DisposedError, IpAdapterError } from "./errors";
import { generateRequest } from "./generate-request";
import { callProgress, toResult } from "./generate-result";
import { decodeImage } from "./image/decode";
import { type ImageInput, snapshotImage } from "./image/input";
import { checkAdapter, checkTakesPictures, snapshotPrompts, toBranchSizes, toBranches, toEmbeds } from "./image-prompt";
import { adapterRequests, loadRequest, loraRequests, placeFiles } from "./load-request";
import { hasZeroNegative, loadTokenizers, nameEmbeddings } from "./model-text";
import { type AbortSignalLike, CallSite, startNative, throwIfAborted } from "./native/call";
import type {
  Done,
  NativeAddon,
  NativeGenerateRequest,
  NativeJob,
  NativeLoadedParts,
  NativeMemoryEstimate,
  NativePipeline,
  NativePipelineInfo,
  NativeProgress,
  NativeResult,
} from "./native/contract";
import { loadAddon } from "./native/load";
import { AdaptersSchema, ChangeSchema, EncodeImageSchema, EstimateSchema, GenerateSchema, LoadSchema, LorasSchema } from "./options/schema";
import { checkValue, readOptions } from "./options/validate";
import { addOriginalConfigs } from "./original-config";
import type { PromptEncoder } from "./prompt/encode";
import { snapshotSource, toSource, toSourceSizes } from "./source-image";
import type {
  AdapterOptions,
  ChangeOptions,
  EncodeImageOptions,
  EstimateOptions,
  GenerateOptions,
  GenerateResult,
  LoadOptions,
  LoraOptions,
  MemoryEstimate,
} from "./types";

/** What was loaded. */
export type PipelineInfo = NativePipelineInfo;

/** A model with its adapters in memory. Calls may run at the same time; free it with dispose() or `await using`. */
export class Pipeline implements AsyncDisposable {
  readonly #native: NativePipeline;
  readonly #encoders: readonly PromptEncoder[];
  #info: NativePipelineInfo;
  /** no negative prompt means zero features, which an empty one does not */
  readonly #zeroNegative: boolean;
  /** calls that have not settled, and native jobs that have not ended */
  readonly #running = new Set<Promise<unknown>>();
  /** calls whose native job has not started */
  readonly #preparing = new Set<Promise<unknown>>();
  /** the last of setAdapters() and setLoras() that has not settled: what comes after it is checked against what it loads */
  #changing: Promise<void> | undefined;
  /** fires on dispose(), for what is not the engine's work */
  readonly #ending = new AbortController();
  #disposing: Promise<void> | undefined;

  private constructor(native: NativePipeline, info: NativePipelineInfo, encoders: readonly PromptEncoder[], zeroNegative: boolean) {
    this.#native = native;
    this.#info = info;
    this.#encoders = encoders;
    this.#zeroNegative = zeroNegative;
  }

  /**
   * Loads a model and its adapters; without options, the small model that ships with the package.
   * Names on the Hugging Face hub are fetched into its cache first.
   * @throws OptionError; ERR_IPA_NOT_FOUND; HubError; ERR_IPA_MISMATCH when the parts do not fit; signal.reason
   */
  static async load(options: LoadOptions = {}): Promise<Pipeline> {
    return Pipeline.loadWith(loadAddon, options, new CallSite());
  }

  /** @internal The same with another addon. */
  static async loadWith(addon: () => NativeAddon, options: LoadOptions, site: CallSite): Promise<Pipeline> {
    const read = readOptions(LoadSchema, options);
    const request = loadRequest(read);
    const { signal } = read;
    throwIfAborted(signal);
    await placeFiles(request, read, site);
    await addOriginalConfigs(request, read);
    throwIfAborted(signal);
    const close = (native: NativePipeline): Promise<void> => new Promise((resolve) => native.close(() => resolve()));
    const native = await startNative<NativePipeline>(site, signal, (done) => addon().load(request, done), (late) => void close(late)).result;
    try {
      const info = structuredClone(native.info());
      nameEmbeddings(read, request, info);
      const [encoders, zeroNegative] = await Promise.all([loadTokenizers(request.model, info), hasZeroNegative(request.model, info)]);
      throwIfAborted(signal);
      return new Pipeline(native, info, encoders, zeroNegative);
    } catch (error) {
      await close(native);
      throw error;
    }
  }

  /** Family, own size, schedulers, adapters, parameters and memory of what was loaded. */
  get info(): PipelineInfo {
    return structuredClone(this.#info);
  }

  /** true from the first call of dispose() on */
  get disposed(): boolean {
    return this.#disposing !== undefined;
  }

  /**
   * Makes pictures from a text prompt, image prompts, or both. All inputs are read and copied before the call returns
   * its promise.
   * @throws OptionError, ImageError, DisposedError, signal.reason, or what onProgress threw
   */
  async generate(options: GenerateOptions = {}): Promise<GenerateResult> {
    const site = new CallSite();
    this.#checkAlive();
    return this.#track(this.#generate(options, site));
  }

  /**
   * Bytes that generate() with these options takes at its peak: every plan is made, nothing is run. Pictures among the
   * image prompts are not read; their own bytes are not counted. Waits for calls that were made before it.
   * @throws OptionError, DisposedError
   */
  async estimateMemory(options: EstimateOptions = {}): Promise<MemoryEstimate> {
    const site = new CallSite();
    this.#checkAlive();
    return this.#track(this.#estimateMemory(options, site));
  }

  /**
   * The image encoder's output for one picture, to pass as `embeds` any number of times, or to saveEmbeds() and combineEmbeds().
   * @returns base adapters: embedSize floats; plus and full: the hidden states
   */
  async encodeImage(image: ImageInput, options: EncodeImageOptions = {}): Promise<ImageEmbeds> {
    const site = new CallSite();
    this.#checkAlive();
    return this.#track(this.#encodeImage(image, options, site));
  }

  /**
   * Replaces all adapters; the model stays in memory, and so do adapters that are in both lists. Calls made before it use the old
   * ones, calls made after it the new ones. An empty list unloads all. On an error nothing has changed.
   * @throws as Pipeline.load()
   */
  async setAdapters(adapters: readonly AdapterOptions[], options: ChangeOptions = {}): Promise<void> {
    const site = new CallSite();
    this.#checkAlive();
    const read: LoadOptions = { ...readOptions(ChangeSchema, options), adapters: checkValue(AdaptersSchema, adapters, "adapters") as AdapterOptions[] };
    const requests = adapterRequests(read.adapters ?? []);
    const place = (signal: AbortSignal): Promise<void> => placeFiles({ adapters: requests }, { ...read, signal }, site);
    return this.#change(site, read.signal, place, (done) => this.#native.setAdapters(requests, done));
  }

  /**
   * Replaces all LoRAs in the same way. Only the weights that the old or new ones change are read again, from the model's file, so
   * without LoRAs every bit is as it was.
   * @throws as Pipeline.load()
   */
  async setLoras(loras: readonly LoraOptions[], options: ChangeOptions = {}): Promise<void> {
    const site = new CallSite();
    this.#checkAlive();
    const read: LoadOptions = { ...readOptions(ChangeSchema, options), loras: checkValue(LorasSchema, loras, "loras") as LoraOptions[] };
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

  async #generate(options: GenerateOptions, site: CallSite): Promise<GenerateResult> {
    const read = readOptions(GenerateSchema, options);
    const { signal, onProgress } = read;
    throwIfAborted(signal);
    const request = this.#request(read);
    const prompts = snapshotPrompts(read.imagePrompts ?? []);
    const pictures = snapshotSource(read, this.#info);
    const result = await this.#inOrder(signal, async () => {
      const branches = await this.#untilDisposed((either) => toBranches(prompts, this.#info, either), signal);
      const source = await this.#untilDisposed((either) => toSource(pictures, this.#info, either), signal);
      return this.#start<NativeResult>(site, signal, (done, fail) => {
        const report = onProgress === undefined ? null : (event: NativeProgress) => callProgress(onProgress, event, request, fail);
        return this.#native.generate({ ...request, ...source, branches }, report, done);
      });
    });
    return toResult(result, request.seeds, this.#info);
  }

  async #estimateMemory(options: EstimateOptions, site: CallSite): Promise<MemoryEstimate> {
    const read = readOptions(EstimateSchema, options);
    const prompts = snapshotPrompts(read.imagePrompts ?? []);
    const pictures = snapshotSource(read, this.#info);
    const sized = this.#request(read);
    const { weights, working, tile } = await this.#inOrder(undefined, async () => {
      const source = await this.#untilDisposed((either) => toSourceSizes(pictures, this.#info, either), undefined);
      const request = { ...sized, ...source, branches: toBranchSizes(prompts, this.#info) };
      return this.#start<NativeMemoryEstimate>(site, undefined, (done) => this.#native.estimateMemory(request, done));
    });
    return { weights, working, total: weights + working, tiled: tile > 0 };
  }

  #request(read: GenerateOptions): Omit<NativeGenerateRequest, "branches"> {
    return generateRequest(read, this.#info, this.#encoders, this.#zeroNegative);
  }

  async #encodeImage(image: ImageInput, options: EncodeImageOptions, site: CallSite): Promise<ImageEmbeds> {
    const { adapter = 0, signal } = readOptions(EncodeImageSchema, options);
    throwIfAborted(signal);
    const picture = snapshotImage(image, "image");
    return this.#inOrder(signal, async () => {
      const taken = checkAdapter(adapter, "adapter", this.#info);
      checkTakesPictures("image", taken);
      const rgb = await this.#untilDisposed((either) => decodeImage(picture, "image", either), signal);
      const { result } = this.#start<ArrayBuffer>(site, signal, (done) => this.#native.encodeImage(rgb, adapter, done));
      return { result: result.then((data) => toEmbeds(new Float32Array(data), taken)) };
    });
  }

  async #change(
    site: CallSite,
    signal: AbortSignalLike | undefined,
    place: (signal: AbortSignal) => Promise<void>,
    start: (done: Done<NativeLoadedParts>) => NativeJob,
  ): Promise<void> {
    const earlier = [...this.#preparing, this.#changing];
    const work = (async (): Promise<void> => {
      const either = eitherSignal(signal, this.#ending.signal);
      // Whatever becomes of the files: what comes after this call counts on all before it having ended.
      const [files] = await Promise.allSettled([place(either.signal).finally(either.release), ...earlier]);
      if (files.status === "rejected") throw files.reason;
      this.#checkAlive();
      throwIfAborted(signal);
      // An abort asks the engine to stop, and the engine says whether it did: it may have been done already.
      let job: NativeJob | undefined;
      const onAbort = (): void => job?.cancel();
      signal?.addEventListener("abort", onAbort);
      try {
        const { result } = this.#start<NativeLoadedParts>(site, undefined, (done) => (job = start(done)));
        this.#info = { ...this.#info, ...(await result) };
      } catch (error) {
        if (signal?.aborted === true && error instanceof IpAdapterError && error.code === "ERR_IPA_CANCELLED") throw signal.reason;
        throw error;
      } finally {
        signal?.removeEventListener("abort", onAbort);
      }
    })();
    this.#changing = work;
    try {
      await this.#track(work);
    } finally {
      if (this.#changing === work) this.#changing = undefined;
    }
  }

  /** Starts a native job after the changes made before it, and before those made after it. */
  async #inOrder<T>(signal: AbortSignalLike | undefined, prepare: () => { result: Promise<T> } | Promise<{ result: Promise<T> }>): Promise<T> {
    const change = this.#changing;
    const started = (async (): Promise<{ result: Promise<T> }> => {
      if (change !== undefined) await this.#untilDisposed(() => change.catch(() => undefined), signal);
      return prepare();
    })();
    this.#preparing.add(started);
    try {
      const { result } = await started;
      return await result;
    } finally {
      this.#preparing.delete(started);
    }
  }

  /** A native job, whose end dispose() waits for even when its caller no longer does. */
  #start<T>(site: CallSite, signal: AbortSignalLike | undefined, start: Parameters<typeof startNative<T>>[2]): { result: Promise<T> } {
    const call = startNative<T>(site, signal, start);
    void this.#track(call.finished);
    const result = call.result.catch((error: unknown): never => {
      if (this.disposed && error instanceof IpAdapterError && error.code === "ERR_IPA_CANCELLED") throw site.attach(new DisposedError());
      throw error;
    });
    return { result };
  }

  /** @param work gets a signal that fires when the caller's does, or when the pipeline is disposed of */
  async #untilDisposed<T>(work: (either: AbortSignal) => Promise<T>, signal: AbortSignalLike | undefined): Promise<T> {
    const either = eitherSignal(signal, this.#ending.signal);
    try {
      const value = await abortable(work(either.signal), signal);
      this.#checkAlive();
      return value;
    } finally {
      either.release();
    }
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
