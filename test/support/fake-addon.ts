/**
 * An addon that keeps the contract of lib/native/contract.ts without a model: `steps` turns of the event loop a picture,
 * cancelling between them, close() that cancels and waits. It records what it was asked.
 */
import type {
  ConvertProgress,
  Done,
  LoadedParts,
  ModelOption,
  NativeAdapterRequest,
  NativeAddon,
  NativeControlRequest,
  NativeConvertRequest,
  NativeCheckLine,
  NativeCudaProbe,
  NativeGpuCheck,
  NativeEncodedPrompts,
  NativeError,
  NativeGenerateRequest,
  NativeImage,
  NativeJob,
  NativeLoadRequest,
  NativeLoraRequest,
  NativeMemoryEstimate,
  NativePictureTime,
  NativePipeline,
  NativeResult,
  NativeSelfTest,
  NativeSelfTestLine,
  PipelineInfo,
  PipelineStats,
} from "../../lib/native/contract";
import type { NativeFit, NativePixels } from "../../lib/image/pixels";

/** What a model's info says of the options that it refuses, and of all others. */
export function supportOf(refusals: PipelineInfo["refusals"]): Pick<PipelineInfo, "supports" | "refusals"> {
  const takes = (option: ModelOption): boolean => refusals[option] === undefined;
  return {
    refusals,
    supports: {
      image: takes("image"),
      mask: takes("mask"),
      strength: takes("strength"),
      imageGuidance: takes("imageGuidance"),
      originalSize: takes("originalSize"),
      targetSize: takes("targetSize"),
      cropOffset: takes("cropOffset"),
      aestheticScore: takes("aestheticScore"),
      negativeAestheticScore: takes("negativeAestheticScore"),
    },
  };
}

export const MINI_INFO: PipelineInfo = {
  family: "sd1",
  device: "cpu",
  devices: { unet: "cpu", vae: "cpu", textEncoder: "cpu", imageEncoder: "cpu" },
  dtype: "f32",
  concurrency: 1,
  refiner: false,
  task: "text-to-image",
  width: 128,
  height: 128,
  attentions: [
    "down_blocks.1.attentions.0",
    "down_blocks.1.attentions.1",
    "mid_block.attentions.0",
    "up_blocks.0.attentions.0",
    "up_blocks.0.attentions.1",
    "up_blocks.0.attentions.2",
  ],
  vaeScale: 8,
  latentChannels: 8,
  scheduler: "ddim",
  prediction: { value: "v", from: "scheduler_config", detail: "scheduler_config.json" },
  zeroSnr: { value: false, from: "scheduler_config", detail: "scheduler_config.json" },
  vaeScalingFactor: 1,
  defaults: {
    steps: 30,
    guidance: 7.5,
    imageGuidance: 1.5,
    eta: { ddim: 0, tcd: 0.3 },
    negativePrompt: "empty",
    aestheticScore: 6,
    negativeAestheticScore: 2.5,
  },
  ...supportOf({
    image: "this model makes pictures from prompts alone",
    mask: "this model makes pictures from prompts alone",
    imageGuidance: "only instruct models have it, this is a text-to-image model: leave it out",
    originalSize: "only SDXL models were trained with it",
    targetSize: "only SDXL models were trained with it",
    cropOffset: "only SDXL models were trained with it",
    aestheticScore: "only SDXL models were trained with it",
    negativeAestheticScore: "only SDXL models were trained with it",
  }),
  textEncoders: [{ contextLength: 20, vocabSize: 2832, tokenizer: "tokenizer" }],
  textSize: 192,
  pooledSize: 0,
  adapters: [
    {
      variant: "base",
      tokens: 4,
      embedSize: 256,
      hiddenStates: false,
      faceSize: 0,
      faceEmbedding: "",
      shortcut: false,
      hasImageEncoder: true,
      imageSize: 64,
    },
  ],
  controls: [],
  embeddings: [],
  hasImageEncoder: true,
  parameters: 10_000_000,
  memoryBytes: 40_000_000,
  ignored: [],
};

