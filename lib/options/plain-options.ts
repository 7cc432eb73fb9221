/** Options of a call that the engine reads as they are: those that no code of lib/ uses or has to make something of. */
import { EstimateSchema } from "./estimate-schema";
import type { Value } from "./json-schema";
import { picker } from "./plain-load-options";

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

export type PlainOptions = Omit<Value<typeof EstimateSchema>, (typeof MADE)[number]>;

export const plainOptions = picker<PlainOptions>(EstimateSchema, MADE);
