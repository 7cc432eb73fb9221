/** `node-ip-adapter generate` */
import { randomInt } from "node:crypto";

import type { Command } from "commander";

import { OptionError } from "../errors";
import { writeSheet } from "../image/sheet";
import { CallSite } from "../native/call";
import { GenerateSchema, PreviewSchema } from "../options/generate-schema";
import type { ObjectSchema } from "../options/json-schema";
import { InpaintSchema, LoadSchema } from "../options/load-schema";
import { readOptions } from "../options/validate";
import { Pipeline } from "../pipeline";
import type { BatchProgressEvent } from "../batch";
import type { ProgressEvent } from "../progress";
import type { GenerateOptions, InpaintOptions, LoadOptions } from "../types";
import { DownloadReport } from "./download";
import type { Environment } from "./environment";
import { FLAGLESS } from "./flag-names";
import { CONTROL_SETTING_NAMES, OrderedFlags, SETTING_NAMES, parseMargins, parseNumber, parseTwo } from "./flags";
import { readPrompts, readRows, saveLatents } from "./generate-files";
import { attentionFlags, writeAttentionSheet } from "./attention-sheet";
import { type Axis, batchItems, itemFile, parseAxis, readPromptFile, sheetLabels } from "./batch";
import { settingsFrom } from "./from";
import { addFlags, help, readFlags } from "./option-flags";
import { checkImageOutput, checkOutput, outputFile } from "./output";
import { formatSeconds, progressFor } from "./report";

/** What the options become; the others have a flag of their name. */
interface GenerateFlags {
  output: string;
  saveLatents?: string;
  latents?: string;
  featureCache?: string;
  variation?: string;
  hires?: string;
  outpaint?: string;
  inpaintHead?: string;
  inpaintPatch?: string;
  inpaintWeight?: string;
  preview?: string;
  previewDecoder?: string;
  json?: boolean;
  from?: string;
  metadata: boolean;
  prompts?: string;
  sheet?: string;
  attentionMaps?: string;
  attentionLayers?: string;
}

/** Options whose flags have a form of their own, or none. */
const OWN_FORM = [
  ...FLAGLESS,
  "latents",
  "featureCache",
  "variation",
  "hires",
  "outpaint",
  "output",
  "preview",
  "attentionMaps",
];
const namesOf = ({ properties }: ObjectSchema): string[] =>
  Object.keys(properties).filter((name) => !OWN_FORM.includes(name));
const GENERATE = namesOf(GenerateSchema);
const LOAD = namesOf(LoadSchema);

export function addGenerate(program: Command, environment: Environment): void {
  const order = new OrderedFlags();
  const grid: Axis[] = [];
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
      "--variation <seed:strength>",
      "turn the noise of --seed so far, 0 to 1, towards that of another seed; with --count towards the next ones",
    )
    .option(
      "--hires <scale[:strength]>",
      "enlarge the picture so many times (1 to 4) and go over it once more with this strength (0 to 1) [0.5]",
    )
    .option(
      "--outpaint <left,top,right,bottom>",
      "paint so many pixels beyond the sides of --image (0 to 4096), which stays as it is",
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
    .option("--inpaint-head <path>", help(InpaintSchema.properties.head))
    .option("--inpaint-patch <path>", help(InpaintSchema.properties.patch))
    .option("--inpaint-weight <x>", help(InpaintSchema.properties.weight))
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
    .option(
      "--from <picture>",
      "the settings of a picture that this program made, which it repeats bit for bit; other flags go over them",
    )
    .option("--no-metadata", "do not write the settings into the picture files")
    .option("--prompts <file>", "a call for each line of a text file; lines that begin with # are comments")
    .option(
      "--grid <name=value,value>",
      "a call for each value, such as scale=0.4,0.7,1 (of all image prompts) or seed=1,2,3; repeat for all combinations",
      (text: string) => {
        grid.push(parseAxis(text));
        return grid;
      },
    )
    .option("--sheet <file>", "all pictures on one, with labels; the last --grid goes across")
    .option(
      "--attention-maps <file>",
      "where in the picture each word and each image prompt acts, as heat maps on one sheet with labels",
    )
    .option(
      "--attention-layers <list>",
      "the attentions that these maps are the mean of: all, or indices, names or blocks such as up.block_1,mid [all]",
    )
    .option("--save-latents <file>", "safetensors file for the latents: tensor latents (n, 4, h, w)")
    .option("--json", "one JSON object a line on standard output: progress, result")
    .action((flags: GenerateFlags) => runGenerate(flags, order, grid, environment));
}

