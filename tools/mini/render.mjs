// Renders the training data of the shipped model: node tools/mini/render.mjs FOLDER. Writes glyphs-SIZE.raw (subject, style,
// row, column, channel; uint8 RGBA) and glyphs.json (names in that order, split into core, wide and held out). Deterministic.
import fs from "node:fs";
import path from "node:path";

import { NAMES, STYLES, glyph } from "./emoji.mjs";

/** sides in pixels of small, normal and large subjects in a picture of 128 */
const SIZES = [56, 100, 122];
// People, hands, flags, clocks, signs and letters teach an image encoder little that our subjects need.
const UNWANTED =
  /skin|flag|man|woman|person|people|family|clock|hand|face-|-face$|oclock|button|kiss|couple|boy|girl|arrow|medium|keycap|child|square|circle|japanese|sign|hour|mark|symbol|smil|-eyes|finger|fist/;

const folder = process.argv[2];
if (!folder) throw new Error("usage: node tools/mini/render.mjs FOLDER");
fs.mkdirSync(folder, { recursive: true });

const { core, heldOut } = JSON.parse(fs.readFileSync(new URL("subjects.json", import.meta.url), "utf8"));
const everywhere = new Set(NAMES);
for (const name of [...Object.keys(core), ...heldOut])
  if (!everywhere.has(name)) throw new Error(`${name} is not in all of the sets`);
const known = new Set([...Object.keys(core), ...heldOut]);
const wide = NAMES.filter((name) => !known.has(name) && !UNWANTED.test(name)).sort();
const names = [...Object.keys(core), ...wide, ...heldOut];

for (const size of SIZES) {
  const file = fs.openSync(path.join(folder, `glyphs-${size}.raw`), "w");
  for (const name of names) for (const style of STYLES) fs.writeSync(file, await glyph(style, name, size));
  fs.closeSync(file);
}
fs.writeFileSync(
  path.join(folder, "glyphs.json"),
  JSON.stringify({
    names,
    words: core,
    core: Object.keys(core).length,
    wide: wide.length,
    heldOut: heldOut.length,
    styles: STYLES,
    sizes: SIZES,
  }),
);
console.log(
  `${names.length} subjects in ${STYLES.length} styles: ${Object.keys(core).length} core, ${wide.length} wide, ${heldOut.length} held out`,
);
