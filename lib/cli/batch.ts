/** Prompt files and grids of the command line: which calls they mean, and where each stands on a contact sheet. */
import { parse, join } from "node:path";

import { OptionError, fileError } from "../errors";
import { GenerateSchema } from "../options/generate-schema";
import type { Schema } from "../options/json-schema";
import { TooLargeError, readSmallFile } from "../read-file";
import type { GenerateOptions } from "../types";
import { flagOf } from "./flag-names";
import { parseNumber } from "./numbers";

/** `--grid NAME=VALUE,VALUE` */
export interface Axis {
  name: string;
  values: (string | number)[];
}

export interface BatchItem {
  options: GenerateOptions;
  /** what each axis has here, in words */
  labels: string[];
}

const MOST_ITEMS = 1024;
const MOST_CHARACTERS = 4 * 1024 * 1024;
/** A character of UTF-16 has no more in UTF-8. */
const MOST_BYTES_EACH = 3;
/** Not an option of the call, but of each of its image prompts. */
const SCALE = "scale";
/** What a call makes, in place of how its picture looks. */
const NO_AXIS: Record<string, string> = {
  count: "each call makes one picture: use --grid seed=1,2,3",
  output: "the command always makes pictures: leave it out",
};

export function parseAxis(text: string): Axis {
  const [, given = "", list = ""] = /^([\w-]+)=(.+)$/s.exec(text) ?? [];
  const name = given.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const properties: Readonly<Record<string, Schema>> = GenerateSchema.properties;
  const rule = Object.hasOwn(properties, name) ? properties[name] : undefined;
  const kind = name === SCALE ? "number" : rule?.type;
  if (name !== SCALE && kind !== "number" && kind !== "integer" && (kind !== "string" || rule?.enum === undefined))
    throw new OptionError(
      "--grid",
      `expected NAME=VALUE,VALUE with scale, or an option that is a number or a name such as seed, steps, guidance, scheduler, but received "${text.slice(0, 80)}"`,
    );
  if (Object.hasOwn(NO_AXIS, name)) throw new OptionError("--grid", `${name}: ${NO_AXIS[name] ?? ""}`);
  const values = list.split(",").map((value) => (kind === "string" ? value : parseNumber(value, "--grid")));
  return { name, values };
}

/**
 * Refuses what would do nothing: an axis that is there twice, and a flag whose values are those of an axis or of a file.
 * @param given options that flags have set, and options of their own
 */
export function checkAxes(
  given: Readonly<Record<string, unknown>>,
  prompts: string | undefined,
  grid: readonly Axis[],
): void {
  if (prompts !== undefined)
    for (const name of ["prompt", "promptEmbeds"])
      if (given[name] !== undefined)
        throw new OptionError(flagOf(name), "--prompts FILE has the prompts of all calls: leave one of them out");
  for (const [i, { name }] of grid.entries()) {
    if (grid.findIndex((axis) => axis.name === name) < i)
      throw new OptionError("--grid", `${name} is there twice: write all its values in one, as ${name}=VALUE,VALUE`);
    if (given[name] !== undefined)
      throw new OptionError(flagOf(name), `--grid ${name}=… has its values: leave one of them out`);
  }
}

/** The lines of a file that are neither empty nor comments (#). */
export async function readPromptFile(path: string): Promise<string[]> {
  const tooLong = new OptionError("--prompts", `expected at most ${MOST_CHARACTERS} characters`);
  const bytes = await readSmallFile(path, MOST_BYTES_EACH * MOST_CHARACTERS).catch((error: unknown) => {
    throw error instanceof TooLargeError ? tooLong : fileError("--prompts: file", path, error);
  });
  const text = bytes.toString("utf8");
  if (text.length > MOST_CHARACTERS) throw tooLong;
  // A file of another kind would be painted line by line.
  if (/[\0\ufffd]/.test(text)) throw new OptionError("--prompts", `expected a text file in UTF-8: ${path} is none`);
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.startsWith("#"));
  if (lines.length === 0) throw new OptionError("--prompts", `${path} has no line with a prompt`);
  return lines;
}

/** Every prompt with every point of the grid; the last axis changes first. */
export function batchItems(options: GenerateOptions, prompts: readonly string[], grid: readonly Axis[]): BatchItem[] {
  const axes: Axis[] = [...(prompts.length === 0 ? [] : [{ name: "prompt", values: [...prompts] }]), ...grid];
  const count = axes.reduce((product, { values }) => product * values.length, 1);
  if (count > MOST_ITEMS)
    throw new OptionError("--grid", `expected at most ${MOST_ITEMS} pictures but it makes ${count}: leave some out`);
  let items: BatchItem[] = [{ options, labels: [] }];
  for (const axis of axes)
    items = items.flatMap((item) =>
      axis.values.map((value) => ({
        options: withValue(item.options, axis.name, value),
        labels: [...item.labels, axis.name === "prompt" ? String(value) : `${flagOf(axis.name).slice(2)} ${value}`],
      })),
    );
  return items;
}

function withValue(options: GenerateOptions, name: string, value: string | number): GenerateOptions {
  if (name !== SCALE) return { ...options, [name]: value };
  const { imagePrompts = [] } = options;
  if (imagePrompts.length === 0)
    throw new OptionError("--grid", "scale is that of image prompts, and there are none: add --image-prompt FILE");
  return { ...options, imagePrompts: imagePrompts.map((prompt) => ({ ...(prompt as object), scale: value }) as never) };
}

/** Rows and columns: the last axis of a grid goes across, all else goes down, prompts always. They come last, since they are long. */
export function sheetLabels(items: readonly BatchItem[], grid: readonly Axis[]): { rows: string[]; columns: string[] } {
  const across = grid.at(-1)?.values.length ?? 1;
  const most = items[0]?.labels.length ?? 0;
  const last = grid.length === 0 ? most : most - 1;
  const prompts = most - grid.length;
  const down = (labels: readonly string[]): string =>
    [...labels.slice(prompts, last), ...labels.slice(0, prompts)].join(", ");
  return {
    columns: items.slice(0, across).map(({ labels }) => labels[last] ?? ""),
    rows: items.filter((_, i) => i % across === 0).map(({ labels }) => down(labels)),
  };
}

/** The file of the i-th item. */
export function itemFile(path: string, i: number, count: number): string {
  if (count === 1) return path;
  const { dir, name, ext } = parse(path);
  return join(dir, `${name}-${String(i + 1).padStart(String(count).length, "0")}${ext}`);
}
