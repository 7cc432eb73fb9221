/** The schemas of requests as OpenAPI 3.1 has them, which is JSON Schema. */
import type { Schema } from "../../options/json-schema";
import type { BodySchema } from "../http/body";
import { LIMITED } from "../pictures/limits";
import { SCALE } from "../pictures/scale";

export type JsonSchema = Record<string, unknown>;

/** Of an answer that has all of these properties and no others. @param title its name in the document */
export const objectSchema = (properties: Record<string, JsonSchema>, title?: string): JsonSchema => ({
  type: "object",
  ...(title !== undefined && { title }),
  required: Object.keys(properties),
  additionalProperties: false,
  properties,
});

/** How a schema is used. */
export interface SchemaUse {
  /** the operator's, which lower those of the schema */
  limits?: Readonly<Record<string, number>> | undefined;
  /** the server's things that requests may name */
  names?: Readonly<Record<"loras", readonly string[]>> | undefined;
  /** whether the body is a form: pictures are files */
  form?: boolean;
  /** whether null stands for what is left out, and one alone for a list of it: of a protocol of others */
  lenient?: boolean;
}

const PICTURE = { type: "string", format: "picture", description: "data:image/png;base64,…, or base64" };
const FLOATS = { type: "array", items: { type: "number" } };

/** A picture where OpenAI's routes take one in JSON. */
const REFERENCE = {
  anyOf: [PICTURE, { type: "object", required: ["image_url"], properties: { image_url: PICTURE } }],
};

/** What values that JSON has no type for are in requests. */
const SPECIAL: Record<string, JsonSchema> = {
  image: PICTURE,
  floats: FLOATS,
  latents: { anyOf: [FLOATS, { type: "array", items: FLOATS, minItems: 1 }] },
  scale: SCALE,
};

/** The schema of a body. */
export function bodySchema(body: BodySchema, use: SchemaUse = {}): JsonSchema {
  const lenient = body["x-unknown"] === "ignored";
  const schema = jsonSchema(body, { ...use, lenient });
  const needed = body["x-any-of"]?.map((name) => ({
    required: [name],
    ...(use.form !== true && { properties: { [name]: { not: { type: "null" } } } }),
  }));
  return { ...schema, additionalProperties: lenient, ...defined({ anyOf: needed }) };
}

export function jsonSchema(rule: Schema, use: SchemaUse = {}): JsonSchema {
  const description = [rule.description, rule["x-default"] === undefined ? undefined : `default: ${rule["x-default"]}`]
    .filter((text) => text !== undefined)
    .join("; ");
  return {
    ...shapeOf(rule, use),
    ...(description !== "" && { description }),
    ...("default" in rule && { default: rule.default }),
  };
}

function shapeOf(rule: Schema, use: SchemaUse): JsonSchema {
  const kind = rule["x-kind"];
  if (kind === "image" && use.form === true) return { type: "string", format: "binary" };
  if (kind === "image" && use.lenient === true) return REFERENCE;
  if (kind !== undefined) return SPECIAL[kind] ?? {};
  const { type, minimum, maximum, items } = rule;
  switch (type) {
    case "array":
      return listOf(rule, use);
    case "string":
      return items === undefined ? textOf(rule, use) : { anyOf: [textOf(rule, use), listOf(rule, use)] };
    case "object":
      return objectOf(rule, use);
    default:
      return defined({ type, minimum, maximum });
  }
}

function textOf(rule: Schema, use: SchemaUse): JsonSchema {
  const { type, maxLength, pattern, enum: names = namesOf(rule, use), "x-aliases": aliases = {} } = rule;
  const all = names && [...names, ...Object.keys(aliases)];
  return defined({ type, enum: all, maxLength, pattern });
}

const namesOf = ({ "x-names": things }: Schema, { names }: SchemaUse): readonly string[] | undefined =>
  things === undefined ? undefined : names?.[things];

function listOf({ items = {}, minItems, maxItems }: Schema, use: SchemaUse): JsonSchema {
  // Of things that the server has none of.
  if (Object.values(items.properties ?? {}).some((member) => namesOf(member, use)?.length === 0))
    return { type: "array", maxItems: 0 };
  return { type: "array", items: jsonSchema(items, use), ...defined({ minItems, maxItems }) };
}

function objectOf({ properties = {}, required, "x-shorthand": shorthand }: Schema, use: SchemaUse): JsonSchema {
  const members = Object.entries(properties).map(([name, member]) => {
    const schema = jsonSchema(limited(name, member, use), use);
    if (use.lenient !== true || use.form === true) return [name, schema];
    const one = member.items === undefined ? schema : standsAlone(schema, jsonSchema(member.items, use));
    return [name, required?.includes(name) === true ? one : orNull(one)];
  });
  const object = {
    type: "object",
    properties: Object.fromEntries(members) as JsonSchema,
    ...defined({ required }),
    additionalProperties: false,
  };
  if (shorthand === undefined) return object;
  // What may stand alone in place of the object.
  const alone =
    shorthand === "name"
      ? { type: "string", enum: Object.keys(properties) }
      : jsonSchema(properties[shorthand] ?? {}, use);
  return { anyOf: [alone, object] };
}

/** The rule with the operator's limit in it. */
function limited(name: string, rule: Schema, { limits }: SchemaUse): Schema {
  const most = limits?.[LIMITED[name] ?? ""];
  if (most === undefined) return rule;
  const lower = (given: number | undefined): number => Math.min(given ?? most, most);
  return {
    ...rule,
    ...(rule.maximum !== undefined && { maximum: lower(rule.maximum) }),
    ...(rule.maxItems !== undefined && { maxItems: lower(rule.maxItems) }),
    ...(typeof rule.default === "number" && { default: lower(rule.default) }),
  };
}

function standsAlone({ description, ...list }: JsonSchema, one: JsonSchema): JsonSchema {
  return { anyOf: [list, one], ...defined({ description }) };
}

function orNull({ type, enum: names, anyOf, ...schema }: JsonSchema): JsonSchema {
  if (Array.isArray(anyOf)) return { ...schema, anyOf: [...(anyOf as JsonSchema[]), { type: "null" }] };
  return { ...schema, type: [type, "null"], ...(Array.isArray(names) && { enum: [...(names as string[]), null] }) };
}

function defined(values: Record<string, unknown>): JsonSchema {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
