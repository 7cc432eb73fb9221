/** What `generate` writes and says: pictures, sheets, latents. */
import { resolve } from "node:path";

import { OptionError } from "../errors";
import type { GeneratedImage } from "../generated-image";
import { writeSheet } from "../image/sheet";
import type { NativeAddon, PipelineInfo } from "../native/contract";
import type { GenerateResult } from "../types";
import { writeAttentionSheet } from "./attention-sheet";
import { type Axis, type BatchItem, itemFile, sheetLabels } from "./batch";
import type { Environment } from "./environment";
import type { GenerateFlags } from "./generate-flags";
import { checkDistinct, checkImageOutput, checkOutput, outputFile } from "./output";
import { formatSeconds } from "./report";
import { saveLatents } from "./tensor-files";

/** Absolute paths of the files to write. */
export interface Outputs {
  pictures: string;
  latents: string | undefined;
  sheet: string | undefined;
  maps: string | undefined;
}

/** @throws OptionError, or what stops a file from being written */
export function checkOutputs(flags: GenerateFlags): Outputs {
  const image = (path: string | undefined, option: string): string | undefined =>
    path === undefined ? undefined : checkImageOutput(path, option);
  const pictures = checkImageOutput(flags.output, "--output");
  const latents = flags.saveLatents === undefined ? undefined : checkOutput(flags.saveLatents, "--save-latents");
  const sheet = image(flags.sheet, "--sheet");
  const maps = image(flags.attentionMaps, "--attention-maps");
  const written = { "--output": pictures, "--save-latents": latents, "--sheet": sheet, "--attention-maps": maps };
  checkDistinct(written, flags.from === undefined ? {} : { "--from": resolve(flags.from) });
  return { pictures, latents, sheet, maps };
}

/** What is of one call, or of one picture for each, is refused where there are more. */
export function checkCounts(items: readonly BatchItem[], { latents, sheet, maps }: Outputs): void {
  const alone = { "--save-latents": latents, "--attention-maps": maps };
  if (items.length > 1)
    for (const [flag, file] of Object.entries(alone))
      if (file !== undefined)
        throw new OptionError(flag, "expected one call but there are several: leave out --prompts and --grid");
  if (sheet !== undefined && items.some(({ options }) => (options.count ?? 1) > 1))
    throw new OptionError("--sheet", "expected one picture per call: use --grid seed=1,2,3 in place of --count");
}

/** The file of the i-th picture of an item. */
export const pictureFile =
  (output: string, items: readonly BatchItem[]) =>
  (item: number, seed: number, i: number): string => {
    const { count = 1, variation } = items[item]?.options ?? {};
    // Variations have one seed: their files are told apart by the seeds that they turn towards.
    const name = variation === undefined ? seed : variation.seed + i;
    return outputFile(itemFile(output, item, items.length), name, count);
  };

/** A picture that was made, and its file. */
export interface MadePicture {
  file: string;
  seed: number;
  image: GeneratedImage | undefined;
}

export async function writeAll(
  outputs: Outputs,
  results: readonly GenerateResult[],
  items: readonly BatchItem[],
  grid: readonly Axis[],
  addon: NativeAddon,
): Promise<MadePicture[]> {
  const fileOf = pictureFile(outputs.pictures, items);
  const made = results.flatMap(({ images, seeds }, item) =>
    seeds.map((seed, i) => ({ file: fileOf(item, seed, i), seed, image: images[i] })),
  );
  for (const { file, image } of made) await image?.toFile(file);
  const [result] = results;
  const { latents, sheet, maps } = outputs;
  if (latents !== undefined && result !== undefined) await saveLatents(addon, latents, result);
  if (sheet !== undefined)
    await writeSheet(sheet, { ...sheetLabels(items, grid), images: made.flatMap(({ image }) => image ?? []) });
  if (maps !== undefined && result !== undefined) await writeAttentionSheet(maps, result);
  return made;
}

/** How it was made: milliseconds, and where. */
interface Made {
  load: number;
  generate: number;
  info: Pick<PipelineInfo, "device" | "dtype">;
}

export function sayMade(
  environment: Environment,
  made: readonly MadePicture[],
  { latents, sheet, maps }: Outputs,
  { load, generate, info: { device, dtype } }: Made,
  asJson: boolean,
): void {
  if (asJson) {
    const images = made.map(({ file, seed, image }) => ({ file, seed, width: image?.width, height: image?.height }));
    const attention = maps === undefined ? {} : { attentionMaps: maps };
    const seconds = { load: load / 1000, generate: generate / 1000 };
    environment.json({ type: "result", images, latents: latents ?? null, ...attention, device, dtype, seconds });
    return;
  }
  for (const { file, seed } of made) environment.out.write(`${file} (seed ${seed})\n`);
  for (const file of [sheet, maps, latents]) if (file !== undefined) environment.out.write(`${file}\n`);
  const where = device === "cpu" ? "" : ` on ${device} in ${dtype}`;
  environment.err.write(`loaded in ${formatSeconds(load)}, generated in ${formatSeconds(generate)}${where}\n`);
}
