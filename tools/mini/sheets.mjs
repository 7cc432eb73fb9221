// Pictures for pages: emoji as image prompts, and sheets of raw pictures under labels. Used by pictures.mjs and gallery.mjs.
import path from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";

import { glyph } from "./emoji.mjs";
import { SIDE } from "./raw.mjs";

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const OUTPUT = path.join(ROOT, "docs/images");
const GAP = 4;
const LABEL = 26;

/** An image prompt: an emoji on a plain ground. `left` and `top` move it away from the middle. */
export async function picture(style, name, ground = "#fafafa", size = 100, side = SIDE, left = 0, top = 0) {
  const layer = sharp(await glyph(style, name, size), { raw: { width: size, height: size, channels: 4 } }).png();
  const middle = Math.round((side - size) / 2);
  const { data } = await sharp({ create: { width: side, height: side, channels: 3, background: ground } })
    .composite([{ input: await layer.toBuffer(), left: middle + left, top: middle + top }])
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data, width: side, height: side, channels: 3 };
}

const label = (text, width) =>
  Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${LABEL}"><text x="50%" y="17" text-anchor="middle" font-family="DejaVu Sans, sans-serif" font-size="10" fill="#57606a">${text}</text></svg>`,
  );

/** Where cells of these lengths begin, one behind the other with gaps. */
function places(lengths, from) {
  let next = from;
  return lengths.map((length) => {
    const at = next;
    next += length + GAP;
    return at;
  });
}

/** Rows of raw pictures (or undefined, for none) under column labels, as one PNG in docs/images. */
export async function sheet(file, labels, rows) {
  const widths = labels.map((_, x) => Math.max(...rows.map((row) => row[x]?.width ?? 0)));
  const heights = rows.map((row) => Math.max(...row.map((p) => p?.height ?? 0)));
  const lefts = places(widths, GAP);
  const tops = places(heights, labels.some(Boolean) ? LABEL : GAP);
  const width = lefts.at(-1) + widths.at(-1) + GAP;
  const height = tops.at(-1) + heights.at(-1) + GAP;
  const drawn = labels.flatMap((text, x) => (text ? [{ input: label(text, widths[x]), left: lefts[x], top: 0 }] : []));
  const painted = rows.flatMap((row, y) =>
    row.flatMap((p, x) =>
      p === undefined
        ? []
        : [
            {
              input: Buffer.from(p.data),
              raw: { width: p.width, height: p.height, channels: p.channels ?? 3 },
              left: lefts[x] + Math.floor((widths[x] - p.width) / 2),
              top: tops[y],
            },
          ],
    ),
  );
  await sharp({ create: { width, height, channels: 3, background: "#ffffff" } })
    .composite([...drawn, ...painted])
    .png({ palette: true, quality: 95, compressionLevel: 9 })
    .toFile(path.join(OUTPUT, file));
  console.log(`docs/images/${file}: ${width} x ${height}`);
}
