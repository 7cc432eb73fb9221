/**
 * What the native addon exports, as `lib/` sees it. The addon never creates errors or typed arrays: it hands over plain
 * `{ code, message }` objects and ArrayBuffers, and `lib/` builds what a user sees (so `instanceof` holds in every realm).
 * Paths are absolute. Callbacks run on the JS thread that made the call, exactly once for `done`.
 */
import type { NativeFit, NativePixels } from "../image/pixels";
import type { NativeEncodedPrompts, NativeGenerateRequest, NativeImage, NativeText } from "./call-request";
import type { NativeMemoryEstimate, NativeProgress, NativeResult, NativeStep } from "./call-result";
import type { NativeCheckLine, NativeCudaProbe, NativeGpuCheck } from "./cuda";
import type { ConvertProgress, NativeConversion, NativeConvertRequest, WeightInspection } from "./files";
import type { LoadedParts, PipelineInfo, PipelineStats, SystemInfo } from "./info";
import type { NativeAdapterRequest, NativeControlRequest, NativeLoadRequest, NativeLoraRequest } from "./load-request";
import type { NativePictureTime, NativeSelfTest, NativeSelfTestLine } from "./self-test";

export type * from "./call-request";
export type * from "./call-result";
export type * from "./cuda";
export type * from "./files";
export type * from "./info";
export type * from "./load-request";
export type * from "./self-test";

export interface NativeError {
  /** `ERR_IPA_…`, see native/base/status.h */
  code: string;
  message: string;
  /** the path of the option that the message is about, which does not name it again */
  option?: string;
}

export type Done<T> = (error: NativeError | null, value?: T) => void;

/** A plain option as native/pipeline/load/load_fields.cc or request_fields.cc has it. */
export interface NativeField {
  /** with dots to what is inside: `featureCache.every`, `guidanceInterval.0` */
  path: string;
  /** what stands for an option left out: a number, which may be outside of the range, or a name; absent where none does */
  default?: number | string | boolean;
  /** of booleans */
  boolean?: true;
  /** of numbers */
  integer?: boolean;
  minimum?: number;
  maximum?: number;
  /** of options of names */
  names?: string[];
}

export interface NativeJob {
  /** asks the job to stop; `done` then gets ERR_IPA_CANCELLED */
  cancel(): void;
}

export interface NativePipeline {
  /** as it was loaded */
  info(): PipelineInfo;
  stats(): PipelineStats;
  generate(
    request: NativeGenerateRequest,
    progress: ((event: NativeProgress | NativeStep) => void) | null,
    done: Done<NativeResult>,
  ): NativeJob;
  /** the image encoder's output for one adapter: f32, embedSize or tokens * embedSize floats */
  encodeImage(image: NativeImage, adapter: number, done: Done<ArrayBuffer>): NativeJob;
  /** the features of a prompt, and of a negative one in the same number of chunks; `clipSkip` is the prompt's */
  encodePrompts(
    texts: { prompt: NativeText[]; negative?: NativeText[]; clipSkip?: number },
    done: Done<NativeEncodedPrompts>,
  ): NativeJob;
  /** what generate() would take; images may be empty objects, which stand for pictures */
  estimateMemory(request: NativeGenerateRequest, done: Done<NativeMemoryEstimate>): NativeJob;
  /** replace all adapters, all controls, or all LoRAs, between other jobs; on an error nothing has changed */
  setAdapters(adapters: NativeAdapterRequest[], done: Done<LoadedParts>): NativeJob;
  setControls(controls: NativeControlRequest[], done: Done<LoadedParts>): NativeJob;
  setLoras(loras: NativeLoraRequest[], done: Done<LoadedParts>): NativeJob;
  /** refuses new work, cancels and waits for what runs, frees the weights */
  close(done: Done<void>): void;
}

export interface NativeAddon {
  system(): SystemInfo;
  /** resizes the process-wide pool; running work goes on with the threads there are */
  setThreads(threads: number, done: Done<void>): NativeJob;
  load(request: NativeLoadRequest, done: Done<NativePipeline>): NativeJob;
  /**
   * tries every NVIDIA GPU through a plugin, the file of a package such as node-ip-adapter-cuda-linux-x64. What does not work is
   * an answer, not an error. Up to a second a GPU. A driver may crash or hang: only in a process that is there for this.
   */
  probeCuda(file: string, done: Done<NativeCudaProbe>): NativeJob;
  /** makes "cuda" a device of load(), through that plugin; it needs no driver yet. Once more is no harm */
  useCuda(file: string, done: Done<void>): NativeJob;
  /**
   * compares a GPU of the plugin in use with the CPU, op by op; what differs is a line, not an error. `quick`: small sizes alone. With
   * all sizes it may take a minute
   */
  checkDevice(
    index: number,
    quick: boolean,
    line: (line: NativeCheckLine) => void,
    done: Done<NativeGpuCheck>,
  ): NativeJob;
  /** runs every kernel of the instruction set in use; what is wrong is a line, not an error. Some seconds */
  selfTest(line: (line: NativeSelfTestLine) => void, done: Done<NativeSelfTest>): NativeJob;
  /** measures ops of SD1.5's and SDXL's networks: in f32, and in bf16 where that is faster. Some seconds */
  estimateTimes(done: Done<NativePictureTime[]>): NativeJob;
  /** writes a weight file as another type; after a cancel nothing of it is left */
  convert(
    request: NativeConvertRequest,
    progress: ((event: ConvertProgress) => void) | null,
    done: Done<NativeConversion>,
  ): NativeJob;
  /** which files of a model's folder are read, by name, see lib/hub/layout.ts */
  modelLayout(): unknown;
  inspect(path: string, done: Done<WeightInspection>): NativeJob;
  /** PIL-exact CLIP preprocessing: shortest edge to `size`, bicubic antialiased, centre crop. Returns size*size*3 RGB bytes. */
  clipResize(rgb: Uint8Array, width: number, height: number, size: number): ArrayBuffer;
  /**
   * RGB of the size that the engine needs: what it would make of the whole picture itself, bit for bit. `data` is given up: it is read
   * on another thread, and empty when `done` is called if it is large.
   */
  fitPicture(pixels: NativePixels, fit: NativeFit, done: Done<ArrayBuffer>): NativeJob;
  /** what InstantID's ControlNet reads: x and y of five points. RGB. */
  drawFaceKeypoints(points: Float64Array, width: number, height: number, done: Done<ArrayBuffer>): NativeJob;
  /** the plain options of load() and generate(), with ranges and defaults */
  fields(): Record<"load" | "generate", NativeField[]>;
  /** PyTorch's CPU randn for a seed: count f32 */
  randn(seed: number, count: number): ArrayBuffer;
  /** names and shapes of all tensors of a weight file */
  listTensors(path: string, done: Done<{ name: string; shape: number[] }[]>): NativeJob;
  /** one tensor of a weight file as f32, with its shape */
  readTensor(path: string, name: string, done: Done<{ shape: number[]; data: ArrayBuffer }>): NativeJob;
  /** writes f32 tensors as a safetensors file (temporary file, then rename) */
  writeTensors(
    path: string,
    tensors: { name: string; shape: number[]; data: Float32Array }[],
    done: Done<void>,
  ): NativeJob;
}
