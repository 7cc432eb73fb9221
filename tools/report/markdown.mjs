// Tables and numbers as Markdown.

/** @param {string[]} head @param {(string | number)[][]} rows columns of numbers stand to the right */
export function table(head, rows) {
  const isNumber = (column) =>
    rows.length > 0 && rows.every((row) => /^[\d.,e+-]*( s| ms| %)?$/.test(String(row[column])));
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [
    line(head),
    `|${head.map((_, column) => (isNumber(column) ? "---:" : "---")).join("|")}|`,
    ...rows.map(line),
  ].join("\n");
}

/** An error as a power of ten, such as 2.1e-4; nothing where there is none. */
export const error = (value) => (value === undefined ? "" : value === 0 ? "0" : value.toExponential(1));

export const seconds = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} s`;