async function runGenerate(
  flags: GenerateFlags,
  order: OrderedFlags,
  grid: readonly Axis[],
  environment: Environment,
): Promise<void> {
  const { signal } = environment;
  const output = checkImageOutput(flags.output, "--output");
  const latentsFile = flags.saveLatents === undefined ? undefined : checkOutput(flags.saveLatents, "--save-latents");
  if (latentsFile === output)
    throw new OptionError(
      "--save-latents",
      "expected another file than --output: the latents would replace the picture",
    );
  const given = { options: generateOptions(flags, order), load: loadOptions(flags, order) };
  // Bad values are reported before the model is read.
  readOptions(LoadSchema, given.load);
  readOptions(GenerateSchema, given.options);
  const addon = environment.addon();
  if (order.prompts.length > 0) given.options.imagePrompts = await readPrompts(order, addon, signal);
  if (flags.latents !== undefined) given.options.latents = await readRows(addon, flags.latents, "latents", signal);
  const { options, load } = flags.from === undefined ? given : await settingsFrom(flags.from, output, given);
  const sheet = flags.sheet === undefined ? undefined : checkImageOutput(flags.sheet, "--sheet");
  const maps =
    flags.attentionMaps === undefined ? undefined : checkImageOutput(flags.attentionMaps, "--attention-maps");
  const prompts = flags.prompts === undefined ? [] : await readPromptFile(flags.prompts);
  // One seed for all of a grid, so that only what it names differs.
  if (grid.length > 0) options.seed ??= randomInt(2 ** 32);
  const items = batchItems(options, prompts, grid);
  for (const { options: item } of items) readOptions(GenerateSchema, item);
  if (items.length > 1 && latentsFile !== undefined)
    throw new OptionError("--save-latents", "expected one call but there are several: leave out --prompts and --grid");
  if (items.length > 1 && maps !== undefined)
    throw new OptionError(
      "--attention-maps",
      "expected one call but there are several: leave out --prompts and --grid",
    );
  if (sheet !== undefined && (options.count ?? 1) > 1)
    throw new OptionError("--sheet", "expected one picture per call: use --grid seed=1,2,3 in place of --count");

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
    const fileOf = (item: number, seed: number): string =>
      outputFile(itemFile(output, item, items.length), seed, options.count ?? 1);
    const calls = items.map(({ options: item }) => ({ ...item, metadata: flags.metadata }));
    const onProgress = ({ item, step, total, image, seed, preview, tile, tiles }: BatchProgressEvent): void => {
      const [done, all] = [item * total + step, items.length * total];
      if (flags.json === true) environment.json({ type: "progress", step: done, total: all, image, seed, tile, tiles });
      else progress.update(done, all, tile === undefined ? "" : `decoded ${tile}/${tiles ?? ""}`);
      // The next preview, and the finished picture, wait for the writing of this one.
      if (preview !== undefined) {
        const file = fileOf(item, seed);
        previews.push(Promise.allSettled(previews.splice(0)).then(() => preview.toFile(file)));
      }
    };
    // Variations have one seed: their files are told apart by the seeds that they turn towards.
    const nameOf = (item: number, seed: number, i: number): number => {
      const variation = items[item]?.options.variation;
      return variation === undefined ? seed : variation.seed + i;
    };
    const only = (event: ProgressEvent): void => onProgress({ ...event, item: 0, items: 1 });
    const results =
      calls.length === 1
        ? [await pipeline.generate({ ...calls[0], signal, onProgress: only })]
        : await pipeline.generateBatch(calls, { signal, onProgress });
    await Promise.all(previews);
    const made = results.flatMap(({ images, seeds }, item) =>
      seeds.map((seed, i) => ({ file: fileOf(item, nameOf(item, seed, i)), seed, image: images[i] })),
    );
    for (const { file, image } of made) await image?.toFile(file);
    const [result] = results;
    if (latentsFile !== undefined && result !== undefined) await saveLatents(addon, latentsFile, result);
    if (sheet !== undefined)
      await writeSheet(sheet, { ...sheetLabels(items, grid), images: made.flatMap(({ image }) => image ?? []) });
    if (maps !== undefined && result !== undefined) await writeAttentionSheet(maps, result);
    progress.end();
    const seconds = { load: (loaded - started) / 1000, generate: (environment.now() - loaded) / 1000 };
    if (flags.json === true) {
      const written = made.map(({ file, seed, image }) => ({ file, seed, width: image?.width, height: image?.height }));
      const attention = maps === undefined ? {} : { attentionMaps: maps };
      environment.json({ type: "result", images: written, latents: latentsFile ?? null, ...attention, seconds });
    } else {
      for (const { file, seed } of made) environment.out.write(`${file} (seed ${seed})\n`);
      if (sheet !== undefined) environment.out.write(`${sheet}\n`);
      if (maps !== undefined) environment.out.write(`${maps}\n`);
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
  const inpaint = inpaintOptions(flags);
  if (inpaint !== undefined) options["inpaint"] = inpaint;
  if (order.embeddings.length > 0) options["embeddings"] = order.embeddings;
  return options;
}

function inpaintOptions({
  inpaintHead: head,
  inpaintPatch: patch,
  inpaintWeight: weight,
}: GenerateFlags): InpaintOptions | undefined {
  if (head === undefined && patch === undefined && weight === undefined) return undefined;
  if (head === undefined) throw new OptionError("--inpaint-head", "expected beside the other flags of inpaint: add it");
  if (patch === undefined) throw new OptionError("--inpaint-patch", "expected beside --inpaint-head: add it");
  return { head, patch, ...(weight === undefined ? {} : { weight: parseNumber(weight, "--inpaint-weight") }) };
}

function generateOptions(flags: GenerateFlags, order: OrderedFlags): GenerateOptions {
  const options = readFlags({ ...flags }, GenerateSchema, GENERATE);
  if (order.controlImages.length > 0) options["controls"] = order.controlImages;
  if (flags.featureCache !== undefined)
    options["featureCache"] = parseTwo(flags.featureCache, "--feature-cache", ["every", "depth"]);
  if (flags.variation !== undefined)
    options["variation"] = parseTwo(flags.variation, "--variation", ["seed", "strength"], true);
  if (flags.hires !== undefined) options["hires"] = parseTwo(flags.hires, "--hires", ["scale", "strength"]);
  if (flags.outpaint !== undefined) options["outpaint"] = parseMargins(flags.outpaint, "--outpaint");
  Object.assign(options, attentionFlags(flags.attentionMaps, flags.attentionLayers));
  if (flags.preview !== undefined)
    options["preview"] = { every: parseNumber(flags.preview, "--preview"), decoder: flags.previewDecoder };
  else if (flags.previewDecoder !== undefined)
    throw new OptionError("--preview-decoder", "expected --preview N beside it, which says how often: add it");
  return options;
}
