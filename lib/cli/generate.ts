/** `node-ip-adapter generate` */
import { resolve } from "node:path";

import type { Command } from "commander";

import { loadEmbedsWith } from "../embeds/file";
import { ImageEmbeds, picturesOf, shapeText } from "../embeds/image-embeds";
import { OptionError } from "../errors";
import type { ImagePrompt } from "../image-prompt";
import { throwIfAborted } from "../abort-signal";
import { CallSite, startNative } from "../native/call";
import type { NativeAddon } from "../native/contract";
import type { Schema } from "../options/json-schema";
import { GenerateSchema } from "../options/generate-schema";
import { LoadSchema } from "../options/load-schema";
import { PREDICTIONS, PREVIEW_DECODERS, SCHEDULERS, SIGMAS, VAE_TILINGS } from "../options/names";
import { readOptions } from "../options/validate";
import { Pipeline } from "../pipeline";
import type { GenerateOptions, GenerateResult, LoadOptions } from "../types";
import { DownloadReport } from "./download";
import type { Environment } from "./environment";
import { flagOf } from "./flag-names";
import { OrderedFlags, parseFeatureCache, parseNumber, parsePair } from "./flags";
import { checkImageOutput, checkOutput, outputFile } from "./output";
import { formatSeconds, progressFor } from "./report";

interface GenerateFlags {
  model?: string;
  unet?: string;
  vae?: string;
  imageEncoder?: string;
  prediction?: string;
  zeroSnr?: boolean;
  vaeScalingFactor?: string;
  dtype?: string;
  threads?: string;
  offline?: boolean;
  prompt?: string;
  negativePrompt?: string;
  promptSyntax?: string;
  image?: string;
  mask?: string;
  imageGuidance?: string;
  scheduler?: string;
  sigmas?: string;
  steps?: string;
  guidance?: string;
  guidanceInterval?: string;
  featureCache?: string;
  tokenMerging?: string;
  clipSkip?: string;
  originalSize?: string;
  targetSize?: string;
  cropOffset?: string;
  aestheticScore?: string;
  negativeAestheticScore?: string;
  denoisingStart?: string;
  denoisingEnd?: string;
  latents?: string;
  eta?: string;
  seed?: string;
  width?: string;
  height?: string;
  count?: string;
  output: string;
  saveLatents?: string;
  preview?: string;
  vaeTiling?: string;
  vaeTile?: string;
  memoryBudget?: string;
  previewDecoder?: string;
  json?: boolean;
}

/** Help text of an API option, from its schema. */
export function help(schema: typeof LoadSchema | typeof GenerateSchema, name: string): string {
  const {
    description = "",
    minimum,
    maximum,
    default: value,
    "x-default": otherwise,
  }: Schema = (schema.properties as Readonly<Record<string, Schema>>)[name] ?? schema;
  const range =
    minimum !== undefined && maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER
      ? ` (${minimum} to ${maximum})`
      : "";
  const words = otherwise === undefined ? "" : `; default: ${otherwise}`;
  return `${description}${words}${range}${value === undefined || value === "" ? "" : ` [${JSON.stringify(value)}]`}`;
}

