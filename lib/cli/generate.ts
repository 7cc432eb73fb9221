/** `node-ip-adapter generate` */
import { randomInt } from "node:crypto";
import { resolve } from "node:path";

import type { Command } from "commander";

import { OptionError } from "../errors";
import { writeSheet } from "../image/sheet";
import { CallSite } from "../native/call";
import { GenerateSchema } from "../options/generate-schema";
import { LoadSchema } from "../options/load-schema";
import { verifyFiles } from "../metadata/verify";
import { readOptions } from "../options/validate";
import { Pipeline } from "../pipeline";
import type { BatchProgressEvent } from "../batch";
import type { ProgressEvent } from "../progress";
import type { GenerateOptions } from "../types";
import { DownloadReport } from "./download";
import type { Environment } from "./environment";
import type { OrderedFlags } from "./flags";
import { type GenerateFlags, addGenerateFlags, generateOptions, loadOptions } from "./generate-flags";
import { readPrompts } from "./generate-files";
import { readOptionsFile, withFloats } from "./json-flags";
import { writeAttentionSheet } from "./attention-sheet";
import { type Axis, batchItems, itemFile, readPromptFile, sheetLabels } from "./batch";
import { settingsFrom } from "./from";
import { checkDistinct, checkImageOutput, checkOutput, outputFile } from "./output";
import { formatSeconds, progressFor } from "./report";
import { readPromptEmbeds, readRows, saveLatents } from "./tensor-files";

export function addGenerate(program: Command, environment: Environment): void {
  const command = program.command("generate").description("make pictures from a text prompt, image prompts, or both");
  const { order, grid } = addGenerateFlags(command);
  command.action((flags: GenerateFlags) => runGenerate(flags, order, grid, environment));
}

/** Of flags and of a file of options; JSON in them may name files of numbers. */
async function givenOptions(
  flags: GenerateFlags,
  order: OrderedFlags,
  { addon, signal }: Environment,
): Promise<GenerateOptions> {
  const file = flags.options === undefined ? {} : await readOptionsFile(flags.options);
  const options = { ...file, ...generateOptions(flags, order) };
  if (flags.options === undefined && order.regions.length === 0 && order.negatives.length === 0) return options;
  return (await withFloats(GenerateSchema, options, "", { addon: addon(), signal })) as GenerateOptions;
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
  const sheet = flags.sheet === undefined ? undefined : checkImageOutput(flags.sheet, "--sheet");
  const maps =
    flags.attentionMaps === undefined ? undefined : checkImageOutput(flags.attentionMaps, "--attention-maps");
  const written = { "--output": output, "--save-latents": latentsFile, "--sheet": sheet, "--attention-maps": maps };
  checkDistinct(written, flags.from === undefined ? {} : { "--from": resolve(flags.from) });
  const given = { options: await givenOptions(flags, order, environment), load: loadOptions(flags, order) };
  // Bad values are reported before the model is read.
  readOptions(LoadSchema, given.load);
  readOptions(GenerateSchema, given.options);
  const addon = environment.addon();
  if (order.prompts.length > 0) given.options.imagePrompts = await readPrompts(order, addon, signal);
  if (flags.promptEmbeds !== undefined)
    given.options.promptEmbeds = await readPromptEmbeds(addon, flags.promptEmbeds, "--prompt-embeds", signal);
  if (flags.latents !== undefined) given.options.latents = await readRows(addon, flags.latents, "latents", signal);
  const { options, load, toFetch, warning } =
    flags.from === undefined ? { ...given, toFetch: [], warning: undefined } : await settingsFrom(flags.from, given);
  if (warning !== undefined) environment.err.write(`${warning}\n`);
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
  await verifyFiles(toFetch);
  const loaded = environment.now();
  const progress = progressFor(environment.err, environment.now, flags.json === true);
  const previews: Promise<unknown>[] = [];
  try {
    const fileOf = (item: number, seed: number): string =>
      outputFile(itemFile(output, item, items.length), seed, options.count ?? 1);
    const calls = items.map(({ options: item }) => (flags.metadata ? item : { ...item, metadata: false }));
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
