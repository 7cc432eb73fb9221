/** Whether `combine` has several pictures to make one of. */
import { OptionError } from "./errors";
import type { CheckedPrompt } from "./image-branches";

/** Settings that pictures of one softmax share, by the names that callers know. */
const SETTINGS = {
  adapter: "adapter",
  combine: "combine",
  kvScaling: "kvScaling",
  structureScale: "structureScale",
  strength: "scale, preset, start, end or curve",
} as const;

/** The same for prompts that share a softmax, and so are combined. */
export const branchKey = ({ shared }: Pick<CheckedPrompt, "shared">): string => JSON.stringify(shared);

/** Prompts with masks, and tiles, have a softmax each. */
const standsAlone = ({ prompt }: CheckedPrompt): boolean => prompt.mask !== undefined || prompt.fit === "tile";

/** @throws OptionError where there is one picture, which would stay as it is */
export function checkCombined(checked: readonly CheckedPrompt[]): void {
  const counts = new Map<string, number>();
  for (const one of checked.filter((prompt) => !standsAlone(prompt)))
    counts.set(branchKey(one), (counts.get(branchKey(one)) ?? 0) + one.given.length);
  for (const one of checked) {
    const { combine } = one.shared;
    const together = standsAlone(one) ? one.given.length : (counts.get(branchKey(one)) ?? 0);
    if (combine !== "concat" && together < 2)
      throw new OptionError(
        `${one.prompt.option}.combine`,
        `"${combine}" makes one of several pictures, ${why(one, checked)}`,
      );
  }
}

function why(one: CheckedPrompt, checked: readonly CheckedPrompt[]): string {
  const { option, mask, fit } = one.prompt;
  if (fit === "tile") return 'but tiles stay apart, each in its place: leave it out, or use another fit than "tile"';
  if (mask !== undefined)
    return "but one with a mask stays apart: combine them with combineEmbeds(), and pass the result as embeds with mask";
  const other = checked.find(({ prompt, shared }) => prompt !== one.prompt && shared.region === one.shared.region);
  if (other === undefined) return "but there is one: add others with the same settings, or leave it out";
  const { option: name } = other.prompt;
  if (standsAlone(other)) return `but ${name} stays apart, by its mask or its tiles: leave those out, or combine`;
  const [differing] = (Object.keys(SETTINGS) as (keyof typeof SETTINGS)[]).filter(
    (key) => JSON.stringify(one.shared[key]) !== JSON.stringify(other.shared[key]),
  );
  const what = differing === undefined ? "settings" : SETTINGS[differing];
  return `but ${name} has another ${what} than ${option}: give both the same`;
}
