/** `node-ip-adapter encode` */
import type { Command } from "commander";

import { combineEmbeds } from "../embeds/combine";
import { checkSavePath, saveEmbedsWith } from "../embeds/file";
import { type ImageEmbeds, shapeText } from "../embeds/image-embeds";
import { OptionError } from "../errors";
import { CallSite } from "../native/call";
import { LoadSchema } from "../options/load-schema";
import { readOptions } from "../options/validate";
import { Pipeline } from "../pipeline";
import type { LoadOptions } from "../types";
import { DownloadReport } from "./download";
import type { Environment } from "./environment";
import { addFlags, readFlags } from "./option-flags";
import { checkOutput } from "./output";

/** Options of load() that have a flag. */
const LOAD = ["model", "imageEncoder", "dtype", "threads", "offline"];

interface EncodeFlags {
  model?: string;
  adapter?: string;
  output: string;
  json?: boolean;
}

export function addEncode(program: Command, environment: Environment): void {
  const command = program
    .command("encode")
    .description(
      "make embeddings of pictures, as an adapter takes them, for --image-embeds of generate; loads the whole model",
    )
    .argument("<images...>", "pictures, which go into one file in this order");
  addFlags(command, LoadSchema, LOAD)
    .option("--adapter <file>", "IP-Adapter file the embeddings are for [the shipped one, without --model]")
    .option(
      "--output <file>",
      "safetensors file to write: tensor image_embeds (n, d), or (n, t, d) for adapters that take hidden states",
      "embeds.safetensors",
    )
    .option("--json", "one JSON object a line on standard output: progress, result")
    .action((images: string[], flags: EncodeFlags) => runEncode(images, flags, environment));
}

async function runEncode(images: readonly string[], flags: EncodeFlags, environment: Environment): Promise<void> {
  const { signal } = environment;
  const file = checkSavePath(checkOutput(flags.output, "--output"), "--output");
  const load = loadOptions(flags);
  // Bad values are reported before the model is read.
  readOptions(LoadSchema, load);
  const addon = environment.addon();
  const report = new DownloadReport(environment, flags.json === true);
  await using pipeline = await Pipeline.loadWith(
    () => addon,
    { ...load, signal, onProgress: report.onProgress },
    new CallSite(),
  ).finally(() => report.end());
  const list: ImageEmbeds[] = [];
  for (const image of images) list.push(await pipeline.encodeImage(image, { signal }));
  const embeds = combineEmbeds(list, "concat");
  await saveEmbedsWith(addon, file, embeds, "--output", new CallSite());
  const variant = pipeline.info.adapters[0]?.variant ?? "";
  if (flags.json === true) environment.json({ type: "result", file, shape: embeds.shape, variant });
  else environment.out.write(`${file}: image_embeds ${shapeText(embeds.shape)} for a ${variant} adapter\n`);
}

function loadOptions(flags: EncodeFlags): LoadOptions {
  const { model, adapter } = flags;
  if (model !== undefined && adapter === undefined) {
    throw new OptionError(
      "--adapter",
      "expected the IP-Adapter file that the embeddings are for: add it, it says what is taken from the encoder",
    );
  }
  const options = readFlags({ ...flags }, LoadSchema, LOAD);
  return adapter === undefined ? options : { ...options, adapters: [{ file: adapter }] };
}
