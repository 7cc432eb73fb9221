/** Prompts as the token ids and weights the engine takes. */
import { OptionError } from "../errors";
import type { NativePrompts, NativeText, PipelineInfo } from "../native/contract";
import type { PromptTokenizer } from "../tokenizer";
import { type Chunk, chunkPrompt } from "./chunk";
import { refuseLoraTags } from "./lora-tags";
import { parseWeightedPrompt, plainPrompt } from "./parse";

export { refuseLoraTags };

export type PromptSyntax = "weighted" | "plain";

/** Prompts as options have them. */
export interface PromptTexts {
  prompt?: string | undefined;
  negativePrompt?: string | undefined;
  promptSyntax?: PromptSyntax | undefined;
}

/** A text encoder's tokenizer and its length. */
export interface PromptEncoder {
  tokenizer: PromptTokenizer;
  /** tokens per chunk, start and end token included */
  contextLength: number;
}

export interface EncodedPrompts {
  /** one entry per text encoder; every entry of prompt and negative has the same number of chunks */
  prompt: NativeText[];
  negative: NativeText[];
}

/**
 * Encodes both prompts for every text encoder, padded with empty chunks to one length: the two halves of guidance run
 * as one batch, and SDXL joins its two encoders' features token by token.
 * @throws OptionError for more than 4096 tokens
 */
export function encodePrompts(
  prompt: string,
  negative: string,
  syntax: PromptSyntax,
  encoders: readonly PromptEncoder[],
): EncodedPrompts {
  const parse = syntax === "plain" ? plainPrompt : parseWeightedPrompt;
  const cut = (text: string, option: string): Chunk[][] => {
    const parts = parse(text);
    return encoders.map(({ tokenizer, contextLength }) => chunkPrompt(parts, tokenizer, contextLength - 2, option));
  };
  const [prompts, negatives] = [cut(prompt, "prompt"), cut(negative, "negativePrompt")];
  const count = Math.max(...[...prompts, ...negatives].map((chunks) => chunks.length));
  const join = (chunked: Chunk[][]): NativeText[] =>
    encoders.map((encoder, i) => joinChunks(chunked[i] ?? [], count, encoder));
  return { prompt: join(prompts), negative: join(negatives) };
}

/**
 * The same of a call's or a region's texts as they were given, which must hold no tags of LoRAs.
 * @param at what stands before their names in messages
 * @throws OptionError
 */
export function encodeTexts(
  { prompt = "", negativePrompt = "", promptSyntax = "weighted" }: PromptTexts,
  encoders: readonly PromptEncoder[],
  at = "",
): EncodedPrompts {
  if (promptSyntax === "weighted") {
    refuseLoraTags(prompt, `${at}prompt`);
    refuseLoraTags(negativePrompt, `${at}negativePrompt`);
  }
  return encodePrompts(prompt, negativePrompt, promptSyntax, encoders);
}

/** For the engine: where the model has zeros in place of a negative prompt that is not given, there is none. */
export function encodeCallTexts(
  texts: PromptTexts,
  { defaults }: Pick<PipelineInfo, "defaults">,
  encoders: readonly PromptEncoder[],
): NativePrompts {
  const { prompt, negative } = encodeTexts(texts, encoders);
  return texts.negativePrompt === undefined && defaults.negativePrompt === "zeros" ? { prompt } : { prompt, negative };
}

/**
 * One prompt in so many chunks.
 * @throws OptionError for one that has more
 */
export function encodePrompt(
  text: string,
  { syntax, chunks: count, option }: { syntax: PromptSyntax; chunks: number; option: string },
  encoders: readonly PromptEncoder[],
): NativeText[] {
  const parts = syntax === "plain" ? plainPrompt(text) : parseWeightedPrompt(text);
  return encoders.map((encoder) => {
    const chunks = chunkPrompt(parts, encoder.tokenizer, encoder.contextLength - 2, option);
    if (chunks.length > count)
      throw new OptionError(
        option,
        `expected as many chunks as promptEmbeds have, ${count}, but it has ${chunks.length}: shorten it`,
      );
    return joinChunks(chunks, count, encoder);
  });
}

function joinChunks(chunks: readonly Chunk[], count: number, { tokenizer, contextLength }: PromptEncoder): NativeText {
  const ids = new Int32Array(count * contextLength).fill(tokenizer.padId);
  const weights = new Float32Array(count * contextLength).fill(1);
  for (let c = 0; c < count; c++) {
    const chunk = chunks[c];
    const start = c * contextLength;
    ids[start] = tokenizer.startId;
    if (chunk !== undefined) {
      ids.set(chunk.ids, start + 1);
      weights.set(chunk.weights, start + 1);
    }
    ids[start + 1 + (chunk?.ids.length ?? 0)] = tokenizer.endId;
  }
  return { ids, weights };
}
