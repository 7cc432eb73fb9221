/** What was meant by a name or a value that is none of ours. */
import { OptionError } from "../errors";
import { optionAlias } from "./aliases";
import { deviceFix } from "./device-aliases";
import { ControlUseSchema } from "./guide-schema";
import { ImagePromptSchema } from "./image-prompt-schema";
import { PREPROCESSORS } from "./names";
import { fold, nearest } from "./suggest";
import { valueAlias } from "./value-aliases";

export { valueAlias };

/** Objects that one value may have been meant for, by their titles. */
const MEANT: Record<string, (value: unknown) => string | undefined> = {
  hires: (value) =>
    ofNumber(value, (scale) => `use hires: { scale: ${scale} }`) ?? ofTrue(value, "use hires: { scale: 2 }"),
  attentionMaps: (value) =>
    ofTrue(value, "use attentionMaps: {}, which has all attentions") ??
    (value === "all" || Array.isArray(value) ? "use attentionMaps: { layers }" : undefined),
  outpaint: (value) =>
    ofNumber(value, (n) => `use outpaint: { left: ${n}, top: ${n}, right: ${n}, bottom: ${n} }`) ??
    (Array.isArray(value) ? "use outpaint: { left, top, right, bottom }" : undefined),
  preview: (value) =>
    ofNumber(value, (every) => `use preview: { every: ${every} }`) ?? ofTrue(value, "use preview: { every: 1 }"),
  featureCache: (value) =>
    ofNumber(value, (every) => `use featureCache: { every: ${every} }`) ??
    ofTrue(value, "use featureCache: { every: 2 }"),
  // A name alone is written out before.
  preprocessors: () =>
    `use a name (${PREPROCESSORS.map((name) => `"${name}"`).join(", ")}), or { canny: { low, high } }`,
  devices: (value) =>
    typeof value === "string" ? deviceFix(value, "device") : "use devices: { unet, vae, textEncoder, imageEncoder }",
  variation: (value) => ofNumber(value, (seed) => `use variation: { seed: ${seed}, strength: 0.2 }`),
};

const ofNumber = (value: unknown, fix: (number: number) => string): string | undefined =>
  typeof value === "number" && Number.isFinite(value) && value > 0 ? fix(value) : undefined;

const ofTrue = (value: unknown, fix: string): string | undefined =>
  value === true ? fix : value === false ? "leave it out" : undefined;

/** The fix for a value where an object is wanted; "" where nobody can tell. */
export function objectFix(title: string, value: unknown): string {
  const fix = Object.hasOwn(MEANT, title) ? MEANT[title]?.(value) : undefined;
  return fix ?? "";
}

/** The fix for a value that is not one of `names`; "" where nothing is near. */
export function nameFix(option: string, value: unknown, names: readonly string[]): string {
  const near = typeof value === "string" ? nearest(value, names) : undefined;
  return valueAlias(option, value) ?? (near === undefined ? "" : `did you mean "${near}"?`);
}

/** @param read gives the value */
export function unknownOption(
  option: string,
  key: string,
  title: string,
  known: string[],
  read: () => unknown,
): OptionError {
  const near = nearest(key, known);
  const alias = near !== undefined && fold(near) === fold(key) ? undefined : optionAlias(title, key, read);
  // A list of forty names helps nobody.
  const all = known.length > 12 ? `${pageOf(title)} of the package lists them` : `known are ${known.join(", ")}`;
  const fix = alias ?? innerOption(title, key) ?? (near === undefined ? all : `did you mean "${near}"?`);
  return new OptionError(option, `${absent(title)}: ${fix}`, { code: "ERR_IPA_UNKNOWN_OPTION" });
}

/** Where an option belongs that a call was given beside the list whose entries have it. */
function innerOption(title: string, key: string): string | undefined {
  if (title !== "generate options") return undefined;
  if (Object.hasOwn(ImagePromptSchema.properties, key))
    return `an image prompt has it: use imagePrompts: [{ image, ${key} }]`;
  if (Object.hasOwn(ControlUseSchema.properties, key)) return `a control has it: use controls: [{ image, ${key} }]`;
  return undefined;
}

/** The page with the table of the options, for titles with many of them. */
function pageOf(title: string): string {
  return title === "Pipeline.load options" ? "docs/load.md" : "docs/generate.md";
}

const WITH_ARTICLE: Record<string, string> = {
  "image prompt": "an image prompt",
  "negative image prompt": "a negative image prompt",
  region: "a region",
  adapter: "an adapter",
  LoRA: "a LoRA",
  embedding: "an embedding",
};

function absent(title: string): string {
  return /(?:options|preprocessors)$/.test(title)
    ? `not one of the ${title}`
    : `no option of ${WITH_ARTICLE[title] ?? title}`;
}
