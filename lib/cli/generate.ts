/** `node-ip-adapter generate` */
import type { Command } from "commander";

import { OptionError } from "../errors";
import { CallSite } from "../native/call";
import { GenerateSchema, PreviewSchema } from "../options/generate-schema";
import type { ObjectSchema } from "../options/json-schema";
import { LoadSchema } from "../options/load-schema";
import { readOptions } from "../options/validate";
import { Pipeline } from "../pipeline";
import type { GenerateOptions, LoadOptions } from "../types";
import { DownloadReport } from "./download";
import type { Environment } from "./environment";
import { FLAGLESS } from "./flag-names";
import { CONTROL_SETTING_NAMES, OrderedFlags, SETTING_NAMES, parseFeatureCache, parseNumber } from "./flags";
import { readPrompts, readRows, saveLatents } from "./generate-files";
import { addFlags, help, readFlags } from "./option-flags";
import { checkImageOutput, checkOutput, outputFile } from "./output";
import { formatSeconds, progressFor } from "./report";

/** What the options become; the others have a flag of their name. */
interface GenerateFlags {
  output: string;
  saveLatents?: string;
  latents?: string;
  featureCache?: string;
  preview?: string;
  previewDecoder?: string;
  json?: boolean;
}

/** Options whose flags have a form of their own, or none. */
const OWN_FORM = [...FLAGLESS, "latents", "featureCache", "output", "preview"];
const namesOf = ({ properties }: ObjectSchema): string[] =>
  Object.keys(properties).filter((name) => !OWN_FORM.includes(name));
const GENERATE = namesOf(GenerateSchema);
const LOAD = namesOf(LoadSchema);

export function addGenerate(program: Command, environment: Environment): void {
  const order = new OrderedFlags();
  const command = program
    .command("generate")
    .description("make pictures from a text prompt, image prompts, or both")
    .option(
      "--image-prompt <img[:scale][,name=value]>",
      `picture to take after, with its strength; repeat for more; goes to the --adapter before it. Names are ${SETTING_NAMES.join(", ")}`,
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
    );
  command.option(
    "--control-image <img[:scale][,name=value]>",
    `picture that gives the structure, with its strength; repeat for more; goes to the --control before it. Names are ${CONTROL_SETTING_NAMES.join(", ")}`,
    order.addControlImage,
  );
  addFlags(command, GenerateSchema, GENERATE)
    .option("--no-keep-unmasked", "leave all of the result as the VAE gives it")
    .option(
      "--feature-cache <n[:depth]>",
      "run the whole UNet every n steps (2 to 10), in between only its outer layers, depth skip connections of them [1]; faster, another picture",
    )
    .option(
      "--latents <file>",
      "safetensors file with a tensor latents (n, 4, h, w), as --save-latents writes it: to start from",
    )
    .option("--preview <n>", "every n steps, write the unfinished picture to --output")
    .option("--preview-decoder <name>", help(PreviewSchema.properties.decoder));
  addFlags(command, LoadSchema, LOAD)
    .option("--no-zero-snr", "leave the noise schedule as it is, whatever the files say")
    .option("--adapter <file>", "IP-Adapter file; repeat for more [the shipped one, without --model]", order.addAdapter)
    .option(
      "--adapter-encoder <encoder>",
      "CLIP vision encoder for the --adapter before it alone",
      order.addAdapterEncoder,
    )
    .option(
      "--control <path>",
      "ControlNet, Control-LoRA or T2I-Adapter, its folder or file; repeat for more",
      order.addControl,
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
    .option(
      "--output <file>",
      "picture to write (.png, .jpg, .webp); with --count the seed is added to each name",
      "out.png",
    )
    .option("--save-latents <file>", "safetensors file for the latents: tensor latents (n, 4, h, w)")
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
  const options = generateOptions(flags, order);
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
  const options = readFlags({ ...flags }, LoadSchema, LOAD);
  if (order.adapters.length > 0) options["adapters"] = order.adapters;
  if (order.loras.length > 0) options["loras"] = order.loras.map(({ path, scale }) => ({ file: path, weight: scale }));
  if (order.controls.length > 0) options["controls"] = order.controls;
  if (order.embeddings.length > 0) options["embeddings"] = order.embeddings;
  return options;
}

function generateOptions(flags: GenerateFlags, order: OrderedFlags): GenerateOptions {
  const options = readFlags({ ...flags }, GenerateSchema, GENERATE);
  if (order.controlImages.length > 0) options["controls"] = order.controlImages;
  if (flags.featureCache !== undefined)
    options["featureCache"] = parseFeatureCache(flags.featureCache, "--feature-cache");
  if (flags.preview !== undefined)
    options["preview"] = { every: parseNumber(flags.preview, "--preview"), decoder: flags.previewDecoder };
  else if (flags.previewDecoder !== undefined)
    throw new OptionError("--preview-decoder", "expected --preview N beside it, which says how often: add it");
  return options;
}
