/** The flags of `generate`, and the options that they mean. */
import type { Command } from "commander";

import { OptionError } from "../errors";
import { GenerateSchema } from "../options/generate-schema";
import { PreviewSchema } from "../options/parts-schema";
import type { ObjectSchema } from "../options/json-schema";
import { InpaintSchema, LoadSchema } from "../options/load-schema";
import type { GenerateOptions, InpaintOptions, LoadOptions } from "../types";
import { attentionFlags } from "./attention-sheet";
import { type Axis, parseAxis } from "./batch";
import { addDeviceFlags, devicesOptions } from "./device-flags";
import { FLAGLESS } from "./flag-names";
import { CONTROL_SETTING_NAMES, NEGATIVE_SETTING_NAMES, SETTING_NAMES } from "./file-flags";
import { OrderedFlags } from "./flags";
import { parseMargins, parseNumber, parseTwo } from "./numbers";
import { addFlags, help, readFlags } from "./option-flags";

/** What the options become; the others have a flag of their name. */
export interface GenerateFlags {
  output: string;
  saveLatents?: string;
  latents?: string;
  promptEmbeds?: string;
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
  options?: string;
  metadata: boolean;
  prompts?: string;
  sheet?: string;
  attentionMaps?: string;
  attentionLayers?: string;
}

/** Options whose flags have a form of their own, or none. */
const OWN_FORM = [
  ...FLAGLESS,
  "promptEmbeds",
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

/** Flags that may be repeated. */
export interface Repeated {
  order: OrderedFlags;
  grid: readonly Axis[];
}

/** @returns where the flags that may be repeated are when the command runs */
export function addGenerateFlags(command: Command): Repeated {
  const order = new OrderedFlags();
  const grid: Axis[] = [];
  addListFlags(command, order);
  addCallFlags(command);
  addLoadFlags(command, order);
  addOutputFlags(command, grid);
  return { order, grid };
}

/** Those of lists that a call has. */
function addListFlags(command: Command, order: OrderedFlags): void {
  command
    .option(
      "--image-prompt <img[:scale][,name=value]>",
      `picture to take after, with its strength; repeat for more; goes to the --adapter before it. Names are ${SETTING_NAMES.join(", ")}. Or all of it as JSON, which has scales by block and curves too: {"image":"cat.png","scale":{"up":{"block_1":[0,0.5]}}}`,
      order.addImage,
    )
    .option(
      "--negative-image-prompt <img[,name=value]>",
      `picture to lead away from; repeat for more; goes to the --adapter before it. Names are ${NEGATIVE_SETTING_NAMES.join(", ")}. Or as JSON, which needs no picture: {"kind":"black"}`,
      order.addNegative,
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
    .option(
      "--control-image <img[:scale][,name=value]>",
      `picture that gives the structure, with its strength; repeat for more; goes to the --control before it. Names are ${CONTROL_SETTING_NAMES.join(", ")}. Or all of it as JSON, which has the numbers of preprocess too: {"image":"cat.png","preprocess":{"canny":{"low":50,"high":150}}}`,
      order.addControlImage,
    )
    .option(
      "--region <json>",
      'part of the picture with a prompt of its own, as JSON: {"mask":"left.png","prompt":"a cat"}; repeat for more',
      order.addRegion,
    );
}

function addCallFlags(command: Command): void {
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
      "--prompt-embeds <file>",
      "safetensors file in place of --prompt and --negative-prompt, with the tensors prompt_embeds, negative_prompt_embeds and for SDXL pooled_prompt_embeds, negative_pooled_prompt_embeds of diffusers",
    )
    .option(
      "--latents <file>",
      "safetensors file with a tensor latents (n, 4, h, w), as --save-latents writes it: to start from",
    )
    .option("--preview <n>", "every n steps, write the unfinished picture to --output")
    .option("--preview-decoder <name>", help(PreviewSchema.properties.decoder));
}

function addLoadFlags(command: Command, order: OrderedFlags): void {
  addDeviceFlags(addFlags(command, LoadSchema, LOAD))
    .option("--no-zero-snr", "leave the noise schedule as it is, whatever the files say")
    .option(
      "--adapter <file>",
      "IP-Adapter file, or JSON with its file and options; repeat for more [the shipped one, without --model]",
      order.addAdapter,
    )
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
    );
}

/** What is written, and of which calls. */
function addOutputFlags(command: Command, grid: Axis[]): void {
  command
    .option(
      "--output <file>",
      "picture to write (.png, .jpg, .webp); with --count the seed is added to each name",
      "out.png",
    )
    .option(
      "--from <picture>",
      "the settings of a picture that this program made, which it repeats bit for bit; other flags go over them",
    )
    .option(
      "--options <file>",
      "JSON file with options of generate() as the API has them; paths in it are relative to the working directory; other flags go over them",
    )
    .option("--no-metadata", "do not write the settings into the picture files")
    .option(
      "--prompts <file>",
      "a call for each line of a text file, in place of --prompt; lines that begin with # are comments. All have the --seed, or each one of chance",
    )
    .option(
      "--grid <name=value,value>",
      "a call for each value, such as scale=0.4,0.7,1 (of all image prompts) or seed=1,2,3; repeat with other names for all combinations. All have the --seed, or one of chance together",
      (text: string) => {
        grid.push(parseAxis(text));
        return grid;
      },
    )
    .option("--sheet <file>", "all pictures on one, with labels; the last --grid goes across")
    .option(
      "--attention-maps <file>",
      "where in the picture each word and each image prompt acts, those of regions too, as heat maps on one sheet with labels",
    )
    .option(
      "--attention-layers <list>",
      "the attentions that these maps are the mean of: all, or indices, names or blocks such as up.block_1,mid [all]",
    )
    .option("--save-latents <file>", "safetensors file for the latents: tensor latents (n, 4, h, w)")
    .option("--json", "one JSON object a line on standard output: progress, result");
}

export function loadOptions(flags: GenerateFlags, order: OrderedFlags): LoadOptions {
  const options = readFlags({ ...flags }, LoadSchema, LOAD);
  if (order.adapters.length > 0) options["adapters"] = order.adapters;
  if (order.loras.length > 0) options["loras"] = order.loras.map(({ path, scale }) => ({ file: path, weight: scale }));
  if (order.controls.length > 0) options["controls"] = order.controls;
  const devices = devicesOptions({ ...flags });
  if (devices !== undefined) options["devices"] = devices;
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

export function generateOptions(flags: GenerateFlags, order: OrderedFlags): GenerateOptions {
  const options = readFlags({ ...flags }, GenerateSchema, GENERATE);
  if (order.controlImages.length > 0) options["controls"] = order.controlImages;
  if (order.negatives.length > 0) options["negativeImagePrompts"] = order.negatives;
  if (order.regions.length > 0) options["regions"] = order.regions;
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
