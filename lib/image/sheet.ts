/** Contact sheets: pictures in rows and columns, with labels. */
import { type OutputFormat, formatOfPath, writeFileAtomically } from "./encode";
import { longestWord, wrapLabel } from "./label";
import { LETTER, drawText } from "./letters";
import type { Picture } from "./picture";
import { loadSharp } from "./sharp";

export interface Sheet {
  /** one a row and one a column; "" for none. What matters comes first in a row's, which is cut where it is long */
  rows: readonly string[];
  columns: readonly string[];
  /** row by row */
  images: readonly Picture[];
}

/** Pixels: between pictures, of a picture's side at most, of the sheet's side at most. */
const GAP = 8;
const MOST_CELL = 512;
const MOST_SHEET = 12_288;
/** Pixels of a point of a letter, of a letter and its line, below the lines of a label. */
const POINT = 2;
const LETTER_WIDTH = LETTER.width * POINT;
const LINE = LETTER.height * POINT;
const BELOW = 6;
/** Lines of a label at most. */
const MOST_LINES = 4;
/** Letters of a line that a row's label makes room for. */
const ROW_LETTERS = 40;

/** @throws as Picture.toFile() */
export async function writeSheet(path: string, sheet: Sheet): Promise<void> {
  await writeFileAtomically(path, await drawSheet(sheet, formatOfPath(path, "sheet")));
}

/** Where all of a sheet stands, in pixels. */
class Layout {
  readonly width: number;
  readonly height: number;
  /** lines of each label; none where they have no room */
  readonly columns: readonly (readonly string[])[];
  readonly rows: readonly (readonly string[])[];
  readonly #factor: number;
  readonly #pitch: { x: number; y: number };
  readonly #top: number;
  readonly #above: number;

  constructor({ rows, columns, images }: Sheet) {
    const widest = Math.max(...images.map(({ width }) => width));
    const highest = Math.max(...images.map(({ height }) => height));
    const room = { x: MOST_SHEET / columns.length - GAP, y: MOST_SHEET / rows.length - GAP };
    // Half of a row's height is the picture's in any case.
    const lines = Math.min(MOST_LINES, Math.floor((room.y / 2 - BELOW) / LINE));
    const high = rows.some((text) => text !== "") && lines > 0 ? room.y - labelHeight(lines) : room.y;
    this.#factor = Math.min(1, MOST_CELL / Math.max(widest, highest), room.x / widest, high / highest);
    // A word of a label stays whole: columns are as wide.
    const words = Math.max(...columns.map(longestWord)) * LETTER_WIDTH;
    const cell = Math.max(this.side(widest), Math.min(words, Math.floor(room.x)));
    const wide = Math.max(columns.length * (cell + GAP) - GAP, Math.max(...rows.map(lettersOf)) * LETTER_WIDTH);
    this.columns = columns.map((text) => linesOf(text, cell, MOST_LINES));
    this.rows = rows.map((text) => linesOf(text, wide, lines));
    this.#top = GAP + (this.columns.some(isThere) ? labelHeight(mostOf(this.columns)) : 0);
    this.#above = labelHeight(mostOf(this.rows));
    this.#pitch = { x: cell + GAP, y: this.#above + this.side(highest) + GAP };
    this.width = wide + 2 * GAP;
    this.height = this.rowTop(rows.length);
  }

  /** of a picture's side */
  side(pixels: number): number {
    return Math.max(1, Math.round(pixels * this.#factor));
  }

  left(column: number): number {
    return GAP + column * this.#pitch.x;
  }

  rowTop(row: number): number {
    return this.#top + row * this.#pitch.y;
  }

  pictureTop(row: number): number {
    return this.rowTop(row) + this.#above;
  }
}

const labelHeight = (lines: number): number => (lines === 0 ? 0 : lines * LINE + BELOW);
const mostOf = (labels: readonly (readonly string[])[]): number => Math.max(...labels.map(({ length }) => length));
/** What a row's label wants of a line, so that it has its lines. */
const lettersOf = (text: string): number =>
  Math.max(longestWord(text), Math.min(ROW_LETTERS, Math.ceil(text.length / (MOST_LINES - 1))));
const isThere = (label: readonly string[]): boolean => label.length > 0;

function linesOf(text: string, width: number, most: number): string[] {
  // Nothing stands to the right of a line's last letter.
  const letters = Math.floor((width + POINT) / LETTER_WIDTH);
  return letters < 1 || most < 1 ? [] : wrapLabel(text, letters, most);
}

export async function drawSheet(sheet: Sheet, format: OutputFormat): Promise<Buffer> {
  const sharp = await loadSharp();
  const layout = new Layout(sheet);
  const placed = [
    ...layout.columns.map((lines, i) => ({ lines, left: layout.left(i), top: GAP })),
    ...layout.rows.map((lines, i) => ({ lines, left: GAP, top: layout.pictureTop(i) - labelHeight(lines.length) })),
  ];
  const labels = placed
    .filter(({ lines }) => isThere(lines))
    .map(({ lines, left, top }) => {
      const { rgb, width, height } = drawText(lines, POINT);
      return { input: Buffer.from(rgb), raw: { width, height, channels: 3 as const }, left, top };
    });
  const across = sheet.columns.length;
  const pictures = await Promise.all(
    sheet.images.map(async ({ data, width, height }, i) => ({
      input: await sharp(data, { raw: { width, height, channels: 3 } })
        .resize(layout.side(width), layout.side(height))
        .png()
        .toBuffer(),
      left: layout.left(i % across),
      top: layout.pictureTop(Math.floor(i / across)),
    })),
  );
  const { width, height } = layout;
  return sharp({ create: { width, height, channels: 3, background: "#ffffff" } })
    .composite([...labels, ...pictures])
    .removeAlpha()
    .toFormat(format)
    .toBuffer();
}
