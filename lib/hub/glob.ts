/** Patterns of `pull`, with the meaning they have in `hf download`: Python's fnmatch, whose `*` also matches slashes. */

/**
 * `*`, `?`, `[abc]`, `[!abc]`; a pattern that ends in a slash means the whole folder.
 * @returns matches in time of at most that of pattern times path
 */
export function globToRegExp(pattern: string): RegExp {
  const text = pattern.endsWith("/") ? `${pattern}*` : pattern;
  // What stands between the stars.
  const runs = [""];
  const add = (source: string): unknown => runs.push((runs.pop() ?? "") + source);
  for (let i = 0; i < text.length; i++) {
    const character = text[i] ?? "";
    // A ] that comes first is one of the set.
    const end = character === "[" ? text.indexOf("]", i + (text[i + 1] === "!" ? 3 : 2)) : -1;
    if (character === "*") runs.push("");
    else if (character === "?") add("[^]");
    else if (end > 0) {
      const negated = text[i + 1] === "!";
      const set = text.slice(i + (negated ? 2 : 1), end).replace(/[\\\]^[]/g, "\\$&");
      add(`[${negated ? "^" : ""}${set}]`);
      i = end;
    } else add(character.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  }
  const [first = "", ...others] = runs;
  const last = others.pop();
  if (last === undefined) return new RegExp(`^${first}$`, "u");
  // The first place where a run fits is as good as any later one: a lookahead finds it and is never entered again.
  const middle = others.filter((run) => run !== "").map((run, i) => `(?=([^]*?${run}))\\${i + 1}`);
  return new RegExp(`^${first}${middle.join("")}[^]*${last}$`, "u");
}

export function matchesAny(path: string, patterns: readonly RegExp[]): boolean {
  return patterns.some((pattern) => pattern.test(path));
}
