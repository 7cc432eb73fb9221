/**
 * Weights in prompts, in the syntax common to Stable Diffusion front ends:
 *   (text) x1.1   ((text)) x1.21   (text:1.3) x1.3   [text] /1.1   \( \) \[ \] \\ literal   BREAK starts a new chunk
 * Anything malformed is text or is closed at the end; parsing never fails.
 */

/** A run of text of one weight, or the place where a chunk must end. */
export type PromptPart = { text: string; weight: number } | { break: true };

const ROUND = 1.1;
const SQUARE = 1 / 1.1;

const TOKEN = /\\[()[\]\\]|\\|\(|\[|:\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*\)|\)|\]|[^\\()[\]:]+|:/g;
const BREAK = /\s*\bBREAK\b\s*/;

export function parseWeightedPrompt(prompt: string): PromptPart[] {
  const parts: PromptPart[] = [];
  const round: number[] = [];
  const square: number[] = [];
  const multiply = (from: number, factor: number): void => {
    for (const part of parts.slice(from)) if ("text" in part) part.weight *= factor;
  };

  for (const [token, weight] of prompt.matchAll(TOKEN)) {
    const open = round.at(-1);
    if (token === "(") round.push(parts.length);
    else if (token === "[") square.push(parts.length);
    else if (weight !== undefined && open !== undefined) {
      round.pop();
      multiply(open, Number(weight));
    } else if (token === ")" && open !== undefined) {
      round.pop();
      multiply(open, ROUND);
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
  text.split(BREAK).forEach((piece, i) => {
    if (i > 0) parts.push({ break: true });
    parts.push({ text: piece, weight: 1 });
  });
}

/** Neighbours of equal weight become one run, so that words are never cut where a bracket had no effect. */
function merge(parts: PromptPart[]): PromptPart[] {
  const merged: PromptPart[] = [];
  for (const part of parts) {
    const last = merged.at(-1);
    if ("text" in part && part.text === "") continue;
    if (last !== undefined && "text" in last && "text" in part && last.weight === part.weight) last.text += part.text;
    else merged.push({ ...part });
  }
  return merged.length === 0 ? [{ text: "", weight: 1 }] : merged;
}
