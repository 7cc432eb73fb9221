/**
 * The public API as the compiler sees it: what must compile, and what must not. Nothing here runs. `npm run typecheck` reads it against
 * lib/, test/declarations.test.ts against the built declarations.
 */
import type { ReadableStream as NodeWebStream } from "node:stream/web";
import { createReadStream } from "node:fs";

import {
  CrashError,
  DisposedError,
  EnginePool,
  type EstimateOptions,
  type GenerateOptions,
  type GenerateResult,
  type GeneratedImage,
  HubError,
  type ImageInput,
  type ImagePrompt,
  ImageError,
  InstallError,
  IpAdapterError,
  OptionError,
  Pipeline,
  type AbortSignalLike,
  type AdapterInfo,
  type ImageEmbeds,
  type PipelineInfo,
  type RawImage,
  type SchedulerName,
} from "../../lib/index";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <T extends true>(): T | undefined => undefined;

export async function results(pipeline: Pipeline, options: GenerateOptions): Promise<void> {
  const made = await pipeline.generate({ prompt: "a cat" });
  holds<Equal<typeof made, GenerateResult>>();
  holds<Equal<typeof made.images, GeneratedImage[]>>();

  const latents = await pipeline.generate({ output: "latents" });
  holds<Equal<(typeof latents)["images"], []>>();
  holds<Equal<(typeof latents)["latents"], Float32Array[]>>();
  // @ts-expect-error there are no pictures
  latents.images[0]?.toBuffer();

  const short = await pipeline.generate("a cat", { output: "latents", steps: 2 });
  // @ts-expect-error there are no pictures here either
  short.images[0]?.toBuffer();

  // What may be either has pictures that may be missing, as an array has.
  const either = await pipeline.generate(options);
  holds<Equal<typeof either.images, GeneratedImage[]>>();
  const image = await pipeline.generate({
    output: "image",
    onProgress: ({ step, total, preview }) => [step + total, preview?.width],
  });
  holds<Equal<typeof image.images, GeneratedImage[]>>();
  await pipeline.generate();
  await pipeline.generate("a cat");
  await Pipeline.load("owner/name", { dtype: "bf16" });
  // @ts-expect-error -- the model twice
  await Pipeline.load("owner/name", { model: "owner/name" });
  const estimate: EstimateOptions = { width: 512, imagePrompts: ["a.png"] };
  await pipeline.estimateMemory(estimate);
}

export async function wrongCalls(pipeline: Pipeline): Promise<void> {
  // @ts-expect-error the prompt is there already
  await pipeline.generate("a cat", { prompt: "a dog" });
  // @ts-expect-error not a name of an option
  await pipeline.generate({ num_inference_steps: 3 });
  // @ts-expect-error not a name of a sampler
  await pipeline.generate({ scheduler: "DPM++ 2M Karras" });
  // @ts-expect-error nor of an output
  await pipeline.generate({ output: "pil" });
  // @ts-expect-error estimateMemory() is not watched
  await pipeline.estimateMemory({ onProgress: () => undefined });
  // @ts-expect-error load() makes them
  new Pipeline();
}

export function imagePrompts(embeds: ImageEmbeds, faceEmbeds: Float32Array): ImagePrompt[] {
  const good: ImagePrompt[] = [
    { image: "a.png" },
    { image: "a.png", embeds: undefined, scale: 0.5, adapter: 1 },
    { embeds },
    { embeds: [0.1, 0.2] },
    { faceEmbeds },
    { faceEmbeds, image: "face.png", structureScale: 0.5 },
    { faceEmbeds, embeds },
  ];
  const bad: ImagePrompt[] = [
    // @ts-expect-error none of the three
    {},
    // @ts-expect-error none of the three
    { scale: 1 },
    // @ts-expect-error one or the other
    { image: "a.png", embeds },
    // @ts-expect-error both, of a face
    { image: "a.png", embeds, faceEmbeds },
    // @ts-expect-error the structure is that of a picture
    { faceEmbeds, structureScale: 1 },
    // @ts-expect-error not a field
    { image: "a.png", wait: 1 },
  ];
  return [...good, ...bad];
}

export function shorthands(embeds: ImageEmbeds): GenerateOptions {
  return {
    imagePrompts: ["a.png", new URL("file:///a.png"), new Uint8Array(9), embeds, { image: "b.png", scale: 0.3 }],
  };
}

