/** A preprocessor that was asked for, in the engine's words. */
import { OptionError } from "../errors";
import type { Value } from "../options/json-schema";
import { PREPROCESSORS } from "../options/names";
import type { PreprocessSchema } from "../options/preprocess-schema";
import type { NativePreprocess } from "./pixels";

/** @throws OptionError unless there is one of them */
export function nativePreprocess(read: Value<typeof PreprocessSchema>, option: string): NativePreprocess {
  const names = PREPROCESSORS.filter((name) => read[name] !== undefined);
  const [name] = names;
  if (name === undefined || names.length > 1) {
    const received = name === undefined ? "none" : names.join(" and ");
    throw new OptionError(
      option,
      `expected one of ${PREPROCESSORS.join(", ")} but received ${received}: ${name === undefined ? "add one" : "leave all but one out"}`,
    );
  }
  return { ...read[name], name };
}
