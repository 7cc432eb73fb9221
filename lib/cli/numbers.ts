/** Numbers on the command line: one, or several in a form. What is in range the schemas say. */
import { OptionError } from "../errors";
import { describe } from "../options/describe";

/** A number as written; the schema says what is in range. */
export function parseNumber(text: string, option: string): number {
  const number = text.trim() === "" ? NaN : Number(text);
  if (Number.isNaN(number)) throw new OptionError(option, `expected a number but received ${describe(text)}`);
  return number;
}

/** `START,END` as the pair of numbers it is. */
export function parsePair(text: string, option: string): number[] {
  const parts = text.split(",");
  if (parts.length !== 2) throw new OptionError(option, `expected START,END but received ${describe(text)}`);
  return parts.map((part) => parseNumber(part, option));
}

/** `A[:B]`, or `A:B` where the second is `needed`, as an object of two numbers. */
export function parseTwo<First extends string, Second extends string>(
  text: string,
  option: string,
  [first, second]: readonly [First, Second],
  needed = false,
): Record<First, number> & Partial<Record<Second, number>> {
  const parts = text.split(":");
  if (parts.length > 2 || (needed && parts.length < 2)) {
    const [form, more] = [first.toUpperCase(), second.toUpperCase()];
    const expected = needed ? `${form}:${more}` : `${form} or ${form}:${more}`;
    throw new OptionError(option, `expected ${expected} but received ${describe(text)}`);
  }
  const names = [first, second];
  return Object.fromEntries(parts.map((part, i) => [names[i], parseNumber(part, option)])) as ReturnType<
    typeof parseTwo<First, Second>
  >;
}

/** `LEFT,TOP,RIGHT,BOTTOM` */
export function parseMargins(text: string, option: string): Record<"left" | "top" | "right" | "bottom", number> {
  const parts = text.split(",");
  const [left = 0, top = 0, right = 0, bottom = 0] = parts.map((part) => parseNumber(part, option));
  if (parts.length !== 4)
    throw new OptionError(option, `expected LEFT,TOP,RIGHT,BOTTOM but received ${describe(text)}`);
  return { left, top, right, bottom };
}
