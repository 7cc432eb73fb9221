import { randomInt } from "node:crypto";
import type { Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";

import { DisposedError, IpAdapterError, OptionError, fileError } from "./errors";
import { GeneratedImage } from "./generated-image";
import { decodeImage } from "./image/decode";
import { type ImageInput, snapshotImage } from "./image/input";
import { checkAdapter, checkImageEncoder, snapshotPrompts, toBranchSizes, toBranches } from "./image-prompt";
import { type AbortSignalLike, CallSite, startNative, throwIfAborted } from "./native/call";
import type {
  NativeAddon,
  NativeGenerateRequest,
  NativeLoadRequest,
  NativeMemoryEstimate,
  NativePipeline,
  NativePipelineInfo,
  NativeProgress,
  NativeResult,
} from "./native/contract";
import { loadAddon } from "./native/load";
import { readPath } from "./options/path";
import { EncodeImageSchema, EstimateSchema, GenerateSchema, LoadSchema, MAX_SEED } from "./options/schema";
import { readOptions } from "./options/validate";
import { shippedModel } from "./package-root";
import { encodePrompts, type PromptEncoder } from "./prompt/encode";
import type { ProgressEvent } from "./progress";
import { readRegularFile } from "./read-file";
import { ClipTokenizer } from "./tokenizer";
import type { EncodeImageOptions, EstimateOptions, GenerateOptions, GenerateResult, LoadOptions, MemoryEstimate } from "./types";

/** What was loaded. */
export type PipelineInfo = NativePipelineInfo;

/** A model with its adapters in memory. Calls may run at the same time; free it with dispose() or `await using`. */
export class Pipeline implements AsyncDisposable {
  readonly #native: NativePipeline;
  readonly #encoders: readonly PromptEncoder[];
  readonly #info: NativePipelineInfo;
  /** no negative prompt means zero features, which an empty one does not */
  readonly #zeroNegative: boolean;
  /** calls that have not settled, and native jobs that have not ended */
  readonly #running = new Set<Promise<unknown>>();
  #disposing: Promise<void> | undefined;

  private constructor(native: NativePipeline, info: NativePipelineInfo, encoders: readonly PromptEncoder[], zeroNegative: boolean) {
    this.#native = native;
    this.#info = info;
    this.#encoders = encoders;
    this.#zeroNegative = zeroNegative;
  }

  /**
   * Loads a model and its adapters; without options, the small model that ships with the package.
   * @throws OptionError; ERR_IPA_NOT_FOUND; ERR_IPA_MISMATCH when the parts do not fit; signal.reason
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
    await checkFiles(request, site);
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
   * The image encoder's output for one picture, to pass as `embeds` any number of times.
   * @returns base adapters: embedSize floats; plus and full: the hidden states
   */
  async encodeImage(image: ImageInput, options: EncodeImageOptions = {}): Promise<Float32Array> {
    const site = new CallSite();
    this.#checkAlive();
    return this.#track(this.#encodeImage(image, options, site));
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
    const prompts = snapshotPrompts(read.imagePrompts ?? [], this.#info);
    const branches = await this.#untilDisposed(toBranches(prompts), signal);
    const result = await this.#run<NativeResult>(site, signal, (done, fail) => {
      const report = onProgress === undefined ? null : (event: NativeProgress) => callProgress(onProgress, event, request, fail);
      return this.#native.generate({ ...request, branches }, report, done);
    });
    return toResult(result, request.seeds, this.#info);
  }

  async #estimateMemory(options: EstimateOptions, site: CallSite): Promise<MemoryEstimate> {
    const read = readOptions(EstimateSchema, options);
    const request = { ...this.#request(read), branches: toBranchSizes(snapshotPrompts(read.imagePrompts ?? [], this.#info)) };
    const { weights, working, tile } = await this.#run<NativeMemoryEstimate>(site, undefined, (done) => this.#native.estimateMemory(request, done));
    return { weights, working, total: weights + working, tiled: tile > 0 };
  }

  #request(read: GenerateOptions): Omit<NativeGenerateRequest, "branches"> {
    const info = this.#info;
    const { prompt = "", negativePrompt, promptSyntax = "weighted", count = 1, seed = randomInt(2 ** 32), eta = 0, scheduler = "" } = read;
    if (seed > MAX_SEED - (count - 1)) throw new OptionError("seed", `seed + count - 1 passes ${MAX_SEED}: use ${MAX_SEED - count + 1} or less`);
    if (eta !== 0 && (scheduler === "" ? info.scheduler : scheduler) !== "ddim") {
      throw new OptionError("eta", `only the ddim scheduler adds noise by eta, this is ${scheduler === "" ? info.scheduler : scheduler}: leave eta out`);
    }
    const [start, end] = read.guidanceInterval ?? [0, 1];
    if (start > end) throw new OptionError("guidanceInterval", `expected the start before the end but received [${start}, ${end}]: use [${end}, ${start}]`);
    const texts = encodePrompts(prompt, negativePrompt ?? "", promptSyntax, this.#encoders);
    const request: Omit<NativeGenerateRequest, "branches"> = {
      prompt: texts.prompt,
      scheduler,
      sigmas: read.sigmas ?? "",
      steps: read.steps ?? 30,
      guidance: read.guidance ?? (info.family === "sdxl" ? 5 : 7.5),
      guidanceStart: start,
      guidanceEnd: end,
      cacheEvery: read.featureCache?.every ?? 0,
      cacheDepth: read.featureCache?.depth ?? 1,
      tokenMerging: read.tokenMerging ?? 0,
      eta,
      seeds: Array.from({ length: count }, (_, i) => seed + i),
      width: checkSide(read.width ?? info.width, "width", info),
      height: checkSide(read.height ?? info.height, "height", info),
      output: read.output ?? "image",
      previewEvery: read.preview?.every ?? 0,
      vaeTiling: read.vaeTiling ?? "auto",
      vaeTile: read.vaeTile === undefined ? 0 : checkTile(read.vaeTile, info),
      memoryBudget: read.memoryBudget ?? 0,
      previewDecoder: read.preview?.decoder ?? "vae",
    };
    if (!this.#zeroNegative || negativePrompt !== undefined) request.negative = texts.negative;
    return request;
  }

  async #encodeImage(image: ImageInput, options: EncodeImageOptions, site: CallSite): Promise<Float32Array> {
    const { adapter = 0, signal } = readOptions(EncodeImageSchema, options);
    throwIfAborted(signal);
    checkAdapter(adapter, "adapter", this.#info);
    checkImageEncoder("image", this.#info);
    const rgb = await this.#untilDisposed(decodeImage(snapshotImage(image, "image"), "image"), signal);
    return new Float32Array(await this.#run<ArrayBuffer>(site, signal, (done) => this.#native.encodeImage(rgb, adapter, done)));
  }

  /** A native job, whose end dispose() waits for even when its caller no longer does. */
  async #run<T>(site: CallSite, signal: AbortSignalLike | undefined, start: Parameters<typeof startNative<T>>[2]): Promise<T> {
    const call = startNative<T>(site, signal, start);
    void this.#track(call.finished);
    try {
      return await call.result;
    } catch (error) {
      if (this.disposed && error instanceof IpAdapterError && error.code === "ERR_IPA_CANCELLED") throw site.attach(new DisposedError());
      throw error;
    }
  }

  async #untilDisposed<T>(work: Promise<T>, signal: AbortSignalLike | undefined): Promise<T> {
    const value = await abortable(work, signal);
    this.#checkAlive();
    return value;
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
    const error = await new Promise<{ code: string; message: string } | null>((resolve) => this.#native.close(resolve));
    await Promise.allSettled(this.#running);
    if (error !== null) throw new CallSite().toError(error);
  }
}

function loadRequest(read: LoadOptions): NativeLoadRequest {
  const shipped = shippedModel();
  const adapters = read.adapters ?? (read.model === undefined ? [{ file: shipped.adapter }] : []);
  const request: NativeLoadRequest = {
    model: read.model === undefined ? shipped.model : readPath(read.model, "model"),
    adapters: adapters.map(({ file }, i) => ({ file: readPath(file, `adapters[${i}].file`) })),
    loras: (read.loras ?? []).map(({ file, weight = 1 }, i) => ({ file: readPath(file, `loras[${i}].file`), weight })),
    embeddings: (read.embeddings ?? []).map(({ file }, i) => ({ file: readPath(file, `embeddings[${i}].file`) })),
    dtype: read.dtype ?? "f32",
    threads: read.threads ?? 0,
  };
  if (read.unet !== undefined) request.unet = readPath(read.unet, "unet");
  if (read.vae !== undefined) request.vae = readPath(read.vae, "vae");
  if (read.imageEncoder !== undefined) request.imageEncoder = readPath(read.imageEncoder, "imageEncoder");
  return request;
}

/** Early, so that a wrong path is named by its option before gigabytes are read. */
async function checkFiles(request: NativeLoadRequest, site: CallSite): Promise<void> {
  const find = (path: string, option: string, what: string): Promise<Stats> =>
    stat(path).catch((error: unknown) => {
      throw site.attach(fileError(`${option}: ${what}`, path, error));
    });
  const check = async (path: string, option: string, folder: boolean): Promise<void> => {
    const status = await find(path, option, folder ? "folder" : "file");
    if (status.isDirectory() === folder) return;
    throw site.attach(new OptionError(option, `expected a ${folder ? "folder in the diffusers layout" : "file"} but ${path} is a ${folder ? "file" : "folder"}`));
  };
  await find(request.model, "model", "folder or file");
  if (request.unet !== undefined) await check(request.unet, "unet", true);
  if (request.vae !== undefined) await find(request.vae, "vae", "folder or file");
  if (request.imageEncoder !== undefined) await check(request.imageEncoder, "imageEncoder", true);
  for (const [i, adapter] of request.adapters.entries()) await check(adapter.file, `adapters[${i}].file`, false);
  for (const [i, lora] of request.loras.entries()) await check(lora.file, `loras[${i}].file`, false);
  for (const [i, embedding] of request.embeddings.entries()) await check(embedding.file, `embeddings[${i}].file`, false);
}

/** The option's token, else the file's, else the file's name. */
function nameEmbeddings(read: LoadOptions, request: NativeLoadRequest, info: NativePipelineInfo): void {
  for (const [i, embedding] of info.embeddings.entries()) {
    const file = request.embeddings[i]?.file ?? "";
    const own = embedding.token === "" ? basename(file, extname(file)) : embedding.token;
    embedding.token = read.embeddings?.[i]?.token ?? own;
  }
}

async function loadTokenizers(model: string, info: NativePipelineInfo): Promise<PromptEncoder[]> {
  return Promise.all(
    info.textEncoders.map(async ({ tokenizer: folder, contextLength, vocabSize }, encoder) => {
      const shipped = folder === "clip" ? "<|endoftext|>" : folder === "open_clip" ? "!" : undefined;
      const tokenizer = await (shipped === undefined ? ClipTokenizer.load(join(model, folder)) : ClipTokenizer.shipped(shipped));
      const learned = info.embeddings.reduce((sum, { vectors }) => sum + (vectors[encoder] ?? 0), 0);
      if (tokenizer.size > vocabSize - learned) {
        const vocabulary = shipped === undefined ? `${folder}/` : "CLIP's vocabulary, which a model in one file is used with,";
        throw new IpAdapterError("ERR_IPA_MISMATCH", `${vocabulary} has ${tokenizer.size} tokens but its text encoder only ${vocabSize - learned}: they are of different models`);
      }
      for (const [i, { token, ids, vectors }] of info.embeddings.entries()) {
        const [first, count = 0] = [ids[encoder], vectors[encoder]];
        if (first !== undefined && count > 0) tokenizer.addToken(token, first, count, `embeddings[${i}].token`);
      }
      return { tokenizer, contextLength };
    }),
  );
}

/** SDXL was trained with zero features in place of no negative prompt, unless its model_index.json says otherwise. */
async function hasZeroNegative(model: string, info: NativePipelineInfo): Promise<boolean> {
  if (info.family !== "sdxl") return false;
  // A model in one file has none.
  const text = await readRegularFile(join(model, "model_index.json")).catch(() => "{}");
  return !/"force_zeros_for_empty_prompt"\s*:\s*false/.test(text.toString());
}

function checkSide(value: number, option: "width" | "height", info: NativePipelineInfo): number {
  const unit = info.vaeScale;
  const minimum = unit < 8 ? 16 : 64;
  if (value % unit === 0 && value >= minimum) return value;
  const low = Math.max(minimum, Math.floor(value / unit) * unit);
  const high = Math.max(minimum, Math.ceil(value / unit) * unit);
  const fix = low === high ? `${low}` : `${low} or ${high}`;
  throw new OptionError(option, `expected a multiple of ${unit} between ${minimum} and 4096 for this model but received ${value}: use ${fix}`);
}

function checkTile(value: number, info: NativePipelineInfo): number {
  const unit = info.vaeScale;
  if (value % unit === 0) return value;
  const low = Math.floor(value / unit) * unit;
  throw new OptionError("vaeTile", `expected a multiple of ${unit} for this model but received ${value}: use ${low} or ${low + unit}`);
}

/** Rejects at once when the signal fires; the work itself ends on its own. */
function abortable<T>(work: Promise<T>, signal: AbortSignalLike | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
    if (signal.aborted) onAbort();
  });
}

function callProgress(
  onProgress: (event: ProgressEvent) => unknown,
  { image, step, total, preview, previewWidth = 0, previewHeight = 0, tile, tiles }: NativeProgress,
  request: Pick<NativeGenerateRequest, "seeds">,
  fail: (reason: unknown) => void,
): void {
  const seed = request.seeds[image] ?? 0;
  const event: ProgressEvent = { image, seed, step, total };
  if (preview !== undefined) event.preview = new GeneratedImage(new Uint8Array(preview), previewWidth, previewHeight, seed);
  if (tile !== undefined && tiles !== undefined) Object.assign(event, { tile, tiles });
  try {
    // An async callback's rejection counts like a throw.
    Promise.resolve(onProgress(event)).catch(fail);
  } catch (error) {
    fail(error);
  }
}

function toResult(result: NativeResult, seeds: number[], info: NativePipelineInfo): GenerateResult {
  const { width, height } = result;
  return {
    images: result.images.map((data, i) => new GeneratedImage(new Uint8Array(data), width, height, seeds[i] ?? 0)),
    latents: result.latents.map((data) => new Float32Array(data)),
    seeds,
    latentShape: [info.latentChannels, height / info.vaeScale, width / info.vaeScale],
  };
}