export function addGenerate(program: Command, environment: Environment): void {
  const order = new OrderedFlags();
  program
    .command("generate")
    .description("make pictures from a text prompt, image prompts, or both")
    .option("--prompt <text>", help(GenerateSchema, "prompt"))
    .option("--negative-prompt <text>", help(GenerateSchema, "negativePrompt"))
    .option("--prompt-syntax <syntax>", help(GenerateSchema, "promptSyntax"))
    .option(
      "--image-prompt <img[:scale]>",
      "picture to take after, with its strength; repeat for more; goes to the --adapter before it",
      order.addImage,
    )
    .option(
      "--image-embeds <file[:scale]>",
      "file of embeddings instead of pictures: what the command encode writes, or .ipadpt of ComfyUI or diffusers",
      order.addEmbeds,
    )
    .option(
      "--face-embeds <file[:scale]>",
      "safetensors file with a tensor face_embeds (n, 512): faces for FaceID adapters; with FaceID Plus one for each picture, in their order",
      order.addFaces,
    )
    .option("--image <img>", help(GenerateSchema, "image"))
    .option("--mask <img>", help(GenerateSchema, "mask"))
    .option("--image-guidance <g>", help(GenerateSchema, "imageGuidance"))
    .option("--model <model>", help(LoadSchema, "model"))
    .option("--adapter <file>", "IP-Adapter file; repeat for more [the shipped one, without --model]", order.addAdapter)
    .option(
      "--adapter-encoder <encoder>",
      "CLIP vision encoder for the --adapter before it alone",
      order.addAdapterEncoder,
    )
    .option(
      "--lora <file[:weight]>",
      "LoRA to add to the UNet and the text encoders, with its strength; repeat for more",
      order.addLora,
    )
    .option(
      "--embedding <file[=token]>",
      "textual inversion, with what stands for it in prompts; repeat for more",
      order.addEmbedding,
    )
    .option("--unet <folder>", help(LoadSchema, "unet"))
    .option("--vae <folder>", help(LoadSchema, "vae"))
    .option("--image-encoder <encoder>", help(LoadSchema, "imageEncoder"))
    .option("--prediction <type>", `${help(LoadSchema, "prediction")} (${PREDICTIONS.join(", ")})`)
    .option("--zero-snr", help(LoadSchema, "zeroSnr"))
    .option("--no-zero-snr", "leave the noise schedule as it is, whatever the files say")
    .option("--vae-scaling-factor <f>", help(LoadSchema, "vaeScalingFactor"))
    .option("--dtype <type>", help(LoadSchema, "dtype"))
    .option("--threads <n>", help(LoadSchema, "threads"))
    .option("--offline", help(LoadSchema, "offline"))
    .option("--scheduler <name>", `${help(GenerateSchema, "scheduler")} (${SCHEDULERS.join(", ")})`)
    .option(
      "--sigmas <name>",
      `${help(GenerateSchema, "sigmas")} (${SIGMAS.join(", ")}, or numbers with commas between)`,
    )
    .option("--steps <n>", help(GenerateSchema, "steps"))
    .option("--guidance <g>", help(GenerateSchema, "guidance"))
    .option("--guidance-interval <start,end>", help(GenerateSchema, "guidanceInterval"))
    .option(
      "--feature-cache <n[:depth]>",
      "run the whole UNet every n steps (2 to 10), in between only its outer layers, depth skip connections of them [1]; faster, another picture",
    )
    .option("--token-merging <ratio>", help(GenerateSchema, "tokenMerging"))
    .option("--clip-skip <layers>", help(GenerateSchema, "clipSkip"))
    .option("--original-size <width,height>", help(GenerateSchema, "originalSize"))
    .option("--target-size <width,height>", help(GenerateSchema, "targetSize"))
    .option("--crop-offset <left,top>", help(GenerateSchema, "cropOffset"))
    .option("--aesthetic-score <s>", help(GenerateSchema, "aestheticScore"))
    .option("--negative-aesthetic-score <s>", help(GenerateSchema, "negativeAestheticScore"))
    .option("--denoising-start <share>", help(GenerateSchema, "denoisingStart"))
    .option("--denoising-end <share>", help(GenerateSchema, "denoisingEnd"))
    .option(
      "--latents <file>",
      "safetensors file with a tensor latents (n, 4, h, w), as --save-latents writes it: to start from",
    )
    .option("--eta <eta>", help(GenerateSchema, "eta"))
    .option("--seed <s>", help(GenerateSchema, "seed"))
    .option("--width <pixels>", help(GenerateSchema, "width"))
    .option("--height <pixels>", help(GenerateSchema, "height"))
    .option("--count <n>", help(GenerateSchema, "count"))
    .option(
      "--output <file>",
      "picture to write (.png, .jpg, .webp); with --count the seed is added to each name",
      "out.png",
    )
    .option("--save-latents <file>", "safetensors file for the latents: tensor latents (n, 4, h, w)")
    .option("--preview <n>", "every n steps, write the unfinished picture to --output")
    .option("--vae-tiling <when>", `${help(GenerateSchema, "vaeTiling")} (${VAE_TILINGS.join(", ")})`)
    .option("--vae-tile <pixels>", help(GenerateSchema, "vaeTile"))
    .option("--memory-budget <bytes>", help(GenerateSchema, "memoryBudget"))
    .option(
      "--preview-decoder <name>",
      `${PREVIEW_DECODERS.join(" or ")}: the picture in full size, or a pixel a latent at next to no cost ["vae"]`,
    )
    .option("--json", "one JSON object a line on standard output: progress, result")
    .action((flags: GenerateFlags) => runGenerate(flags, order, environment));
}

