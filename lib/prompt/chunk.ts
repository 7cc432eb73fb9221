/** Prompts of any length as chunks that fit a text encoder. */
import type { PromptTokenizer } from "../tokenizer";
import type { PromptPart } from "./parse";

/** Prompt tokens of one chunk, without start, end and padding. */
export interface Chunk {
  ids: number[];
  weights: number[];
}

/** A chunk that is full is cut after its last comma, when at most so many tokens then move on to the next. */
const COMMA_REACH = 20;

/**
 * Cuts a prompt in chunks of at most `size` tokens; at least one chunk, which may be empty.
 * @param size tokens a chunk holds between start and end token (75 of 77)
 */
export function chunkPrompt(parts: readonly PromptPart[], tokenizer: PromptTokenizer, size: number): Chunk[] {
  const chunks: Chunk[] = [];
  let chunk: Chunk = { ids: [], weights: [] };
  let comma = -1;
  const next = (carried: Chunk = { ids: [], weights: [] }): void => {
    chunks.push(chunk);
    chunk = carried;
    comma = -1;
  };

  for (const part of parts) {
    if ("break" in part) {
      next();
      continue;
    }
    for (const id of tokenizer.encode(part.text)) {
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
