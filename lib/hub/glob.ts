/** Patterns of `pull`, with the meaning they have in `hf download`: Python's fnmatch, whose `*` also matches slashes. */

/** `*`, `?`, `[abc]`, `[!abc]`; a pattern that ends in a slash means the whole folder. */
export function globToRegExp(pattern: string): RegExp {
  const text = pattern.endsWith("/") ? `${pattern}*` : pattern;
  let source = "";
  for (let i = 0; i < text.length; i++) {
    const character = text[i] ?? "";
    // A ] that comes first is one of the set.
    const end = character === "[" ? text.indexOf("]", i + (text[i + 1] === "!" ? 3 : 2)) : -1;
    if (character === "*") source += "[^]*";
    else if (character === "?") source += "[^]";
    else if (end > 0) {
      const negated = text[i + 1] === "!";
      const set = text.slice(i + (negated ? 2 : 1), end).replace(/[\\\]^[]/g, "\\$&");
      source += `[${negated ? "^" : ""}${set}]`;
      i = end;
    } else source += character.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  }
  return new RegExp(`^${source}$`, "u");
}

export function matchesAny(path: string, patterns: readonly RegExp[]): boolean {
  return patterns.some((pattern) => pattern.test(path));
}
