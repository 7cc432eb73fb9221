import { OptionError } from "../errors";
import { describe } from "./describe";
import type { Value } from "./json-schema";
import type { EstimateSchema, GenerateSchema } from "./schema";
import { checkValue, readOptions } from "./validate";

/** The arguments of generate() and estimateMemory(): options, or a prompt alone or with the other options behind it. */
export function readCall<T extends typeof GenerateSchema | typeof EstimateSchema>(
  schema: T,
  first: unknown,
  others: unknown,
): Value<T> {
  if (typeof first !== "string") {
    if (others !== undefined)
      throw new OptionError(
        "",
        `expected a prompt in front of the options but received ${describe(first)}: put all options in one object`,
      );
    return readOptions(schema, first);
  }
  const read: { prompt?: unknown } = readOptions(schema, others ?? {});
  if (read.prompt !== undefined)
    throw new OptionError("prompt", "received it twice, in front of the options and among them: leave one out");
  read.prompt = checkValue(schema.properties.prompt, first, "prompt");
  return read as Value<T>;
}