export class FakeAddon implements NativeAddon {
  info: PipelineInfo = structuredClone(MINI_INFO);
  loads: NativeLoadRequest[] = [];
  requests: NativeGenerateRequest[] = [];
  estimated: NativeGenerateRequest[] = [];
  encoded: NativeImage[] = [];
  conversions: NativeConvertRequest[] = [];
  written: { path: string; tensors: { name: string; shape: number[]; data: Float32Array }[] }[] = [];
  tensor = { shape: [2, 256], data: new Float32Array(512).fill(0.5).buffer };
  changes: { adapters?: NativeAdapterRequest[]; controls?: NativeControlRequest[]; loras?: NativeLoraRequest[] }[] = [];
  loadError: NativeError | null = null;
  generateError: NativeError | null = null;
  cancelled = 0;
  closed = 0;
  running = 0;

  /** what a plugin for GPUs would find, and the plugins in use */
  cuda: NativeCudaProbe = {
    ok: false,
    code: "ERR_IPA_DEVICE",
    message: "there is no NVIDIA driver",
    devices: [],
  };
  plugins: string[] = [];
  pluginError: NativeError | null = null;

  probeCuda(_file: string, done: Done<NativeCudaProbe>): NativeJob {
    return this.later(() => done(null, this.cuda), done);
  }

  useCuda(file: string, done: Done<void>): NativeJob {
    if (this.pluginError === null) this.plugins.push(file);
    return this.later(() => done(this.pluginError), done);
  }

  checkDevice(
    _index: number,
    _quick: boolean,
    _line: (line: NativeCheckLine) => void,
    done: Done<NativeGpuCheck>,
  ): NativeJob {
    return this.later(() => done({ code: "ERR_IPA_INTERNAL", message: "there is no GPU" }), done);
  }

  /** what the self-test finds */
  selfTestLines: NativeSelfTestLine[] = [
    {
      name: "linear",
      type: "bf16",
      kernels: ["bf16.round_rows", "bf16.gemm"],
      cases: 11,
      ok: true,
      size: "154 x 320 to 136",
      error: 8e-8,
      limit: 4e-6,
    },
  ];
  suspects: string[] = [];
  times: NativePictureTime[] = [
    {
      model: "sd15",
      dtype: "f32",
      width: 512,
      height: 512,
      steps: 20,
      encoders: 2,
      step: 4.56,
      decoder: 6,
      whole: 99.2,
    },
  ];

  selfTest(line: (line: NativeSelfTestLine) => void, done: Done<NativeSelfTest>): NativeJob {
    return this.later(() => {
      this.selfTestLines.forEach(line);
      done(null, {
        isa: "scalar",
        cases: this.selfTestLines.reduce((sum, { cases }) => sum + cases, 0),
        failed: this.selfTestLines.filter(({ ok }) => !ok).length,
        suspects: this.suspects,
        seconds: 1.25,
      });
    }, done);
  }

  estimateTimes(done: Done<NativePictureTime[]>): NativeJob {
    return this.later(() => done(null, this.times), done);
  }

  fields(): ReturnType<NativeAddon["fields"]> {
    return { load: [], generate: [] };
  }

  system(): ReturnType<NativeAddon["system"]> {
    return {
      version: "0.1.0",
      isa: "scalar",
      isas: ["scalar"],
      cpu: "fake",
      features: [],
      cores: 1,
      threads: 1,
      memoryTotal: 1e9,
      memoryAvailable: 5e8,
    };
  }

  setThreads(_threads: number, done: Done<void>): NativeJob {
    return this.later(() => done(null), done);
  }

  load(request: NativeLoadRequest, done: Done<NativePipeline>): NativeJob {
    this.loads.push(request);
    return this.later(
      () => (this.loadError === null ? done(null, new FakePipeline(this)) : done(this.loadError)),
      done,
    );
  }

