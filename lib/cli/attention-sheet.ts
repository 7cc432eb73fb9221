/** `generate --attention-maps FILE`: where each word and image prompt acts, as heat maps over the pictures. */
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

/** A row for each picture: itself, then every word of the prompt, then every image prompt. */
export async function writeAttentionSheet(path: string, { images, seeds, attention }: GenerateResult): Promise<void> {
  const [first] = attention;
  const words = first?.text.words ?? [];
  const pictures: Picture[] = [];
  for (const [i, { text, imagePrompts }] of attention.entries()) {
    const image = images[i];
    if (image !== undefined) pictures.push(image);
    for (const map of [...words.map((word) => text.word(word)), ...imagePrompts.map((prompt) => prompt.map)])
      pictures.push(await map.overlay());
  }
  const prompts = first?.imagePrompts.map((_, i) => `image ${i + 1}`) ?? [];
  await writeSheet(path, {
    rows: seeds.map((seed) => `seed ${seed}`),
    columns: ["picture", ...words, ...prompts],
    images: pictures,
  });
}
