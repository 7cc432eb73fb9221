/** Bodies of requests, checked by the schemas that the OpenAPI document is made of. */
import { OptionError } from "../../index";
import type { ObjectSchema, Schema, Value } from "../../options/json-schema";
import { readOptions } from "../../options/validate";
import { Form } from "./forms";

/** The schema of a body. */
export interface BodySchema extends ObjectSchema {
  /** "ignored": of a protocol of others, whose clients send what we do not know */
  readonly "x-unknown"?: "ignored";
  /** whether it may come as a form too */
  readonly "x-form"?: true;
  /** properties of which one at least has to be there */
  readonly "x-any-of"?: readonly string[];
}

/** @throws OptionError */
export function readBody<S extends BodySchema>(schema: S, body: unknown): Value<S> {
  const form = body instanceof Form;
  if (form && schema["x-form"] !== true) throw new OptionError("", "expected a body in JSON but received a form");
  let values = form ? body.values : body;
  if (schema["x-unknown"] === "ignored") values = known(schema, values);
  if (form) values = fromTexts(schema, values as Record<string, unknown>);
  const read = readOptions(schema, values);
  const choice = schema["x-any-of"];
  if (choice !== undefined && !choice.some((name) => name in read))
    throw new OptionError(choice[0] ?? "", `expected ${choice.join(" or ")}, but there is none of them`);
  return read;
}

/** OpenAI's clients write null for what is left out. */
function known(schema: ObjectSchema, values: unknown): unknown {
  if (typeof values !== "object" || values === null || Array.isArray(values)) return values;
  const entries = Object.entries(values).filter(
    ([name, value]) => value !== null && Object.hasOwn(schema.properties, name),
  );
  // One may stand alone where there may be several.
  const listed = entries.map(([name, value]: [string, unknown]): [string, unknown] =>
    schema.properties[name]?.type === "array" && !Array.isArray(value) ? [name, [value]] : [name, value],
  );
  return Object.fromEntries(listed);
}

/** Forms have texts where JSON has numbers. */
function fromTexts(schema: ObjectSchema, values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, fromText(schema.properties[name] ?? {}, value)]),
  );
}

function fromText(rule: Schema, value: unknown): unknown {
  if (typeof value !== "string") return value;
  if (rule.type === "boolean") return value === "true" ? true : value === "false" ? false : value;
  const number = rule.type === "integer" || rule.type === "number";
  return number && value.trim() !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
}