  convert(
    request: NativeConvertRequest,
    progress: ((event: ConvertProgress) => void) | null,
    done: Parameters<NativeAddon["convert"]>[2],
  ): NativeJob {
    this.conversions.push(request);
    progress?.({ tensors: 36, totalTensors: 36, bytes: 12_000_000, totalBytes: 12_000_000 });
    return this.later(
      () => done(null, { format: "gguf", tensors: 36, bytes: 12_000_000, types: { Q8_0: 30, F16: 6 } }),
      done,
    );
  }

  modelLayout(): unknown {
    return {};
  }

  inspect(_path: string, done: Parameters<NativeAddon["inspect"]>[1]): NativeJob {
    const inspection = {
      kind: "ip-adapter" as const,
      format: "safetensors" as const,
      family: "sd1",
      variant: "base",
      encoder: "ViT-H/14 (1024)",
      unsupported: "",
      tokens: 4,
      parameters: 22_000_000,
      bytes: 44_000_000,
      tensors: 36,
      types: { F16: 36 },
      ignored: { count: 0, names: [] },
      components: [],
      path: "",
    };
    return this.later(() => done(null, inspection), done);
  }

  clipResize(_rgb: Uint8Array, _width: number, _height: number, size: number): ArrayBuffer {
    return new ArrayBuffer(size * size * 3);
  }

  /** Repeats the first pixel. */
  fitPicture({ data, layout }: NativePixels, fit: NativeFit, done: Done<ArrayBuffer>): NativeJob {
    const [width, height] = "size" in fit ? [fit.size, fit.size] : [fit.width, fit.height];
    const pixel = layout === "grey" || layout === "grey_alpha" ? [data[0]!, data[0]!, data[0]!] : data.subarray(0, 3);
    const rgb = new Uint8Array(3 * width * height).map((_, i) => pixel[i % 3]!);
    return this.later(() => done(null, rgb.buffer), done);
  }

  drawFaceKeypoints(_points: Float64Array, width: number, height: number, done: Done<ArrayBuffer>): NativeJob {
    return this.later(() => done(null, new ArrayBuffer(3 * width * height)), done);
  }

  randn(_seed: number, count: number): ArrayBuffer {
    return new ArrayBuffer(count * 4);
  }

  listTensors(_path: string, done: Parameters<NativeAddon["listTensors"]>[1]): NativeJob {
    return this.later(() => done(null, [{ name: "image_embeds", shape: this.tensor.shape }]), done);
  }

  readTensor(_path: string, _name: string, done: Parameters<NativeAddon["readTensor"]>[2]): NativeJob {
    return this.later(() => done(null, this.tensor), done);
  }

  writeTensors(
    path: string,
    tensors: { name: string; shape: number[]; data: Float32Array }[],
    done: Done<void>,
  ): NativeJob {
    this.written.push({ path, tensors });
    return this.later(() => done(null), done);
  }

  later<T>(finish: () => void, done: Done<T>): NativeJob {
    let over = false;
    this.running++;
    setImmediate(() => {
      this.running--;
      if (!over) finish();
      over = true;
    });
    return {
      cancel: () => {
        if (over) return;
        over = true;
        this.cancelled++;
        setImmediate(() => done({ code: "ERR_IPA_CANCELLED", message: "cancelled" }));
      },
    };
  }
}

class FakePipeline implements NativePipeline {
  readonly #addon: FakeAddon;
  readonly #jobs = new Set<NativeJob>();
  #closed = false;

  constructor(addon: FakeAddon) {
    this.#addon = addon;
  }

  info(): PipelineInfo {
    return this.#addon.info;
  }

