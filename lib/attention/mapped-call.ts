/** What of a call is kept to read its attention maps by: texts and places, no pictures. */
import { OptionError } from "../errors";
import type { PlainRequest } from "../generate-request";
import type { NativeGuides } from "../guides";
import type { PromptSnapshot } from "../image-prompt";
import type { PipelineInfo } from "../native/contract";
import { COMBINE_METHODS } from "../options/names";
import type { PromptEncoder } from "../prompt/encode";
import type { ReadEstimateOptions } from "../read-options";
import type { AttentionMapsOptions } from "../types";
import type { MappedCall } from "./attention-maps";
import { readAttentionLayers } from "./layers";
import { PromptText } from "./prompt-text";

const CONCAT = COMBINE_METHODS.indexOf("concat");

/** @throws OptionError */
export function layersToMap(
  { layers }: AttentionMapsOptions,
  { promptEmbeds, regions = [] }: Pick<ReadEstimateOptions, "promptEmbeds" | "regions">,
  { attentions }: PipelineInfo,
): Int32Array {
  if (promptEmbeds !== undefined || regions.some((region) => region.promptEmbeds !== undefined))
    throw new OptionError(
      "attentionMaps",
      "they are of a prompt's words, which promptEmbeds do not have: leave one of them out",
    );
  return Int32Array.from(readAttentionLayers(layers, attentions));
}

/** @param prompts every image prompt, in the order of their `source` */
export function mappedCall(
  { prompt }: Pick<PlainRequest, "prompt">,
  { branches, regions }: NativeGuides,
  prompts: readonly PromptSnapshot[],
  [encoder]: readonly PromptEncoder[],
): MappedCall | undefined {
  const [text] = prompt;
  if (encoder === undefined || text === undefined) return undefined;
  return {
    prompt: new PromptText(text, encoder),
    regions: regions.flatMap(({ prompt: [own] }) => (own === undefined ? [] : new PromptText(own, encoder))),
    branches: branches.map(({ images, combine, contrary }) => ({
      sources: images.map(({ source = -1 }) => source),
      joined: combine !== CONCAT,
      contrary,
    })),
    prompts: prompts.map(({ option, region }) => ({ option, region })),
  };
}
