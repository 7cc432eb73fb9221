/** `generate --attention-maps FILE`: where each word and image prompt acts, those of regions too, as heat maps over the pictures. */
import type { AttentionMap, AttentionMaps } from "../attention/types";
import { OptionError } from "../errors";
import type { Picture } from "../image/picture";
import { writeSheet } from "../image/sheet";
import type { AttentionLayers } from "../options/attention-layers";
import type { AttentionMapsOptions, GenerateResult } from "../types";

/** What `--attention-maps` and `--attention-layers` ask for. */
export function attentionFlags(
  maps: string | undefined,
  layers: string | undefined,
): { attentionMaps?: AttentionMapsOptions } {
  if (maps !== undefined) return { attentionMaps: layers === undefined ? {} : { layers: parseLayers(layers) } };
  if (layers === undefined) return {};
  throw new OptionError(
    "--attention-layers",
    "expected --attention-maps FILE beside it, which they are written to: add it",
  );
}

const parseLayers = (text: string): AttentionLayers =>
  text === "all" ? text : text.split(",").map((part) => (/^\d+$/.test(part) ? Number(part) : part));

/** Maps of a prompt's words, then of its image prompts, each with its label. */
const mapsOf = (
  { text, imagePrompts }: Pick<AttentionMaps, "text" | "imagePrompts">,
  before = "",
): { label: string; map: AttentionMap }[] => [
  ...text.words.map((word) => ({ label: `${before}${word}`, map: text.word(word) })),
  ...imagePrompts.map(({ map }, i) => ({ label: `${before}image ${i + 1}`, map })),
];

/** A row for each picture: itself, then every word of the prompt, then every image prompt; then the same of each region. */
export async function writeAttentionSheet(path: string, { images, seeds, attention }: GenerateResult): Promise<void> {
  const rows = attention.map((maps) => [
    ...mapsOf(maps),
    ...maps.regions.flatMap((region, r) => mapsOf(region, `region ${r + 1}: `)),
  ]);
  const pictures: Picture[] = [];
  for (const [i, row] of rows.entries()) {
    const image = images[i];
    if (image !== undefined) pictures.push(image);
    for (const { map } of row) pictures.push(await map.overlay());
  }
  await writeSheet(path, {
    rows: seeds.map((seed) => `seed ${seed}`),
    columns: ["picture", ...(rows[0]?.map(({ label }) => label) ?? [])],
    images: pictures,
  });
}
