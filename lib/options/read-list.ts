import { OptionError } from "../errors";
import { readProperty } from "./read-property";

/** A copy of an array's entries, each read once; only so many are read as may be, whatever length it states. */
export function readList(
  array: readonly unknown[],
  option: string,
  bounds: { minimum?: number | undefined; maximum: number },
): unknown[] {
  const { minimum = 0, maximum } = bounds;
  const length = readProperty(array, "length", option);
  // A proxy may state anything.
  if (typeof length !== "number" || !Number.isInteger(length) || length < 0)
    throw new OptionError(option, "expected an array but its length is no whole number: pass a plain array");
  if (length > maximum)
    throw new OptionError(option, `expected at most ${maximum} entries but received ${length}: leave some out`);
  if (length < minimum)
    throw new OptionError(
      option,
      `expected at least ${minimum} entries but received ${length}: add ${minimum - length}`,
    );
  const result: unknown[] = [];
  for (let i = 0; i < length; i++) result.push(readProperty(array, i, `${option}[${i}]`));
  return result;
}
