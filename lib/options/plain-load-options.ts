/** Options of load() that the engine reads as they are: those that no code of lib/ uses or has to make something of. */
import type { ObjectSchema, Value } from "./json-schema";
import { LoadSchema } from "./load-schema";

/** What has another form in the engine's request for a load, or is not for the engine. */
const MADE = [
  "model",
  "adapters",
  "loras",
  "controls",
  "inpaint",
  "embeddings",
  "unet",
  "vae",
  "imageEncoder",
  "device",
  "devices",
  "images",
  "maxPixels",
  "maxQueue",
  "token",
  "offline",
  "onProgress",
  "signal",
] as const;

export type PlainLoadOptions = Omit<Value<typeof LoadSchema>, (typeof MADE)[number]>;

/** @returns what copies the plain options that were given */
export function picker<Plain extends object>(schema: ObjectSchema, made: readonly string[]): (read: Plain) => Plain {
  const names = Object.keys(schema.properties).filter((name) => !made.includes(name)) as (keyof Plain & string)[];
  return (read) =>
    Object.fromEntries(
      names.filter((name) => read[name] !== undefined).map((name) => [name, read[name]]),
    ) as unknown as Plain;
}

export const plainLoadOptions = picker<PlainLoadOptions>(LoadSchema, MADE);
