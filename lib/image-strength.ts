/** How strong an image prompt is in each attention of the UNet and from step to step. */
import { OptionError } from "./errors";
import { lazily } from "./load-failure";
import { describe } from "./options/describe";
import type { Schema } from "./options/json-schema";
import type { ImageScale } from "./options/image-scale";
import type { ScalePreset } from "./options/names";
import { readList } from "./options/read-list";
import { isList, ownKeys, readProperty } from "./options/read-property";
import { checkValue } from "./options/validate";

const presets = lazily(() => require("./scale-presets") as typeof import("./scale-presets"));

/** Where and when an image prompt counts, beside its scale. */
export interface StrengthOptions {
  /**
   * factor of what the picture adds to each cross-attention layer, -5 to 5; default 1, the reference's. At 0 it adds nothing, about 0.6
   * weighs it like the prompt, below 0 leads away from it. Also by attention or block
   */
  scale?: ImageScale | undefined;
  /** which attentions count how much, as ComfyUI_IPAdapter_plus has it for UNets of SD1.5's and SDXL's blocks; times `scale`, then a number */
  preset?: ScalePreset | undefined;
  /** share of the model calls before which the picture does not count, 0 (default) to 1: call i of n is left out when i / n < start */
  start?: number | undefined;
  /** share of the model calls after which it does not count, 0 to 1 (default): call i of n is left out when (i + 1) / n > end */
  end?: number | undefined;
  /** [share, factor] points that the strength follows in straight lines; the first call is at share 0, the last at 1 */
  curve?: readonly (readonly [number, number])[] | undefined;
}

/** The same as the engine takes it. */
export interface Strength {
  scale: number;
  /** factors, one for each of `info.attentions`; undefined: 1 everywhere */
  layers: readonly number[] | undefined;
  /** the same for the layers in which the negative half gets the picture, and the other half none */
  contrary: readonly number[] | undefined;
  start: number;
  end: number;
  curve: readonly (readonly [number, number])[];
}

/** The strength diffusers and the original implementation start from. */
export const DEFAULT_SCALE = 1;

const SCALE = { type: "number", minimum: -5, maximum: 5 } as const satisfies Schema;

/**
 * @param option of the image prompt, for messages
 * @param attentions of the UNet
 */
export function readStrength(options: StrengthOptions, option: string, attentions: readonly string[]): Strength {
  const { preset, start = 0, end = 1 } = options;
  const { scale, layers } = readScale(options.scale ?? DEFAULT_SCALE, `${option}.scale`, attentions);
  if (start > end) throw new OptionError(`${option}.start`, `expected no more than end (${end}) but received ${start}`);
  const curve = readCurve(options.curve ?? [], `${option}.curve`);
  if (preset === undefined) return { scale, layers, contrary: undefined, start, end, curve };
  if (layers !== undefined)
    throw new OptionError(
      `${option}.preset`,
      "a preset takes a scale that is one number: leave preset out, or scale by block",
    );
  const factors = presets().presetFactors(preset, attentions);
  if (factors === undefined)
    throw new OptionError(
      `${option}.preset`,
      `presets are for UNets of SD1.5's 16 attentions or SDXL's 11, this one has ${attentions.length}: use scale with one for each of info.attentions`,
    );
  return { scale, ...factors, start, end, curve };
}

function readScale(
  value: unknown,
  option: string,
  attentions: readonly string[],
): { scale: number; layers: number[] | undefined } {
  if (typeof value !== "object" || value === null)
    return { scale: checkValue(SCALE, value, option) as number, layers: undefined };
  if (isList(value, option)) return { scale: 1, layers: readEach(value, option, attentions.length, "info.attentions") };
  return { scale: 1, layers: readBlocks(value, option, attentions) };
}

/** One number for each of `count`. */
function readEach(list: readonly unknown[], option: string, count: number, what: string): number[] {
  const values = readList(list, option, { maximum: 256 });
  if (values.length !== count)
    throw new OptionError(option, `expected ${count} numbers, one for each of ${what}, but received ${values.length}`);
  return values.map((entry, i) => checkValue(SCALE, entry, `${option}[${i}]`) as number);
}

const PARTS = ["down", "mid", "up"] as const;

function readBlocks(input: object, option: string, attentions: readonly string[]): number[] {
  const scales = new Map<string, number>();
  for (const key of ownKeys(input, option)) {
    const part = PARTS.find((name) => name === key);
    if (part === undefined)
      throw new OptionError(option, `there is no "${key}" in it: use a number, ${PARTS.join(", ")}`);
    const value = readProperty(input, key, `${option}.${key}`);
    if (value === undefined) continue;
    const own = attentions.filter((name) => name.startsWith(`${part}_block`));
    const blocks = part === "mid" || typeof value === "number" ? { "": value } : value;
    if (typeof blocks !== "object" || blocks === null || isList(blocks, `${option}.${key}`))
      throw new OptionError(
        `${option}.${key}`,
        `expected a number, or an object of blocks, but received ${describe(value)}`,
      );
    for (const block of ownKeys(blocks, `${option}.${key}`)) {
      const place = block === "" ? `${option}.${key}` : `${option}.${key}.${block}`;
      const names = block === "" ? own : attentionsOf(own, part, block, place);
      if (names.length === 0) throw new OptionError(place, absent(attentions));
      const values = readBlock(readProperty(blocks, block, place), place, names.length);
      names.forEach((name, i) => scales.set(name, values[i] ?? 0));
    }
  }
  return attentions.map((name) => scales.get(name) ?? 0);
}

function attentionsOf(own: readonly string[], part: string, block: string, place: string): string[] {
  const [, index] = /^block_(\d+)$/.exec(block) ?? [];
  const names = index === undefined ? [] : own.filter((name) => name.startsWith(`${part}_blocks.${Number(index)}.`));
  if (names.length === 0) throw new OptionError(place, absent(own));
  return names;
}

/** A list of one stands for all, as in diffusers. */
function readBlock(value: unknown, option: string, count: number): number[] {
  if (typeof value !== "object" || value === null)
    return Array<number>(count).fill(checkValue(SCALE, value, option) as number);
  if (!isList(value, option))
    throw new OptionError(option, `expected a number, or one for each attention, but received ${describe(value)}`);
  const values = readList(value, option, { minimum: 1, maximum: 64 });
  const list = values.length === 1 ? Array<unknown>(count).fill(values[0]) : values;
  return readEach(list, option, count, "the block's attentions");
}

/** What there is in place of a block that is not. */
function absent(attentions: readonly string[]): string {
  const blocks = new Map<string, number>();
  for (const name of attentions) {
    const [, part = "", index] = /^(down|mid|up)_blocks?(?:\.(\d+))?/.exec(name) ?? [];
    const key = index === undefined ? part : `${part}.block_${index}`;
    blocks.set(key, (blocks.get(key) ?? 0) + 1);
  }
  const list = [...blocks].map(([block, count]) => `${block} (${count})`).join(", ");
  return `this UNet has no attention there: it has ${list === "" ? "none" : list}`;
}

function readCurve(points: readonly (readonly [number, number])[], option: string): (readonly [number, number])[] {
  points.forEach(([share], i) => {
    const before = points[i - 1]?.[0];
    if (before !== undefined && share <= before)
      throw new OptionError(
        `${option}[${i}]`,
        `expected a share above that before it (${before}) but received ${share}: sort the points`,
      );
  });
  return points.map(([share, factor]) => [share, factor] as const);
}

/** Whether both are the same, so that pictures may share a softmax. */
export const sameStrength = (a: Strength, b: Strength): boolean => JSON.stringify(a) === JSON.stringify(b);
