/** What a tokenizer.json says of how text is taken apart. It is done by CLIP's rules here, so any other are refused by their name. */
import { describe } from "../options/describe";
import { NotClip } from "./limits";

/** Behind the special tokens, which some files have in front. */
const PIECES = String.raw`'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`;

type Step = Record<string, unknown>;

/** @throws NotClip */
export function checkModelType(type: unknown): void {
  if (type !== "BPE") throw new NotClip(`its model is of type ${describe(type)}, CLIP's is "BPE"`);
}

/** @throws NotClip */
export function checkWordEnd(suffix: unknown): void {
  if (suffix !== "</w>") throw new NotClip(`its end_of_word_suffix is ${describe(suffix)}, CLIP's is "</w>"`);
}

/** @throws NotClip */
export function checkNormalizer(value: unknown): void {
  const steps = stepsOf(value, "normalizers");
  for (const step of steps) if (!isNormalizer(step)) throw new NotClip(`its normalizer ${nameOf(step)} is not CLIP's`);
  if (!steps.some(({ type }) => type === "Lowercase"))
    throw new NotClip("it has no normalizer Lowercase, as CLIP's has");
}

/** @throws NotClip */
export function checkPreTokenizer(value: unknown): void {
  const steps = stepsOf(value, "pretokenizers");
  for (const step of steps)
    if (step["type"] !== "ByteLevel" && !isSplit(step))
      throw new NotClip(`its pre_tokenizer ${nameOf(step)} is not CLIP's`);
  if (!steps.some(isSplit)) throw new NotClip("it has no pre_tokenizer Split, as CLIP's has");
}

/** Those of a sequence, or the one. */
function stepsOf(value: unknown, list: string): Step[] {
  const { type, [list]: entries } = asStep(value);
  return type === "Sequence" && Array.isArray(entries) ? entries.map(asStep) : [asStep(value)];
}

const asStep = (value: unknown): Step =>
  typeof value === "object" && value !== null ? (value as Step) : { type: value };

function isNormalizer(step: Step): boolean {
  if (step["type"] === "Replace") return regexOf(step) === "\\s+" && step["content"] === " ";
  return step["type"] === "NFC" || step["type"] === "Lowercase";
}

const isSplit = (step: Step): boolean =>
  step["type"] === "Split" && step["invert"] === true && regexOf(step)?.endsWith(PIECES) === true;

function regexOf({ pattern }: Step): string | undefined {
  const { Regex: regex } = asStep(pattern);
  return typeof regex === "string" ? regex : undefined;
}

function nameOf(step: Step): string {
  const regex = regexOf(step);
  return `${describe(step["type"])}${regex === undefined ? "" : ` of ${describe(regex)}`}`;
}
