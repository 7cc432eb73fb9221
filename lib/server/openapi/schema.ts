/** The schemas of options as OpenAPI 3.1 has them, which is JSON Schema. */
import type { Schema } from "../../options/json-schema";

const SCALARS = { oneOf: [{ type: "number" }, { type: "array" }, { type: "object" }] };

/** What values that JSON has no type for are in requests. */
const SPECIAL: Record<string, object> = {
  image: { type: "string", description: "data:image/png;base64,…, or base64" },
  floats: { type: "array", items: { type: "number" } },
  latents: { type: "array", items: { oneOf: [{ type: "number" }, { type: "array", items: { type: "number" } }] } },
  scale: SCALARS,
  layers: { oneOf: [{ type: "string" }, { type: "array" }] },
  path: { type: "string" },
};

export type JsonSchema = Record<string, unknown>;

/** @param open whether unknown properties are ignored */
export function jsonSchema(rule: Schema, open = false): JsonSchema {
  const description = [rule.description, rule["x-default"] === undefined ? undefined : `default: ${rule["x-default"]}`]
    .filter((text) => text !== undefined)
    .join("; ");
  const about = { ...(description !== "" && { description }), ...("default" in rule && { default: rule.default }) };
  const kind = rule["x-kind"];
  if (kind !== undefined) return { ...SPECIAL[kind], ...about };
  const shape = shapeOf(rule, open);
  const shorthand = rule["x-shorthand"];
  // What may stand alone in place of an object.
  return shorthand === undefined ? { ...shape, ...about } : { oneOf: [{ type: "string" }, shape], ...about };
}

function shapeOf(rule: Schema, open: boolean): JsonSchema {
  const { type, minimum, maximum, maxLength, items, minItems, maxItems, properties, required } = rule;
  const list =
    items === undefined ? {} : { type: "array", items: jsonSchema(items), ...defined({ minItems, maxItems }) };
  switch (type) {
    case "array":
      return { ...list, type };
    case "string": {
      const names = [...(rule.enum ?? []), ...Object.keys(rule["x-aliases"] ?? {})];
      const text = { type, ...(rule.enum !== undefined && { enum: names }), ...defined({ maxLength }) };
      return items === undefined ? text : { oneOf: [text, list] };
    }
    case "object": {
      const members = Object.entries(properties ?? {}).map(([name, member]) => [name, jsonSchema(member)]);
      return {
        type,
        properties: Object.fromEntries(members) as JsonSchema,
        ...defined({ required }),
        additionalProperties: open,
      };
    }
    default:
      return { ...defined({ type, minimum, maximum }) };
  }
}

function defined(values: Record<string, unknown>): JsonSchema {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
