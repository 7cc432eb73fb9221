/** What a record has of options, as a caller would pass it. */
import { ImageEmbeds } from "../embeds/image-embeds";
import { OptionError } from "../errors";
import type { Schema } from "../options/json-schema";

const MOST_PATH = 4096;
/** Characters of numbers in base64: twice what a record has. */
const MOST_BASE64 = 256 * 1024;

/** Along the schema; null stands for what was given in memory. What else is wrong the check of options says. */
export function restored(rule: Schema, value: unknown, option: string): unknown {
  switch (rule["x-kind"]) {
    case "path":
    case "image":
      if (value === null) return undefined;
      if (typeof value === "string" && value.length <= MOST_PATH) return value;
      throw new OptionError(option, "expected a path");
    case "floats":
    case "latents":
      return value === null ? undefined : readNumbers(value, option);
    default:
      break;
  }
  if (rule.items !== undefined && Array.isArray(value)) {
    const { items, maxItems = 0 } = rule;
    if (value.length > maxItems) throw new OptionError(option, `expected at most ${maxItems} entries`);
    return value.map((entry, i) => restored(items, entry, `${option}[${i}]`));
  }
  const { properties } = rule;
  if (properties === undefined || typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => {
      const inner = Object.hasOwn(properties, name) ? properties[name] : undefined;
      const at = option === "" ? name : `${option}.${name}`;
      return [name, inner === undefined ? entry : restored(inner, entry, at)];
    }),
  );
}

/** The schema with nothing needed: what was given in memory is missing, and files say of it only what it was. */
export function withoutRequired(rule: Schema): Schema {
  const { items, properties } = rule;
  const kept = Object.fromEntries(Object.entries(rule).filter(([name]) => name !== "required"));
  const inner = Object.entries(properties ?? {}).map(([name, one]) => [name, withoutRequired(one)] as const);
  return {
    ...kept,
    ...(items === undefined ? {} : { items: withoutRequired(items) }),
    ...(properties === undefined ? {} : { properties: Object.fromEntries(inner) }),
  };
}

function readNumbers(value: unknown, option: string): Float32Array {
  const { f32, shape } = value as { f32?: unknown; shape?: unknown };
  if (typeof f32 !== "string" || f32.length > MOST_BASE64) throw new OptionError(option, "expected numbers in base64");
  const bytes = Buffer.from(f32, "base64");
  if (bytes.length % 4 !== 0) throw new OptionError(option, "expected whole numbers of 4 bytes");
  const data = Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
  return shape === undefined ? data : new ImageEmbeds(data, shape as number[]);
}
