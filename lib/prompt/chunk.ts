/** Prompts of any length as chunks that fit a text encoder. */
import { OptionError } from "../errors";
import type { PromptTokenizer } from "../tokenizer";
import type { PromptPart } from "./parse";

/** Prompt tokens of one chunk, without start, end and padding. */
export interface Chunk {
  ids: number[];
  weights: number[];
}

/** A chunk that is full is cut after its last comma, when at most so many tokens then move on to the next. */
const COMMA_REACH = 20;

/** Tokens of a prompt, when learned tokens stand for all of theirs. */
const MOST_TOKENS = 4096;

/**
 * Cuts a prompt in chunks of at most `size` tokens; at least one chunk, which may be empty.
 * @param size tokens a chunk holds between start and end token (75 of 77)
 * @param option whose text it is, for messages
 * @throws OptionError for more than 4096 tokens, those that BREAK leaves empty included
 */
export function chunkPrompt(
  parts: readonly PromptPart[],
  tokenizer: PromptTokenizer,
  size: number,
  option = "prompt",
): Chunk[] {
  const chunks: Chunk[] = [];
  let chunk: Chunk = { ids: [], weights: [] };
  let comma = -1;
  let count = 0;
  const add = (tokens: number): void => {
    count += tokens;
    if (count > MOST_TOKENS)
      throw new OptionError(
        option,
        `expected at most ${MOST_TOKENS} tokens but received more (a learned token counts as all of its vectors, BREAK as the rest of its chunk): shorten it`,
      );
  };
  const next = (carried: Chunk = { ids: [], weights: [] }): void => {
    chunks.push(chunk);
    chunk = carried;
    comma = -1;
  };

  for (const part of parts) {
    if ("break" in part) {
      add(size - chunk.ids.length);
      next();
      continue;
    }
    const ids = tokenizer.encode(part.text, MOST_TOKENS - count);
    add(ids.length);
    for (const id of ids) {
      const span = tokenizer.spanOf(id);
      // Only what fits in a chunk at all can stay together.
      const full = chunk.ids.length + (span > size ? 1 : span) > size;
      if (id === tokenizer.commaId) comma = chunk.ids.length;
      else if (full && comma !== -1 && size - comma <= COMMA_REACH) next(splitAfter(chunk, comma));
      if (chunk.ids.length + (span > size ? 1 : span) > size) next();
      chunk.ids.push(id);
      chunk.weights.push(part.weight);
    }
  }
  if (chunk.ids.length > 0 || chunks.length === 0) next();
  return chunks;
}

/** Shortens `chunk` to end with `index`; returns what followed. */
function splitAfter(chunk: Chunk, index: number): Chunk {
  return { ids: chunk.ids.splice(index + 1), weights: chunk.weights.splice(index + 1) };
}
