/** "Did you mean": the candidate nearest to a misspelt name, when it is near enough to be meant. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const wanted = fold(name);
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const folded = fold(candidate);
    const distance = wanted === folded ? 0 : editDistance(wanted, folded);
    if (best === undefined || distance < best.distance) best = { candidate, distance };
  }
  if (best === undefined) return undefined;
  const allowed = Math.ceil(Math.max(wanted.length, fold(best.candidate).length) / 3);
  return best.distance <= allowed ? best.candidate : undefined;
}

/** Names that differ in case, hyphens, underscores and spaces only are one. */
export const fold = (name: string): string =>
  name
    .slice(0, 64)
    .toLowerCase()
    .replace(/[-_\s]/g, "");

/** Edits that turn `a` into `b`: insert, delete, replace, swap neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(previous, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let cost = Math.min(replaced, at(previous, j) + 1, at(row, j - 1) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, at(before, j - 2) + 1);
      row.push(cost);
    }
    before = previous;
    previous = row;
  }
  return at(previous, b.length);
}

const at = (row: number[], index: number): number => row[index] ?? Infinity;
