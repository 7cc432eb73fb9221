/** Contact sheets: pictures in rows and columns, with labels. */
import { type OutputFormat, formatOfPath, writeFileAtomically } from "./encode";
import { LETTER, drawText } from "./letters";
import type { Picture } from "./picture";
import { loadSharp } from "./sharp";

export interface Sheet {
  /** one a row and one a column; "" for none */
  rows: readonly string[];
  columns: readonly string[];
  /** row by row */
  images: readonly Picture[];
}

/** Pixels: between pictures, of a picture's side at most, of the sheet's side at most. */
const GAP = 8;
const MOST_CELL = 512;
const MOST_SHEET = 12_288;
/** Pixels of a point of a letter, and letters of a label at most. */
const POINT = 2;
const MOST_LETTERS = 64;

/** @throws as Picture.toFile() */
export async function writeSheet(path: string, sheet: Sheet): Promise<void> {
  await writeFileAtomically(path, await drawSheet(sheet, formatOfPath(path, "sheet")));
}

export async function drawSheet({ rows, columns, images }: Sheet, format: OutputFormat): Promise<Buffer> {
  const sharp = await loadSharp();
  const largest = Math.max(...images.map(({ width, height }) => Math.max(width, height)));
  const most = Math.floor(MOST_SHEET / Math.max(rows.length, columns.length)) - GAP;
  const factor = Math.min(1, MOST_CELL / largest, most / largest);
  const side = (value: number): number => Math.max(1, Math.round(value * factor));
  const cell = {
    width: side(Math.max(...images.map(({ width }) => width))),
    height: side(Math.max(...images.map(({ height }) => height))),
  };
  const label = (text: string, width: number): ReturnType<typeof drawText> =>
    drawText(text.slice(0, Math.max(1, Math.min(MOST_LETTERS, Math.floor(width / (LETTER.width * POINT))))), POINT);
  const line = LETTER.height * POINT + GAP;
  const top = columns.some((text) => text !== "") ? line + GAP : GAP;
  const above = rows.some((text) => text !== "") ? line : 0;
  const place = (column: number): number => GAP + column * (cell.width + GAP);
  const rowAt = (row: number): number => top + row * (above + cell.height + GAP);
  const drawn = [
    ...columns.map((text, i) => ({ ...label(text, cell.width), left: place(i), top: GAP })),
    ...rows.map((text, i) => ({ ...label(text, columns.length * cell.width), left: GAP, top: rowAt(i) })),
  ];
  const labels = drawn.map(({ rgb, width, height, left, top: y }) => ({
    input: Buffer.from(rgb),
    raw: { width, height, channels: 3 as const },
    left,
    top: y,
  }));
  const pictures = await Promise.all(
    images.map(async ({ data, width, height }, i) => ({
      input: await sharp(data, { raw: { width, height, channels: 3 } })
        .resize(side(width), side(height))
        .png()
        .toBuffer(),
      left: place(i % columns.length),
      top: rowAt(Math.floor(i / columns.length)) + above,
    })),
  );
  const size = { width: place(columns.length), height: rowAt(rows.length) };
  return sharp({ create: { ...size, channels: 3, background: "#ffffff" } })
    .composite([...labels, ...pictures])
    .removeAlpha()
    .toFormat(format)
    .toBuffer();
}