async function runGenerate(flags: GenerateFlags, order: OrderedFlags, environment: Environment): Promise<void> {
  const { signal } = environment;
  const output = checkImageOutput(flags.output, "--output");
  const latentsFile = flags.saveLatents === undefined ? undefined : checkOutput(flags.saveLatents, "--save-latents");
  if (latentsFile === output)
    throw new OptionError(
      "--save-latents",
      "expected another file than --output: the latents would replace the picture",
    );
  const options = generateOptions(flags);
  const load = loadOptions(flags, order);
  // Bad values are reported before the model is read.
  readOptions(LoadSchema, load);
  readOptions(GenerateSchema, options);
  const addon = environment.addon();
  const imagePrompts = await readPrompts(order, addon, signal);
  if (flags.latents !== undefined) options.latents = await readRows(addon, flags.latents, "latents", signal);

  const started = environment.now();
  const report = new DownloadReport(environment, flags.json === true);
  await using pipeline = await Pipeline.loadWith(
    () => addon,
    { ...load, signal, onProgress: report.onProgress },
    new CallSite(),
  ).finally(() => report.end());
  const loaded = environment.now();
  const progress = progressFor(environment.err, environment.now, flags.json === true);
  const previews: Promise<unknown>[] = [];
  try {
    const result = await pipeline.generate({
      ...options,
      imagePrompts,
      signal,
      onProgress: ({ step, total, image, seed, preview, tile, tiles }) => {
        if (flags.json === true) environment.json({ type: "progress", step, total, image, seed, tile, tiles });
        else progress.update(step, total, tile === undefined ? "" : `decoded ${tile}/${tiles ?? ""}`);
        // The next preview, and the finished picture, wait for the writing of this one.
        if (preview !== undefined) {
          const file = outputFile(output, seed, options.count ?? 1);
          previews.push(Promise.allSettled(previews.splice(0)).then(() => preview.toFile(file)));
        }
      },
    });
    await Promise.all(previews);
    const files = result.seeds.map((seed) => outputFile(output, seed, result.seeds.length));
    for (const [i, file] of files.entries()) await result.images[i]?.toFile(file);
    if (latentsFile !== undefined) await saveLatents(addon, latentsFile, result);
    progress.end();
    const seconds = { load: (loaded - started) / 1000, generate: (environment.now() - loaded) / 1000 };
    if (flags.json === true) {
      const written = files.map((file, i) => ({
        file,
        seed: result.seeds[i],
        width: result.images[i]?.width,
        height: result.images[i]?.height,
      }));
      environment.json({ type: "result", images: written, latents: latentsFile ?? null, seconds });
    } else {
      files.forEach((file, i) => environment.out.write(`${file} (seed ${result.seeds[i] ?? ""})\n`));
      if (latentsFile !== undefined) environment.out.write(`${latentsFile}\n`);
      environment.err.write(
        `loaded in ${formatSeconds(loaded - started)}, generated in ${formatSeconds(environment.now() - loaded)}\n`,
      );
    }
  } finally {
    progress.end();
    await Promise.allSettled(previews);
  }
}

function loadOptions(flags: GenerateFlags, order: OrderedFlags): LoadOptions {
  const options: Record<string, unknown> = {};
  if (flags.model !== undefined) options["model"] = flags.model;
  if (order.adapters.length > 0) options["adapters"] = order.adapters;
  if (order.loras.length > 0) options["loras"] = order.loras.map(({ path, scale }) => ({ file: path, weight: scale }));
  if (order.embeddings.length > 0) options["embeddings"] = order.embeddings;
  if (flags.unet !== undefined) options["unet"] = flags.unet;
  if (flags.vae !== undefined) options["vae"] = flags.vae;
  if (flags.imageEncoder !== undefined) options["imageEncoder"] = flags.imageEncoder;
  if (flags.prediction !== undefined) options["prediction"] = flags.prediction;
  if (flags.zeroSnr !== undefined) options["zeroSnr"] = flags.zeroSnr;
  if (flags.vaeScalingFactor !== undefined)
    options["vaeScalingFactor"] = parseNumber(flags.vaeScalingFactor, "--vae-scaling-factor");
  if (flags.dtype !== undefined) options["dtype"] = flags.dtype;
  if (flags.offline !== undefined) options["offline"] = flags.offline;
  if (flags.threads !== undefined) options["threads"] = parseNumber(flags.threads, "--threads");
  return options;
}