export async function loading(signal: AbortSignal): Promise<Pipeline> {
  await using pipeline = await Pipeline.load({
    adapters: ["a.safetensors", { file: "b.bin", imageEncoder: "encoder" }],
    loras: ["a", { file: "b", weight: 0.5 }],
    embeddings: ["a", { file: "b", token: "c" }],
    controls: ["a", { file: "b" }, new URL("file:///a")],
  });
  await pipeline.setControls(["a"], { signal });
  await pipeline.generate({ controls: [{ image: "a.png", scale: 0.5, end: 0.6 }] });
  await pipeline.generate({
    controls: [
      { image: "a.png", mode: "depth" },
      {
        faceKeypoints: [
          [1, 2],
          [3, 4],
        ],
      },
    ],
  });
  // @ts-expect-error no such kind
  await pipeline.generate({ controls: [{ image: "a.png", mode: "dept" }] });
  await pipeline.setAdapters(["a"], { signal });
  await pipeline.setLoras([new URL("file:///a"), { file: "b" }]);
  // @ts-expect-error a file is needed
  await pipeline.setLoras([{ weight: 1 }]);
  return await Pipeline.load({ signal });
}

export function pictures(
  body: NodeWebStream<Uint8Array>,
  blob: Blob,
  response: Response,
  raw: RawImage,
  generated: GeneratedImage,
): ImageInput[] {
  const good: ImageInput[] = [
    "a.png",
    "data:image/png;base64,AAAA",
    new URL("file:///a.png"),
    Buffer.alloc(9),
    new ArrayBuffer(9),
    raw,
    generated,
    { data: new Uint8ClampedArray(4), width: 1, height: 1 },
    { data: Buffer.alloc(9), info: { format: "raw", width: 1, height: 1, channels: 4 } },
    blob,
    new File([], "a.png"),
    body,
    createReadStream("a.png"),
    ...(response.body === null ? [] : [response.body]),
  ];
  const bad: ImageInput[] = [
    // @ts-expect-error a number is none
    7,
    // @ts-expect-error a promise of bytes
    blob.arrayBuffer(),
    // @ts-expect-error floats are no picture
    new Float32Array(9),
    // @ts-expect-error its blob() is one
    response,
    // @ts-expect-error pixels have a size
    { data: new Uint8Array(9) },
  ];
  return [...good, ...bad];
}

export function info(of: PipelineInfo): SchedulerName {
  holds<Equal<AdapterInfo, PipelineInfo["adapters"][number]>>();
  // @ts-expect-error no such sampler
  if (of.scheduler === "dpm") return "ddim";
  return of.scheduler;
}

export const signalLike: AbortSignalLike = new AbortController().signal;

/** `switch` over the code of each class: `never` at the end says that all codes were named. */
export function errors(error: unknown): string {
  const none = (code: never): string => code;
  if (error instanceof OptionError) {
    switch (error.code) {
      case "ERR_IPA_INVALID_OPTION":
        return error.option;
      case "ERR_IPA_UNKNOWN_OPTION":
        return error.option;
      // @ts-expect-error another class's
      case "ERR_IPA_IMAGE_LIMIT":
        return "";
      default:
        return none(error.code);
    }
  }
  if (error instanceof ImageError) {
    switch (error.code) {
      case "ERR_IPA_IMAGE_FORMAT":
      case "ERR_IPA_IMAGE_CORRUPT":
      case "ERR_IPA_IMAGE_LIMIT":
      case "ERR_IPA_IO":
        return error.message;
      default:
        return none(error.code);
    }
  }
  if (error instanceof HubError) {
    switch (error.code) {
      case "ERR_IPA_NOT_FOUND":
      case "ERR_IPA_NETWORK":
      case "ERR_IPA_OFFLINE":
      case "ERR_IPA_ACCESS":
      case "ERR_IPA_CHECKSUM":
        return error.repo;
      default:
        return none(error.code);
    }
  }
  if (error instanceof InstallError) {
    switch (error.code) {
      case "ERR_IPA_ADDON_MISSING":
      case "ERR_IPA_SHARP_MISSING":
      case "ERR_IPA_HUB_MISSING":
      case "ERR_IPA_FASTIFY_MISSING":
      case "ERR_IPA_FILES_MISSING":
      case "ERR_IPA_CUDA_MISSING":
        return error.message;
      default:
        return none(error.code);
    }
  }
  if (error instanceof DisposedError) holds<Equal<(typeof error)["code"], "ERR_IPA_DISPOSED">>();
  if (error instanceof CrashError) holds<Equal<(typeof error)["code"], "ERR_IPA_CRASHED">>();
  return error instanceof IpAdapterError ? error.code : "";
}

/** A pool takes what a pipeline does, and gives the same. */
export async function pools(): Promise<void> {
  await using pool = await EnginePool.create({ model: "model", children: 2, coresPerChild: 1, memoryPerChild: 4e9 });
  const { images } = await pool.generate({ steps: 2, output: "latents" });
  holds<Equal<typeof images, []>>();
  const made = await pool.generate("a cat", { steps: 3 });
  holds<Equal<typeof made.images, GeneratedImage[]>>();
  // @ts-expect-error -- it is an option of create()
  await pool.generate({ children: 2 });
}
