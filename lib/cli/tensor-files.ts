/** Tensors in files, as the command line reads and writes them. */
import { resolve } from "node:path";

import { throwIfAborted } from "../abort-signal";
import { picturesOf, shapeText } from "../embeds/image-embeds";
import { OptionError } from "../errors";
import { CallSite, startNative } from "../native/call";
import type { Done, NativeAddon, NativeJob, PipelineInfo } from "../native/contract";
import type { EncodedPrompts, PromptEmbeds } from "../prompt/prompt-embeds";
import type { GenerateResult } from "../types";

/** The rows of a file's tensor: of (n, ...) there are n. */
export async function readRows(
  addon: NativeAddon,
  path: string,
  name: "face_embeds" | "latents",
  signal: AbortSignal,
  option = `--${name.replace("_", "-")}`,
): Promise<Float32Array[]> {
  throwIfAborted(signal);
  const file = resolve(path);
  const { shape, data } = await startNative<{ shape: number[]; data: ArrayBuffer }>(new CallSite(), signal, (done) =>
    addon.readTensor(file, name, done),
  ).result;
  const count = shape[0] ?? 0;
  const [least, most, form] = name === "latents" ? [4, 4, "(n, channels, h, w)"] : [2, 2, "(n, d)"];
  if (shape.length < least || shape.length > most || count < 1) {
    throw new OptionError(option, `expected a tensor ${name} of shape ${form} but ${file} has ${shapeText(shape)}`);
  }
  return picturesOf({ data: new Float32Array(data), shape });
}

/** diffusers' names of text features. */
const PROMPT_TENSORS = {
  prompt: "prompt_embeds",
  negative: "negative_prompt_embeds",
  pooled: "pooled_prompt_embeds",
  negativePooled: "negative_pooled_prompt_embeds",
} as const;

/** The text features in a file: prompt_embeds, and what else of them it has. */
export async function readPromptEmbeds(
  addon: NativeAddon,
  path: string,
  option: string,
  signal: AbortSignal,
): Promise<PromptEmbeds> {
  throwIfAborted(signal);
  const file = resolve(path);
  const start = <T>(work: (done: Done<T>) => NativeJob): Promise<T> =>
    startNative<T>(new CallSite(), signal, work).result;
  const tensors = await start<{ name: string }[]>((done) => addon.listTensors(file, done));
  const embeds: Partial<Record<keyof PromptEmbeds, Float32Array>> = {};
  for (const [name, tensor] of Object.entries(PROMPT_TENSORS) as [keyof PromptEmbeds, string][]) {
    if (!tensors.some((found) => found.name === tensor)) continue;
    const { data } = await start<{ data: ArrayBuffer }>((done) => addon.readTensor(file, tensor, done));
    embeds[name] = new Float32Array(data);
  }
  const { prompt } = embeds;
  if (prompt === undefined)
    throw new OptionError(option, `expected a tensor ${PROMPT_TENSORS.prompt}, which ${file} has not`);
  return { ...embeds, prompt };
}

/** Writes text features as diffusers has them: (1, tokens, size), pooled ones (1, size). @returns the shapes written */
export async function savePromptEmbeds(
  addon: NativeAddon,
  file: string,
  embeds: EncodedPrompts,
  { textSize }: Pick<PipelineInfo, "textSize">,
): Promise<Record<string, number[]>> {
  const tensors = (Object.entries(PROMPT_TENSORS) as [keyof EncodedPrompts, string][]).flatMap(([key, name]) => {
    const data = embeds[key];
    if (data === undefined) return [];
    const shape = PROMPT_TENSORS[key].includes("pooled") ? [1, data.length] : [1, data.length / textSize, textSize];
    return [{ name, shape, data }];
  });
  await write(addon, file, tensors);
  return Object.fromEntries(tensors.map(({ name, shape }) => [name, shape]));
}

type Tensors = Parameters<NativeAddon["writeTensors"]>[1];

const write = (addon: NativeAddon, file: string, tensors: Tensors): Promise<undefined> =>
  startNative<undefined>(new CallSite(), undefined, (done) =>
    addon.writeTensors(file, tensors, done as (error: unknown) => void),
  ).result;

export async function saveLatents(
  addon: NativeAddon,
  file: string,
  { latents, latentShape }: GenerateResult,
): Promise<void> {
  const size = latentShape.reduce((product, side) => product * side, 1);
  const data = new Float32Array(latents.length * size);
  latents.forEach((entry, i) => data.set(entry, i * size));
  await write(addon, file, [{ name: "latents", shape: [latents.length, ...latentShape], data }]);
}
