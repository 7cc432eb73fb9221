/** Requests of OpenAI's routes as options of generate(). */
import { OptionError, type GenerateOptions } from "../../index";
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

export function generationOrder(body: Generation): OpenAiOrder {
  return orderOf(body, { prompt: body.prompt });
}

/** With a mask, the first picture is changed and the others are image prompts; without one, all are image prompts. */
export async function editOrder(body: Edit, sources: PictureSources): Promise<OpenAiOrder> {
  const given = body.image ?? body.images;
  if (given === undefined) throw new OptionError("image", "expected a picture, or a list of them, but it is missing");
  const pictures = await Promise.all(given.map((image, i) => pictureBytes(referred(image), `image[${i}]`, sources)));
  const scale = body.input_fidelity === "low" ? 0.5 : 1;
  const prompts = (images: Buffer[]): GenerateOptions => ({ imagePrompts: images.map((image) => ({ image, scale })) });
  const { prompt = "" } = body;
  if (body.mask === undefined) return orderOf(body, { prompt, ...prompts(pictures) });
  const [image, ...others] = pictures;
  const mask = await maskOf(await pictureBytes(referred(body.mask), "mask", sources));
  return orderOf(body, { prompt, image, mask, ...(others.length > 0 && prompts(others)) });
}

/** In JSON a picture is an object with its URL. */
function referred(picture: unknown): unknown {
  return typeof picture === "object" && picture !== null && "image_url" in picture ? picture.image_url : picture;
}

export async function variationOrder(body: Variation, sources: PictureSources): Promise<OpenAiOrder> {
  return orderOf(body, { imagePrompts: [{ image: await pictureBytes(body.image, "image", sources) }] });
}

type Common = Variation & Partial<Omit<Generation, "prompt">>;

function orderOf(body: Omit<Common, "image">, options: GenerateOptions): OpenAiOrder {
  const { model, n, seed, negative_prompt: negativePrompt, guidance_scale: guidance, quality = "auto" } = body;
  const { partial_images: partial = 0, stream = false, output_format: format, output_compression } = body;
  const steps = body.num_inference_steps ?? qualitySteps(quality);
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
      ...(stream && partial > 0 && { preview: { every: Math.max(1, Math.ceil((steps ?? STEPS) / (partial + 1))) } }),
    },
  };
}

function qualitySteps(quality: string): number | undefined {
  const percent = QUALITIES[quality] ?? 100;
  return percent === 100 ? undefined : Math.round((STEPS * percent) / 100);
}

function sizeOf(size = "auto"): { width?: number; height?: number } {
  if (size === "auto") return {};
  const [, width, height] = /^(\d{1,5})x(\d{1,5})$/.exec(size) ?? [];
  if (width === undefined)
    throw new OptionError("size", `expected WIDTHxHEIGHT such as "512x512", or "auto", but received "${size}"`);
  return { width: Number(width), height: Number(height) };
}
