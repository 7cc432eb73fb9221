/** Flags of options: their names, forms and help come from the schemas. */
import type { Command } from "commander";

import type { ObjectSchema, Schema } from "../options/json-schema";
import { flagOf, wordsToFlags } from "./flag-names";
import { parseNumber, parsePair } from "./numbers";

/** Adds a flag for each of these options. */
export function addFlags(command: Command, schema: ObjectSchema, names: readonly string[]): Command {
  for (const [name, rule] of chosen(schema, names))
    command.option(`${flagOf(name)}${rule.type === "boolean" ? "" : ` <${placeholder(rule)}>`}`, help(rule));
  return command;
}

/** The options that were given by such flags; what is in range the schema says later. */
export function readFlags(
  flags: Readonly<Record<string, unknown>>,
  schema: ObjectSchema,
  names: readonly string[],
): Record<string, unknown> {
  return Object.fromEntries(
    chosen(schema, names).flatMap(([name, rule]) => {
      const value = flags[name];
      if (value === undefined) return [];
      return [[name, typeof value === "string" ? parse(rule, value, flagOf(name)) : value]];
    }),
  );
}

const chosen = ({ properties }: ObjectSchema, names: readonly string[]): [string, Schema][] =>
  Object.entries(properties).filter(([name]) => names.includes(name));

function parse(rule: Schema, text: string, flag: string): unknown {
  if (rule.type === "integer" || rule.type === "number") return parseNumber(text, flag);
  if (rule.type === "array" && rule.maxItems === 2) return parsePair(text, flag);
  const numbers = rule.type === "array" || (rule.items !== undefined && /^[-+.\d]/.test(text));
  return numbers ? text.split(",").map((part) => parseNumber(part, flag)) : text;
}

/** What stands for a value in the help. */
function placeholder({ type, enum: names, description = "", "x-kind": kind }: Schema): string {
  if (kind === "device") return "name";
  if (kind !== undefined) return kind === "image" ? "img" : "path";
  if (names !== undefined) return "name";
  if (type === "array") return /\[(\w+, \w+)\]/.exec(description)?.[1]?.replace(" ", "") ?? "a,b,…";
  return type === "integer" ? "n" : type === "number" ? "x" : "text";
}

/** Help text of an option. */
export function help(rule: Schema): string {
  const { description: ofApi = "", "x-help": ofCommand = ofApi, minimum, maximum, enum: names = [] } = rule;
  const description = wordsToFlags(ofCommand.replace(/\[(\w+), (\w+)\]/g, "$1,$2"));
  const known = names.every((name) => description.split(/[^\w+]+/).includes(name));
  const list = rule.items === undefined || names.length === 0 ? names : [...names, "or numbers with commas between"];
  const most = maximum ?? Infinity;
  const range = minimum !== undefined && most < Number.MAX_SAFE_INTEGER ? ` (${minimum} to ${most})` : "";
  return `${description}${known ? "" : ` (${list.join(", ")})`}${range}${usual(rule)}`.replaceAll("`", "");
}

function usual({ default: value, "x-default": words }: Schema): string {
  if (value === undefined && words === undefined) return "";
  const text = words ?? (value === "" ? "" : JSON.stringify(value));
  // A pair is written as its flag takes it.
  const [, pair] = /^`?\[([\d., ]+)\]`?$/.exec(text) ?? [];
  return text === "" ? "" : ` [${pair?.replaceAll(" ", "") ?? text}]`;
}
