/** Labels in lines: broken between words, and cut only where they have more lines than they may. */
import { legible } from "./letters";

/** Where a label may be broken: behind a space, and behind a hyphen between letters, never in front of a number. */
const BREAKS = /(?<=\s)|(?<=[A-Za-z]-)(?=[A-Za-z])/;
/** Letters of a word that stay together; longer ones are broken anywhere. */
const LONGEST_WORD = 20;
const CUT = "…";

const piecesOf = (text: string): string[] => legible(text).replace(/ +/g, " ").trim().split(BREAKS);

/** Letters of the longest word that a label keeps together. */
export const longestWord = (text: string): number =>
  Math.min(LONGEST_WORD, Math.max(0, ...piecesOf(text).map((piece) => piece.trimEnd().length)));

/**
 * @param letters of a line at most, 1 or more
 * @param most lines; what is more is cut, with … in its place
 */
export function wrapLabel(text: string, letters: number, most: number): string[] {
  const lines: string[] = [""];
  const fits = (line: string): boolean => line.trimEnd().length <= letters;
  for (const piece of piecesOf(text)) {
    let rest = piece;
    if (fits((lines.at(-1) ?? "") + rest)) {
      lines.push((lines.pop() ?? "") + rest);
      continue;
    }
    if (lines.at(-1) !== "") lines.push("");
    for (; !fits(rest); rest = rest.slice(letters)) lines.splice(-1, 0, rest.slice(0, letters));
    lines.push((lines.pop() ?? "") + rest);
    if (lines.length > most) break;
  }
  const trimmed = lines.map((line) => line.trimEnd()).filter((line) => line !== "");
  if (trimmed.length <= most) return trimmed;
  const kept = trimmed.slice(0, most);
  const last = kept.pop() ?? "";
  return [...kept, `${last.slice(0, letters - CUT.length)}${CUT}`];
}
