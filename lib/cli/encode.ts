/** `node-ip-adapter encode` */
import type { Command } from "commander";

import { combineEmbeds } from "../embeds/combine";
import { checkSavePath, saveEmbedsWith } from "../embeds/file";
import { type ImageEmbeds, shapeText } from "../embeds/image-embeds";
import { OptionError } from "../errors";
import { CallSite } from "../native/call";
import type { NativeAddon } from "../native/contract";
import { EncodePromptSchema, GenerateSchema } from "../options/generate-schema";
import { LoadSchema } from "../options/load-schema";
import { checkValue, readOptions } from "../options/validate";
import { Pipeline } from "../pipeline";
import type { EncodePromptOptions, LoadOptions } from "../types";
import { addDeviceFlags, devicesOptions, sayDevice } from "./device-flags";
import { DownloadReport } from "./download";
import type { Environment } from "./environment";
import { flagOf } from "./flag-names";
import { OrderedFlags } from "./flags";
import { addFlags, help, readFlags } from "./option-flags";
import { checkOutput } from "./output";
import { savePromptEmbeds } from "./tensor-files";

/** Options of load() that have a flag. */
const LOAD = ["model", "imageEncoder", "device", "dtype", "threads", "offline"];
/** Options of encodePrompt() beside the prompt. */
const PROMPT = ["negativePrompt", "promptSyntax", "clipSkip"];

interface EncodeFlags {
  model?: string;
  adapter?: string;
  prompt?: string;
  output: string;
  json?: boolean;
}

export function addEncode(program: Command, environment: Environment): void {
  const order = new OrderedFlags();
  const command = program
    .command("encode")
    .description(
      "make embeddings of pictures, as an adapter takes them, for --image-embeds of generate, or of --prompt, for --prompt-embeds; loads the whole model",
    )
    .argument("[images...]", "pictures, which go into one file in this order")
    .option("--prompt <text>", `in place of pictures: ${help(GenerateSchema.properties.prompt)}`);
  addFlags(command, EncodePromptSchema, PROMPT);
  addDeviceFlags(addFlags(command, LoadSchema, LOAD))
    .option(
      "--adapter <file>",
      "IP-Adapter file that embeddings of pictures are for [the shipped one, without --model]",
    )
    .option("--lora <file[:weight]>", "LoRA, which may change the text encoders; repeat for more", order.addLora)
    .option("--embedding <file[=token]>", "textual inversion in the prompts; repeat for more", order.addEmbedding)
    .option(
      "--output <file>",
      "safetensors file to write: tensor image_embeds (n, d), or (n, t, d) for adapters that take hidden states; of a prompt the tensors that --prompt-embeds reads",
      "embeds.safetensors",
    )
    .option("--json", "one JSON object a line on standard output: progress, result")
    .action((images: string[], flags: EncodeFlags) => runEncode(images, flags, order, environment));
}

async function runEncode(
  images: readonly string[],
  flags: EncodeFlags,
  order: OrderedFlags,
  environment: Environment,
): Promise<void> {
  const { signal } = environment;
  const file = checkSavePath(checkOutput(flags.output, "--output"), "--output");
  const options = readFlags({ ...flags }, EncodePromptSchema, PROMPT);
  checkAsked(images, flags, options);
  const load = loadOptions(flags, order);
  // Bad values are reported before the model is read.
  readOptions(LoadSchema, load);
  readOptions(EncodePromptSchema, options);
  checkValue(GenerateSchema.properties.prompt, flags.prompt ?? "", "prompt");
  const addon = environment.addon();
  const report = new DownloadReport(environment, flags.json === true);
  await using pipeline = await Pipeline.loadWith(
    () => addon,
    { ...load, signal, onProgress: report.onProgress },
    new CallSite(),
  ).finally(() => report.end());
  sayDevice(environment, pipeline.info);
  const { prompt } = flags;
  const { json, text } =
    prompt === undefined
      ? await encodeImages(pipeline, images, file, addon, signal)
      : await encodeText(pipeline, prompt, { ...options, signal }, file, addon);
  if (flags.json === true) environment.json({ type: "result", file, ...json });
  else environment.out.write(`${file}: ${text}\n`);
}

/** Pictures or a prompt, and what belongs to it. */
function checkAsked(
  images: readonly string[],
  { prompt, adapter }: EncodeFlags,
  options: Readonly<Record<string, unknown>>,
): void {
  if (prompt === undefined) {
    if (images.length === 0) throw new OptionError("", "expected pictures, or --prompt TEXT: add one of them");
    const [name] = Object.keys(options);
    if (name !== undefined)
      throw new OptionError(flagOf(name), "it belongs to --prompt TEXT, which is missing: add it");
    return;
  }
  if (images.length > 0)
    throw new OptionError("--prompt", "a file has embeddings of pictures or of a prompt: leave one of them out");
  if (adapter !== undefined) throw new OptionError("--adapter", "prompts are encoded without one: leave it out");
}

/** What is said of a file that was written, to programs and to people. */
interface Written {
  json: Record<string, unknown>;
  text: string;
}

async function encodeImages(
  pipeline: Pipeline,
  images: readonly string[],
  file: string,
  addon: NativeAddon,
  signal: AbortSignal,
): Promise<Written> {
  const list: ImageEmbeds[] = [];
  for (const image of images) list.push(await pipeline.encodeImage(image, { signal }));
  const embeds = combineEmbeds(list, "concat");
  await saveEmbedsWith(addon, file, embeds, "--output", new CallSite());
  const variant = pipeline.info.adapters[0]?.variant ?? "";
  const text = `image_embeds ${shapeText(embeds.shape)} for a ${variant} adapter`;
  return { json: { shape: embeds.shape, variant }, text };
}

async function encodeText(
  pipeline: Pipeline,
  prompt: string,
  options: EncodePromptOptions,
  file: string,
  addon: NativeAddon,
): Promise<Written> {
  const { info } = pipeline;
  const embeds = await pipeline.encodePrompt(prompt, options);
  const shapes = await savePromptEmbeds(addon, file, embeds, info);
  const text = Object.entries(shapes).map(([name, shape]) => `${name} ${shapeText(shape)}`);
  return { json: { shapes, family: info.family }, text: `${text.join(", ")} for ${info.family} models` };
}

function loadOptions(flags: EncodeFlags, order: OrderedFlags): LoadOptions {
  const { model, adapter, prompt } = flags;
  if (model !== undefined && adapter === undefined && prompt === undefined) {
    throw new OptionError(
      "--adapter",
      "expected the IP-Adapter file that the embeddings are for: add it, it says what is taken from the encoder",
    );
  }
  const devices = devicesOptions({ ...flags });
  const loras = order.loras.map(({ path, scale }) => ({ file: path, weight: scale }));
  return {
    ...readFlags({ ...flags }, LoadSchema, LOAD),
    ...(devices === undefined ? {} : { devices }),
    ...(adapter === undefined ? {} : { adapters: [{ file: adapter }] }),
    ...(loras.length === 0 ? {} : { loras }),
    ...(order.embeddings.length === 0 ? {} : { embeddings: order.embeddings }),
  };
}
