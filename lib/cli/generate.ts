/** `node-ip-adapter generate` */
import { randomInt } from "node:crypto";

import type { Command } from "commander";

import type { BatchProgressEvent } from "../batch";
import { verifyFiles } from "../metadata/verify";
import { CallSite } from "../native/call";
import type { NativeAddon } from "../native/contract";
import { GenerateSchema } from "../options/generate-schema";
import { LoadSchema } from "../options/load-schema";
import { readOptions } from "../options/validate";
import { Pipeline } from "../pipeline";
import type { ProgressEvent } from "../progress";
import type { GenerateOptions, GenerateResult } from "../types";
import { type Axis, type BatchItem, batchItems, checkAxes, readPromptFile } from "./batch";
import { sayDevice } from "./device-flags";
import { DownloadReport } from "./download";
import type { Environment } from "./environment";
import type { OrderedFlags } from "./flags";
import { type PictureSettings, type Settings, settingsFrom } from "./from";
import { type GenerateFlags, addGenerateFlags, generateOptions, loadOptions } from "./generate-flags";
import { readPrompts } from "./generate-files";
import { checkCounts, checkOutputs, pictureFile, sayMade, writeAll } from "./generate-output";
import { readOptionsFile, withFloats } from "./json-flags";
import { progressFor } from "./report";
import { readPromptEmbeds, readRows } from "./tensor-files";

export function addGenerate(program: Command, environment: Environment): void {
  const command = program.command("generate").description("make pictures from a text prompt, image prompts, or both");
  const { order, grid } = addGenerateFlags(command);
  command.action((flags: GenerateFlags) => runGenerate(flags, order, grid, environment));
}

async function runGenerate(
  flags: GenerateFlags,
  order: OrderedFlags,
  grid: readonly Axis[],
  environment: Environment,
): Promise<void> {
  const { signal, now } = environment;
  const outputs = checkOutputs(flags);
  const given = await givenSettings(flags, order, grid, environment);
  const addon = environment.addon();
  await readFiles(given.options, flags, order, addon, signal);
  const settings: PictureSettings =
    flags.from === undefined ? { ...given, toFetch: [] } : await settingsFrom(flags.from, given);
  if (settings.warning !== undefined) environment.err.write(`${settings.warning}\n`);
  const items = await callsOf(settings.options, flags.prompts, grid);
  checkCounts(items, outputs);

  const started = now();
  const report = new DownloadReport(environment, flags.json === true);
  await using pipeline = await Pipeline.loadWith(
    () => addon,
    { ...settings.load, signal, onProgress: report.onProgress },
    new CallSite(),
  ).finally(() => report.end());
  sayDevice(environment, pipeline.info);
  await verifyFiles(settings.toFetch);
  const loaded = now();
  const results = await paint(pipeline, items, outputs.pictures, flags, environment);
  const made = await writeAll(outputs, results, items, grid, addon);
  const how = { load: loaded - started, generate: now() - loaded, info: pipeline.info };
  sayMade(environment, made, outputs, how, flags.json === true);
}

/** Of flags and of a file of options; JSON in them may name files of numbers. Bad values are reported before the model is read. */
async function givenSettings(
  flags: GenerateFlags,
  order: OrderedFlags,
  grid: readonly Axis[],
  { addon, signal }: Environment,
): Promise<Settings> {
  const flagged = generateOptions(flags, order);
  checkAxes({ ...flagged, promptEmbeds: flags.promptEmbeds }, flags.prompts, grid);
  const file = flags.options === undefined ? {} : await readOptionsFile(flags.options);
  const plain = { ...file, ...flagged };
  const mayName = flags.options !== undefined || order.regions.length > 0 || order.negatives.length > 0;
  const options = mayName ? await withFloats(GenerateSchema, plain, "", { addon: addon(), signal }) : plain;
  const settings = { options: options as GenerateOptions, load: loadOptions(flags, order) };
  readOptions(LoadSchema, settings.load);
  readOptions(GenerateSchema, settings.options);
  return settings;
}

/** Numbers that flags name files of. */
async function readFiles(
  options: GenerateOptions,
  { promptEmbeds, latents }: GenerateFlags,
  order: OrderedFlags,
  addon: NativeAddon,
  signal: AbortSignal,
): Promise<void> {
  if (order.prompts.length > 0) options.imagePrompts = await readPrompts(order, addon, signal);
  if (promptEmbeds !== undefined)
    options.promptEmbeds = await readPromptEmbeds(addon, promptEmbeds, "--prompt-embeds", signal);
  if (latents !== undefined) options.latents = await readRows(addon, latents, "latents", signal);
}

async function callsOf(
  options: GenerateOptions,
  prompts: string | undefined,
  grid: readonly Axis[],
): Promise<BatchItem[]> {
  const lines = prompts === undefined ? [] : await readPromptFile(prompts);
  // One seed for all of a grid, so that only what it names differs.
  if (grid.length > 0) options.seed ??= randomInt(2 ** 32);
  const items = batchItems(options, lines, grid);
  for (const { options: item } of items) readOptions(GenerateSchema, item);
  return items;
}

/** Runs the calls, with progress, and with previews in the pictures' own files. */
async function paint(
  pipeline: Pipeline,
  items: readonly BatchItem[],
  output: string,
  flags: GenerateFlags,
  environment: Environment,
): Promise<GenerateResult[]> {
  const { signal } = environment;
  const progress = progressFor(environment.err, environment.now, flags.json === true);
  const fileOf = pictureFile(output, items);
  let written: Promise<unknown> = Promise.resolve();
  const onProgress = ({ item, step, total, image, seed, preview, tile, tiles }: BatchProgressEvent): void => {
    const [done, all] = [item * total + step, items.length * total];
    if (flags.json === true) environment.json({ type: "progress", step: done, total: all, image, seed, tile, tiles });
    else progress.update(done, all, tile === undefined ? "" : `decoded ${tile}/${tiles ?? ""}`);
    if (preview === undefined) return;
    // The next preview, and the finished picture, wait for the writing of this one.
    const file = fileOf(item, seed, image);
    written = written.then(() => preview.toFile(file));
    written.catch(() => undefined);
  };
  const calls = items.map(({ options }) => (flags.metadata ? options : { ...options, metadata: false }));
  const only = (event: ProgressEvent): void => onProgress({ ...event, item: 0, items: 1 });
  try {
    const results =
      calls.length === 1
        ? [await pipeline.generate({ ...calls[0], signal, onProgress: only })]
        : await pipeline.generateBatch(calls, { signal, onProgress });
    await written;
    return results;
  } finally {
    progress.end();
    await written.catch(() => undefined);
  }
}
