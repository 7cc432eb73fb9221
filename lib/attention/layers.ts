/** Which of the UNet's attentions are mapped. */
import { OptionError } from "../errors";
import type { AttentionLayers } from "../options/attention-layers";
import { describe } from "../options/describe";
import { readList } from "../options/read-list";
import { isList } from "../options/read-property";

const OPTION = "attentionMaps.layers";

/**
 * Indices into `attentions`, ascending.
 * @param attentions of the UNet, as info.attentions has them
 * @throws OptionError
 */
export function readAttentionLayers(layers: AttentionLayers | undefined, attentions: readonly string[]): number[] {
  const all = attentions.map((_, i) => i);
  if (layers === undefined || layers === "all") return all;
  if (typeof layers !== "object" || !isList(layers, OPTION))
    throw new OptionError(OPTION, `expected "all", or an array of indices and names, but received ${describe(layers)}`);
  const entries = readList(layers, OPTION, { minimum: 1, maximum: 256 });
  const chosen = new Set(entries.flatMap((entry, i) => readEntry(entry, `${OPTION}[${i}]`, attentions)));
  return all.filter((i) => chosen.has(i));
}

function readEntry(entry: unknown, option: string, attentions: readonly string[]): number[] {
  if (typeof entry === "number") {
    if (Number.isInteger(entry) && entry >= 0 && entry < attentions.length) return [entry];
    throw new OptionError(
      option,
      `expected an index into info.attentions, 0 to ${attentions.length - 1}, but received ${entry}`,
    );
  }
  if (typeof entry !== "string")
    throw new OptionError(option, `expected an index into info.attentions or a name but received ${describe(entry)}`);
  const prefix = prefixOf(entry);
  const found = attentions.flatMap((name, i) => (`${name}.`.startsWith(prefix) ? [i] : []));
  if (found.length > 0) return found;
  const blocks = new Set(attentions.map(blockOf).filter((name) => name.includes(".")));
  throw new OptionError(
    option,
    `this UNet has no attention ${describe(entry)}: use a name of info.attentions, down, mid, up, or ${[...blocks].join(", ")}`,
  );
}

/** `up.block_0` and `up` as the scale of image prompts names them, or a name of info.attentions. */
function prefixOf(name: string): string {
  const [, part, block] = /^(down|mid|up)(?:\.block_(\d+))?$/.exec(name) ?? [];
  if (part === undefined) return `${name}.`;
  return block === undefined ? `${part}_block` : `${part}_blocks.${Number(block)}.`;
}

function blockOf(attention: string): string {
  const [, part = "", block] = /^(down|mid|up)_blocks?(?:\.(\d+))?/.exec(attention) ?? [];
  return block === undefined ? part : `${part}.block_${block}`;
}
