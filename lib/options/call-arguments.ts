/** Arguments of calls whose first may stand in front of the options. */
import { OptionError } from "../errors";
import { describe } from "./describe";
import type { EstimateSchema } from "./estimate-schema";
import type { GenerateSchema } from "./generate-schema";
import type { Value } from "./json-schema";
import { LoadSchema } from "./load-schema";
import { writeOut } from "./shorthand";
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

/** The arguments of load(): options, or a model alone or with the other options behind it. */
export function readLoad(first: unknown, others: unknown): Value<typeof LoadSchema> {
  if (writeOut("model", first, "model") === first) {
    if (others !== undefined)
      throw new OptionError(
        "",
        `expected a model in front of the options but received ${describe(first)}: put all options in one object`,
      );
    return readOptions(LoadSchema, first);
  }
  const read = readOptions(LoadSchema, others ?? {});
  if (read.model !== undefined)
    throw new OptionError("model", "received it twice, in front of the options and among them: leave one out");
  read.model = checkValue(LoadSchema.properties.model, first, "model") as string | URL;
  return read;
}
