/** Text features in place of prompts: the caller's are checked against the model, those of encodePrompt() are made. */
import { OptionError } from "../errors";
import type { NativePrompts, NativeTextEmbeds, PipelineInfo } from "../native/contract";
import { readFloats } from "../options/read-floats";
import { type PromptEncoder, type PromptSyntax, encodePrompt, refuseLoraTags } from "./encode";

/** What the text encoders make of a prompt, to pass as the option `promptEmbeds`. */
export interface PromptEmbeds {
  /** [77 * chunks, info.textSize], diffusers' prompt_embeds: one chunk for a prompt of up to 75 tokens */
  prompt: Float32Array | readonly number[];
  /** the same of the negative prompt, in as many chunks; where it is left out, `negativePrompt` is encoded, or what the model has without one */
  negative?: Float32Array | readonly number[] | undefined;
  /** SDXL: [info.pooledSize], diffusers' pooled_prompt_embeds */
  pooled?: Float32Array | readonly number[] | undefined;
  /** SDXL: the same of the negative prompt */
  negativePooled?: Float32Array | readonly number[] | undefined;
}

/** What encodePrompt() gives. */
export interface EncodedPrompts extends PromptEmbeds {
  prompt: Float32Array;
  negative?: Float32Array;
  pooled?: Float32Array;
  negativePooled?: Float32Array;
}

/** More than any prompt has. */
const MOST_CHUNKS = 64;

/** The prompts of a call, or of a region. */
export interface PromptOptions {
  prompt?: string | undefined;
  negativePrompt?: string | undefined;
  promptSyntax?: PromptSyntax | undefined;
  promptEmbeds?: PromptEmbeds | undefined;
}

/** How they are read. */
export interface PromptRules {
  info: PipelineInfo;
  encoders: readonly PromptEncoder[];
  /** in front of the names of options, such as `regions[0].` */
  at: string;
  /** whether SDXL's pooled features are asked for; those of a region are not read */
  pooled: boolean;
}

/**
 * Prompts of which one or both are features.
 * @param fallback what stands for a negative prompt that is left out: its text, or features
 * @throws OptionError
 */
export function embeddedPrompts(
  { prompt, negativePrompt, promptSyntax = "weighted", promptEmbeds }: PromptOptions & { promptEmbeds: PromptEmbeds },
  rules: PromptRules,
  fallback?: NativeTextEmbeds,
): NativePrompts {
  const option = `${rules.at}promptEmbeds`;
  if (prompt !== undefined)
    throw new OptionError(`${rules.at}prompt`, "promptEmbeds take its place: leave one of them out");
  const features = readFeatures(promptEmbeds.prompt, `${option}.prompt`, rules);
  const embeds = { features, ...readPooled(promptEmbeds.pooled, `${option}.pooled`, rules) };
  const { negative, negativePooled } = promptEmbeds;
  if (negative === undefined && negativePooled !== undefined)
    throw new OptionError(`${option}.negativePooled`, "it belongs to negative, which is missing: add negative");
  const chunks = chunksOf(features, rules);
  const result = (given: NativeTextEmbeds): NativePrompts => {
    if (given.features.length === features.length) return { prompt: [], promptEmbeds: embeds, negativeEmbeds: given };
    const found = `${chunksOf(given.features, rules)}`;
    throw new OptionError(option, `expected negative of as many chunks as prompt, ${chunks}, but received ${found}`);
  };
  if (negative !== undefined) {
    if (negativePrompt !== undefined)
      throw new OptionError(
        `${rules.at}negativePrompt`,
        "promptEmbeds.negative takes its place: leave one of them out",
      );
    const negativeFeatures = readFeatures(negative, `${option}.negative`, rules);
    return result({
      features: negativeFeatures,
      ...readPooled(negativePooled, `${option}.negativePooled`, rules),
    });
  }
  if (negativePrompt === undefined && fallback !== undefined) return result(fallback);
  if (promptSyntax === "weighted") refuseLoraTags(negativePrompt ?? "", `${rules.at}negativePrompt`);
  const place = { syntax: promptSyntax, chunks, option: `${rules.at}negativePrompt` };
  return { prompt: [], promptEmbeds: embeds, negative: encodePrompt(negativePrompt ?? "", place, rules.encoders) };
}

/** A prompt that is text, beside a negative one that is features. */
export function promptBeside(
  { text, syntax }: { text: string; syntax: PromptSyntax },
  negativeEmbeds: NativeTextEmbeds,
  rules: PromptRules,
): NativePrompts {
  const option = `${rules.at}prompt`;
  if (syntax === "weighted") refuseLoraTags(text, option);
  const place = { syntax, chunks: chunksOf(negativeEmbeds.features, rules), option };
  return { prompt: encodePrompt(text, place, rules.encoders), negativeEmbeds };
}

/** Floats of a chunk. */
const chunkSize = ({ info, encoders }: PromptRules): number => (encoders[0]?.contextLength ?? 1) * info.textSize;

const chunksOf = (features: Float32Array, rules: PromptRules): number => features.length / chunkSize(rules);

function readFeatures(value: unknown, option: string, rules: PromptRules): Float32Array {
  const size = chunkSize(rules);
  const features = readFloats(value, option, MOST_CHUNKS * size);
  if (features.length > 0 && features.length % size === 0) return features;
  const [tokens, width] = [size / rules.info.textSize, rules.info.textSize];
  throw new OptionError(
    option,
    `expected ${size} numbers for each chunk of this model (${tokens} tokens x ${width}) but received ${features.length}: make them with encodePrompt() of the same model`,
  );
}

function readPooled(value: unknown, option: string, { info, pooled }: PromptRules): { pooled?: Float32Array } {
  const size = info.pooledSize;
  if (value === undefined) {
    if (!pooled || size === 0) return {};
    throw new OptionError(option, `SDXL reads it beside the features: add ${size} numbers, diffusers' pooled embeds`);
  }
  if (size === 0)
    throw new OptionError(option, `only SDXL models have pooled features, this is ${info.family}: leave it out`);
  const data = readFloats(value, option, size);
  if (data.length !== size) throw new OptionError(option, `expected ${size} numbers but received ${data.length}`);
  return pooled ? { pooled: data } : {};
}
