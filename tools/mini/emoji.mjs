// The emoji of three npm packages, rendered: what render.mjs trains on and pictures.mjs shows to the model.
import { createRequire } from "node:module";
import sharp from "sharp";

const require = createRequire(import.meta.url);
/** style -> package; the licence that the package states must be the one we were told to expect */
const PACKAGES = {
  flat: { name: "@iconify-json/fluent-emoji-flat", licence: "MIT" },
  glossy: { name: "@iconify-json/fluent-emoji", licence: "MIT" },
  classic: { name: "@iconify-json/noto", licence: "Apache-2.0" },
};

const sets = Object.fromEntries(
  Object.entries(PACKAGES).map(([style, { name, licence }]) => {
    const { license } = require(`${name}/info.json`);
    if (license.spdx !== licence)
      throw new Error(`${name}: expected the licence ${licence}, the package states ${license.spdx}`);
    return [style, require(`${name}/icons.json`)];
  }),
);

export const STYLES = Object.keys(PACKAGES);

/** Names that all of the sets have. */
export const NAMES = Object.keys(sets[STYLES[0]].icons).filter((name) =>
  STYLES.every((style) => sets[style].icons[name]),
);

/** One emoji as raw RGBA, size x size, alpha not premultiplied. */
export async function glyph(style, name, size) {
  const set = sets[style];
  const icon = set.icons[name];
  const box = [icon.left ?? 0, icon.top ?? 0, icon.width ?? set.width ?? 16, icon.height ?? set.height ?? 16];
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${size}" height="${size}" viewBox="${box.join(" ")}">${icon.body}</svg>`;
  const { data, info } = await sharp(Buffer.from(svg)).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  if (info.width !== size || info.height !== size || info.channels !== 4)
    throw new Error(`${name}: rendered to an unexpected shape`);
  return data;
}
