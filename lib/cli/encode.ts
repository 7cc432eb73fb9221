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
import { parseNumber } from "./flags";
import { help } from "./generate";
import { checkOutput } from "./output";

interface EncodeFlags {
  model?: string;
  adapter?: string;
  imageEncoder?: string;
  dtype?: string;
  threads?: string;
  offline?: boolean;
  output: string;
  json?: boolean;
}

export function addEncode(program: Command, environment: Environment): void {
  program
    .command("encode")
    .description(
      "make embeddings of pictures, as an adapter takes them, for --image-embeds of generate; loads the whole model",
    )
    .argument("<images...>", "pictures, which go into one file in this order")
    .option("--model <model>", help(LoadSchema, "model"))
    .option("--adapter <file>", "IP-Adapter file the embeddings are for [the shipped one, without --model]")
    .option("--image-encoder <encoder>", help(LoadSchema, "imageEncoder"))
    .option("--dtype <type>", help(LoadSchema, "dtype"))
    .option("--threads <n>", help(LoadSchema, "threads"))
    .option("--offline", help(LoadSchema, "offline"))
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
  const { model, adapter, imageEncoder, dtype, offline, threads } = flags;
  if (model !== undefined && adapter === undefined) {
    throw new OptionError(
      "--adapter",
      "expected the IP-Adapter file that the embeddings are for: add it, it says what is taken from the encoder",
    );
  }
  const given = {
    model,
    imageEncoder,
    dtype,
    offline,
    adapters: adapter === undefined ? undefined : [{ file: adapter }],
  };
  return { ...given, threads: threads === undefined ? undefined : parseNumber(threads, "--threads") } as LoadOptions;
}
