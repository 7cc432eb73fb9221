/**
 * Presets of scales by attention, as ComfyUI_IPAdapter_plus has them (its weight types). They are told for the 16 attentions of SD1.5
 * and the 11 of SDXL, counted in the order in which they run: down, middle, up.
 */
import type { ScalePreset } from "./options/names";

/** Factors of the scale, one for each attention. */
export interface PresetFactors {
  layers: number[];
  /** of those where the negative half gets the picture, and the other half none */
  contrary: number[] | undefined;
}

/** Attentions of a UNet: how many there are on the way down and in the middle, and which make style and composition. */
interface Structure {
  names: readonly string[];
  down: number;
  style: readonly number[];
  composition: Readonly<Record<number, number>>;
  /** what `precise-composition` leads away from */
  besides: Readonly<Record<number, number>>;
}

const modules = (part: string, blocks: readonly number[], each: number): string[] =>
  blocks.flatMap((block) => Array.from({ length: each }, (_, i) => `${part}_blocks.${block}.attentions.${i}`));

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

const all = (indices: readonly number[], value: number): Record<number, number> =>
  Object.fromEntries(indices.map((i) => [i, value]));

const SD15: Structure = {
  names: [...modules("down", [0, 1, 2], 2), "mid_block.attentions.0", ...modules("up", [1, 2, 3], 3)],
  down: 6,
  style: [...range(0, 4), ...range(9, 16)],
  composition: { 4: 0.25, 5: 1 },
  besides: { ...all(range(0, 4), 1), ...all(range(6, 9), 0.1), ...all(range(9, 16), 1) },
};

const SDXL: Structure = {
  names: [...modules("down", [1, 2], 2), "mid_block.attentions.0", ...modules("up", [0, 1], 3)],
  down: 4,
  style: [6],
  composition: { 3: 1 },
  besides: { ...all([0, 1, 2, 4, 5, 7, 8, 9, 10], 0.1), 6: 1 },
};

/** undefined: the UNet is of neither structure. */
export function presetFactors(preset: ScalePreset, attentions: readonly string[]): PresetFactors | undefined {
  const structure = [SD15, SDXL].find(({ names }) => names.join() === attentions.join());
  if (structure === undefined) return undefined;
  const { names, down, style, composition, besides } = structure;
  const fill = (factor: (i: number) => number | undefined): number[] => names.map((_, i) => factor(i) ?? 0);
  const alone = (factor: (i: number) => number | undefined): PresetFactors => ({
    layers: fill(factor),
    contrary: undefined,
  });
  const ease = (share: (t: number) => number): PresetFactors => alone((i) => 0.05 + 0.95 * share(i / names.length));
  const isStyle = (i: number): number => (style.includes(i) ? 1 : 0);
  const isMiddle = (i: number): boolean => i === down;
  switch (preset) {
    case "style":
      return alone(isStyle);
    case "composition":
      return alone((i) => composition[i]);
    case "style-composition":
      return alone((i) => composition[i] ?? isStyle(i));
    case "strong-style":
      return alone((i) => (i in composition ? 0 : 1));
    case "precise-style":
      return { layers: fill(isStyle), contrary: fill((i) => composition[i]) };
    case "precise-composition":
      return { layers: fill((i) => composition[i]), contrary: fill((i) => besides[i]) };
    case "weak-input":
      return alone((i) => (i < down ? 0.2 : 1));
    case "weak-middle":
      return alone((i) => (isMiddle(i) ? 0.2 : 1));
    case "weak-output":
      return alone((i) => (i > down ? 0.2 : 1));
    case "strong-middle":
      return alone((i) => (isMiddle(i) ? 1 : 0.2));
    case "ease-in":
      return ease((t) => 1 - t);
    case "ease-out":
      return ease((t) => t);
    case "ease-in-out":
      return ease((t) => 1 - Math.abs(2 * t - 1));
    case "reverse-in-out":
      return ease((t) => Math.abs(2 * t - 1));
  }
}