  stats(): PipelineStats {
    return { queued: 0, active: this.#jobs.size, waiting: 0, batches: {}, stepSeconds: undefined, workingMemory: 0 };
  }

  generate(
    request: NativeGenerateRequest,
    progress: Parameters<NativePipeline["generate"]>[1],
    done: Done<NativeResult>,
  ): NativeJob {
    if (this.#closed) return this.#addon.later(() => done({ code: "ERR_IPA_DISPOSED", message: "closed" }), done);
    this.#addon.requests.push(request);
    const { seeds, steps, width, height } = request;
    const total = seeds.length * steps;
    const latent =
      (width / this.#addon.info.vaeScale) * (height / this.#addon.info.vaeScale) * this.#addon.info.latentChannels;
    let cancelled = false;
    const job: NativeJob = { cancel: () => (cancelled = true) };
    this.#jobs.add(job);
    this.#addon.running++;
    const end = (error: NativeError | null, result?: NativeResult): void => {
      this.#jobs.delete(job);
      this.#addon.running--;
      done(error, result);
    };
    const step = (n: number): void => {
      if (cancelled) {
        this.#addon.cancelled++;
        end({ code: "ERR_IPA_CANCELLED", message: "cancelled" });
      } else if (this.#addon.generateError !== null) {
        end(this.#addon.generateError);
      } else if (n > total) {
        end(null, {
          images:
            request.output === "latents"
              ? []
              : seeds.map((seed) => new Uint8Array(width * height * 3).fill(seed % 256).buffer),
          width,
          height,
          latents: seeds.map((seed) => new Float32Array(latent).fill(seed).buffer),
        });
      } else {
        const event = { image: Math.floor((n - 1) / steps), step: n, total };
        const preview = request.preview !== undefined && n % request.preview.every === 0;
        const scale = request.preview?.decoder === "linear" ? this.#addon.info.vaeScale : 1;
        const [previewWidth, previewHeight] = [width / scale, height / scale];
        progress?.(
          preview
            ? { ...event, preview: new ArrayBuffer(previewWidth * previewHeight * 3), previewWidth, previewHeight }
            : event,
        );
        setImmediate(() => step(n + 1));
      }
    };
    setImmediate(() => step(1));
    return job;
  }

  encodeImage(image: NativeImage, adapter: number, done: Done<ArrayBuffer>): NativeJob {
    this.#addon.encoded.push(image);
    const size = this.#addon.info.adapters[adapter]?.embedSize ?? 0;
    return this.#addon.later(() => done(null, new ArrayBuffer(size * 4)), done);
  }

  encodePrompts(_texts: unknown, done: Done<NativeEncodedPrompts>): NativeJob {
    return this.#addon.later(() => done(null, { prompt: { features: new ArrayBuffer(20 * 192 * 4) } }), done);
  }

  estimateMemory(request: NativeGenerateRequest, done: Done<NativeMemoryEstimate>): NativeJob {
    this.#addon.estimated.push(request);
    return this.#addon.later(
      () =>
        done(null, {
          weights: 40_000_000,
          working: 2_000_000,
          tile: request.vaeTiling === "on" ? request.vaeTile || 512 : 0,
          devices: {},
        }),
      done,
    );
  }

  setAdapters(adapters: NativeAdapterRequest[], done: Done<LoadedParts>): NativeJob {
    const { parameters, memoryBytes } = this.#addon.info;
    const [first] = this.#addon.info.adapters;
    this.#addon.changes.push({ adapters });
    return this.#addon.later(
      () =>
        done(null, {
          adapters: adapters.flatMap(() => first ?? []),
          controls: this.#addon.info.controls,
          parameters,
          memoryBytes,
          ignored: [],
        }),
      done,
    );
  }

  setControls(controls: NativeControlRequest[], done: Done<LoadedParts>): NativeJob {
    this.#addon.changes.push({ controls });
    this.#addon.info.controls = controls.map(() => ({ kind: "controlnet", modes: 0 }));
    return this.#addon.later(() => done(null, this.#addon.info), done);
  }

  setLoras(loras: NativeLoraRequest[], done: Done<LoadedParts>): NativeJob {
    this.#addon.changes.push({ loras });
    return this.#addon.later(() => done(null, this.#addon.info), done);
  }

  close(done: Done<void>): void {
    this.#closed = true;
    for (const job of this.#jobs) job.cancel();
    const wait = (): void => {
      if (this.#jobs.size > 0) {
        setImmediate(wait);
        return;
      }
      this.#addon.closed++;
      done(null);
    };
    wait();
  }
}
