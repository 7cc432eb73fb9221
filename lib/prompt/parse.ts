/**
 * Weights in prompts, in the syntax common to Stable Diffusion front ends:
 *   (text) x1.1   ((text)) x1.21   (text:1.3) x1.3   [text] /1.1   \( \) \[ \] \\ literal   BREAK starts a new chunk
 * Anything malformed is text or is closed at the end; parsing never fails, and takes time in proportion to the length: no pattern here can
 * match the same characters in two ways.
 */

/** A run of text of one weight, or the place where a chunk must end. */
export type PromptPart = { text: string; weight: number } | { break: true };

const ROUND = 1.1;
const SQUARE = 1 / 1.1;

const TOKEN = /\\[()[\]\\]|\\|\(|\[|:\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*\)|\)|\]|[^\\()[\]:]+|:/g;
const BREAK = /\bBREAK\b/;

/** Brackets of one kind, within each other, that count; those further in are closed like others and change no weight. */
const MOST_NESTED = 64;
/** The engine's weights are floats of 32 bits. */
const MOST_WEIGHT = 1e6;

export function parseWeightedPrompt(prompt: string): PromptPart[] {
  const parts: PromptPart[] = [];
  const round: number[] = [];
  const square: number[] = [];
  const open = (brackets: number[]): unknown => brackets.push(brackets.length < MOST_NESTED ? parts.length : Infinity);
  const multiply = (from: number, factor: number): void => {
    for (const part of parts.slice(from)) if ("text" in part) part.weight *= factor;
  };

  for (const [token, weight] of prompt.matchAll(TOKEN)) {
    const from = round.at(-1);
    if (token === "(") open(round);
    else if (token === "[") open(square);
    else if (weight !== undefined && from !== undefined) {
      round.pop();
      multiply(from, Number(weight));
    } else if (token === ")" && from !== undefined) {
      round.pop();
      multiply(from, ROUND);
    } else if (token === "]" && square.length > 0) multiply(square.pop() ?? 0, SQUARE);
    else addText(parts, /^\\./s.test(token) ? token.slice(1) : token);
  }
  // Brackets left open hold to the end.
  for (const from of round) multiply(from, ROUND);
  for (const from of square) multiply(from, SQUARE);
  return merge(parts);
}

/** The whole prompt as text; brackets and BREAK mean nothing. */
export function plainPrompt(prompt: string): PromptPart[] {
  return [{ text: prompt, weight: 1 }];
}

function addText(parts: PromptPart[], text: string): void {
  const pieces = text.split(BREAK);
  pieces.forEach((piece, i) => {
    if (i > 0) parts.push({ break: true });
    const start = i > 0 ? piece.trimStart() : piece;
    parts.push({ text: i < pieces.length - 1 ? start.trimEnd() : start, weight: 1 });
  });
}

/** Neighbours of equal weight become one run, so that words are never cut where a bracket had no effect. */
function merge(parts: PromptPart[]): PromptPart[] {
  const merged: PromptPart[] = [];
  for (const part of parts) {
    const last = merged.at(-1);
    if ("text" in part && part.text === "") continue;
    if ("text" in part) part.weight = Math.max(-MOST_WEIGHT, Math.min(part.weight, MOST_WEIGHT));
    if (last !== undefined && "text" in last && "text" in part && last.weight === part.weight) last.text += part.text;
    else merged.push({ ...part });
  }
  return merged.length === 0 ? [{ text: "", weight: 1 }] : merged;
}