function generateOptions(flags: GenerateFlags): GenerateOptions {
  const options: Record<string, unknown> = {};
  for (const name of ["prompt", "negativePrompt", "promptSyntax", "image", "mask", "scheduler"] as const) {
    if (flags[name] !== undefined) options[name] = flags[name];
  }
  if (flags.sigmas !== undefined)
    options["sigmas"] = /^[-+.\d]/.test(flags.sigmas)
      ? flags.sigmas.split(",").map((part) => parseNumber(part, "--sigmas"))
      : flags.sigmas;
  for (const name of ["steps", "guidance", "eta", "seed", "width", "height", "count"] as const) {
    if (flags[name] !== undefined) options[name] = parseNumber(flags[name], `--${name}`);
  }
  for (const name of [
    "clipSkip",
    "aestheticScore",
    "negativeAestheticScore",
    "denoisingStart",
    "denoisingEnd",
  ] as const) {
    if (flags[name] !== undefined) options[name] = parseNumber(flags[name], flagOf(name));
  }
  for (const name of ["originalSize", "targetSize", "cropOffset"] as const) {
    if (flags[name] !== undefined) options[name] = parsePair(flags[name], flagOf(name));
  }
  if (flags.imageGuidance !== undefined)
    options["imageGuidance"] = parseNumber(flags.imageGuidance, "--image-guidance");
  if (flags.vaeTiling !== undefined) options["vaeTiling"] = flags.vaeTiling;
  if (flags.vaeTile !== undefined) options["vaeTile"] = parseNumber(flags.vaeTile, "--vae-tile");
  if (flags.memoryBudget !== undefined) options["memoryBudget"] = parseNumber(flags.memoryBudget, "--memory-budget");
  if (flags.guidanceInterval !== undefined)
    options["guidanceInterval"] = parsePair(flags.guidanceInterval, "--guidance-interval");
  if (flags.featureCache !== undefined)
    options["featureCache"] = parseFeatureCache(flags.featureCache, "--feature-cache");
  if (flags.tokenMerging !== undefined) options["tokenMerging"] = parseNumber(flags.tokenMerging, "--token-merging");
  if (flags.preview !== undefined)
    options["preview"] = { every: parseNumber(flags.preview, "--preview"), decoder: flags.previewDecoder };
  else if (flags.previewDecoder !== undefined)
    throw new OptionError("--preview-decoder", "expected --preview N beside it, which says how often: add it");
  return options;
}

async function readPrompts(order: OrderedFlags, addon: NativeAddon, signal: AbortSignal): Promise<ImagePrompt[]> {
  const prompts: ImagePrompt[] = [];
  const faces: ImagePrompt[] = [];
  for (const flag of order.prompts) {
    const { adapter, scale, path, kind } = flag;
    if (kind === "image") prompts.push({ image: path, adapter, scale });
    else if (kind === "embeds")
      for (const embeds of await readEmbeds(addon, path, adapter, signal)) prompts.push({ embeds, adapter, scale });
    else
      for (const faceEmbeds of await readRows(addon, path, "face_embeds", signal))
        faces.push({ faceEmbeds, adapter, scale });
  }
  return joinFaces(prompts, faces);
}

/** Adapters that were given both get each face with its picture. */
function joinFaces(pictures: readonly ImagePrompt[], faces: readonly ImagePrompt[]): ImagePrompt[] {
  const result = [...pictures];
  for (const index of new Set(faces.map(({ adapter }) => adapter))) {
    const own = faces.filter(({ adapter }) => adapter === index);
    const beside = result.filter(({ adapter }) => adapter === index);
    if (beside.length > 0 && beside.length !== own.length) {
      throw new OptionError(
        "--face-embeds",
        `expected as many faces as pictures of the adapter, ${beside.length}, but received ${own.length}`,
      );
    }
    if (beside.length === 0) result.push(...own);
    else beside.forEach((prompt, i) => (prompt.faceEmbeds = own[i]?.faceEmbeds));
  }
  return result;
}

/** Each picture's, so that each may get a face. */
async function readEmbeds(
  addon: NativeAddon,
  path: string,
  adapter: number,
  signal: AbortSignal,
): Promise<ImageEmbeds[]> {
  const embeds = await loadEmbedsWith(addon, { path, adapter, option: "--image-embeds", signal }, new CallSite());
  const shape = [1, ...embeds.shape.slice(1)];
  return picturesOf({ data: embeds, shape: embeds.shape }).map((one) => new ImageEmbeds(one, shape));
}

/** The rows of a file's tensor: of (n, ...) there are n. */
async function readRows(
  addon: NativeAddon,
  path: string,
  name: "face_embeds" | "latents",
  signal: AbortSignal,
): Promise<Float32Array[]> {
  throwIfAborted(signal);
  const file = resolve(path);
  const { shape, data } = await startNative<{ shape: number[]; data: ArrayBuffer }>(new CallSite(), signal, (done) =>
    addon.readTensor(file, name, done),
  ).result;
  const count = shape[0] ?? 0;
  const [least, most, form] = name === "latents" ? [4, 4, "(n, channels, h, w)"] : [2, 2, "(n, d)"];
  if (shape.length < least || shape.length > most || count < 1) {
    throw new OptionError(
      `--${name.replace("_", "-")}`,
      `expected a tensor ${name} of shape ${form} but ${file} has ${shapeText(shape)}`,
    );
  }
  return picturesOf({ data: new Float32Array(data), shape });
}

async function saveLatents(addon: NativeAddon, file: string, { latents, latentShape }: GenerateResult): Promise<void> {
  const size = latentShape.reduce((product, side) => product * side, 1);
  const data = new Float32Array(latents.length * size);
  latents.forEach((entry, i) => data.set(entry, i * size));
  const tensor = { name: "latents", shape: [latents.length, ...latentShape], data };
  await startNative<undefined>(new CallSite(), undefined, (done) =>
    addon.writeTensors(file, [tensor], done as (error: unknown) => void),
  ).result;
}
