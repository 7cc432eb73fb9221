import type { Steps } from "../slices";
import { Malformed, TOKENIZER_LIMITS, checkEntries, checkToken, tooLong } from "./limits";

/** Two tokens, the space between and an end of line as Windows has it. */
export const MOST_LINE = 2 * TOKENIZER_LIMITS.tokenBytes + 2;

/** merges.txt: a merge a line, under a line with a version. */
export function* readMergesText(bytes: Buffer, merges: string[]): Steps {
  let lines = 0;
  for (let at = 0; at < bytes.length;) {
    const newline = bytes.indexOf(0x0a, at);
    const end = newline < 0 ? bytes.length : newline;
    if (end - at > MOST_LINE) throw tooLong();
    const line = bytes.toString("utf8", at, bytes[end - 1] === 0x0d && end > at ? end - 1 : end);
    at = end + 1;
    if (++lines % 256 === 0) yield;
    if (line === "" || (lines === 1 && line.startsWith("#version"))) continue;
    checkEntries(merges.length / 2, "merges");
    merges.push(...mergeOf(line));
  }
}

/** The two tokens of "left right". */
export function mergeOf(text: string): [string, string] {
  const space = text.indexOf(" ");
  if (space < 0 || text.includes(" ", space + 1))
    throw new Malformed(`a merge is not two tokens: ${JSON.stringify(text.slice(0, 80))}`);
  return [checkToken(text.slice(0, space)), checkToken(text.slice(space + 1))];
}
