/** Requests of OpenAI's routes as options of generate(). */
import type { GenerateOptions } from "../../index";
import type { Value } from "../../options/json-schema";
import { type PictureSources, pictureBytes } from "../pictures/json-options";
import { STEPS } from "../pictures/limits";
import { maskOf } from "../pictures/size";
import type { Order } from "../service";
import { type EditSchema, type GenerationSchema, QUALITIES, type VariationSchema } from "./schema";

export type Generation = Value<typeof GenerationSchema>;
export type Edit = Value<typeof EditSchema>;
export type Variation = Value<typeof VariationSchema>;

/** What routes hand on: all but whose it is. */
export type OpenAiOrder = Omit<Order, "owner"> & {
  /** previews of each picture */
  partial: number;
  stream: boolean;
};

/** What orders are made with: where pictures come from, and the operator's limits. */
export interface OrderParts extends PictureSources {
  mostSteps: number;
  mostPixels: number;
}

export function generationOrder(body: Generation, parts: OrderParts): OpenAiOrder {
  return orderOf(body, { prompt: body.prompt }, parts);
}

/** With a mask, the first picture is changed and the others are image prompts; without one, all are image prompts. */
export async function editOrder(body: Edit, parts: OrderParts): Promise<OpenAiOrder> {
  const given = [...(body.image ?? []), ...(body.images ?? [])];
  const pictures = await Promise.all(given.map((image, i) => pictureBytes(referred(image), `image[${i}]`, parts)));
  const scale = body.input_fidelity === "low" ? 0.5 : 1;
  const prompts = (images: Buffer[]): GenerateOptions => ({ imagePrompts: images.map((image) => ({ image, scale })) });
  const { prompt = "" } = body;
  if (body.mask === undefined) return orderOf(body, { prompt, ...prompts(pictures) }, parts);
  const [image, ...others] = pictures;
  const mask = await maskOf(await pictureBytes(referred(body.mask), "mask", parts), parts.mostPixels);
  return orderOf(body, { prompt, image, mask, ...(others.length > 0 && prompts(others)) }, parts);
}

/** In JSON a picture is an object with its URL. */
function referred(picture: unknown): unknown {
  return typeof picture === "object" && picture !== null && "image_url" in picture ? picture.image_url : picture;
}

export async function variationOrder(body: Variation, parts: OrderParts): Promise<OpenAiOrder> {
  const image = await pictureBytes(referred(body.image), "image", parts);
  return orderOf(body, { imagePrompts: [{ image }] }, parts);
}

type Common = Variation & Partial<Omit<Generation, "prompt">>;

function orderOf(body: Omit<Common, "image">, options: GenerateOptions, { mostSteps }: OrderParts): OpenAiOrder {
  const { model, n, seed, negative_prompt: negativePrompt, guidance_scale: guidance, quality = "auto" } = body;
  const { partial_images: partial = 0, stream = false, output_format: format, output_compression } = body;
  const own = Math.min(STEPS, mostSteps);
  const steps = body.num_inference_steps ?? qualitySteps(quality, mostSteps);
  return {
    model,
    format,
    quality: output_compression,
    partial,
    stream,
    options: {
      ...options,
      ...sizeOf(body.size),
      count: n,
      seed,
      negativePrompt,
      guidance,
      steps,
      ...(stream && partial > 0 && { preview: { every: Math.max(1, Math.ceil((steps ?? own) / (partial + 1))) } }),
    },
  };
}

/** Nobody who asks for quality names a number that could be refused. */
function qualitySteps(quality: string, most: number): number | undefined {
  const percent = QUALITIES[quality] ?? 100;
  return percent === 100 ? undefined : Math.min(most, Math.round((STEPS * percent) / 100));
}

function sizeOf(size = "auto"): { width?: number | undefined; height?: number | undefined } {
  if (size === "auto") return {};
  const [width, height] = size.split("x").map(Number);
  return { width, height };
}
