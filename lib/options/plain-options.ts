/** Options that the engine reads as they are: those that no code of lib/ uses or has to make something of. */
import { EstimateSchema } from "./generate-schema";
import type { ObjectSchema, Value } from "./json-schema";
import { LoadSchema } from "./load-schema";

/** What has another form in the engine's request for a call. */
const MADE = [
  "prompt",
  "negativePrompt",
  "promptSyntax",
  "promptEmbeds",
  "imagePrompts",
  "controls",
  "negativeImagePrompts",
  "regions",
  "image",
  "mask",
  "scheduler",
  "sigmas",
  "timesteps",
  "latents",
  "seed",
  "count",
  "attentionMaps",
] as const;

/** What has another form in the engine's request for a load, or is not for the engine. */
const MADE_OF_LOAD = [
  "model",
  "adapters",
  "loras",
  "controls",
  "inpaint",
  "embeddings",
  "unet",
  "vae",
  "imageEncoder",
  "images",
  "maxPixels",
  "maxQueue",
  "token",
  "offline",
  "onProgress",
  "signal",
] as const;

export type PlainOptions = Omit<Value<typeof EstimateSchema>, (typeof MADE)[number]>;
export type PlainLoadOptions = Omit<Value<typeof LoadSchema>, (typeof MADE_OF_LOAD)[number]>;

/** @returns what copies the plain options of a call that were given */
function picker<Plain extends object>(schema: ObjectSchema, made: readonly string[]): (read: Plain) => Plain {
  const names = Object.keys(schema.properties).filter((name) => !made.includes(name)) as (keyof Plain & string)[];
  return (read) =>
    Object.fromEntries(
      names.filter((name) => read[name] !== undefined).map((name) => [name, read[name]]),
    ) as unknown as Plain;
}

export const plainOptions = picker<PlainOptions>(EstimateSchema, MADE);
export const plainLoadOptions = picker<PlainLoadOptions>(LoadSchema, MADE_OF_LOAD);
