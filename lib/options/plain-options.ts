/** Options of generate() that the engine reads as they are: those that no code of lib/ has to make something of. */
import { EstimateSchema } from "./generate-schema";
import type { Value } from "./json-schema";

/** What has another form in the engine's request. */
const MADE = [
  "prompt",
  "negativePrompt",
  "promptSyntax",
  "imagePrompts",
  "controls",
  "image",
  "mask",
  "scheduler",
  "sigmas",
  "timesteps",
  "latents",
  "seed",
  "count",
] as const;

type Estimated = Value<typeof EstimateSchema>;

export type PlainOptions = Omit<Estimated, (typeof MADE)[number]>;

const NAMES = (Object.keys(EstimateSchema.properties) as (keyof Estimated)[]).filter(
  (name): name is keyof PlainOptions => !(MADE as readonly string[]).includes(name),
);

export function plainOptions(read: PlainOptions): PlainOptions {
  return Object.fromEntries(NAMES.filter((name) => read[name] !== undefined).map((name) => [name, read[name]]));
}
