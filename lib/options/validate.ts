/** Reads an options object once, checks it against its schema and returns a clean copy; errors name option, value and fix. */
import { types } from "node:util";

import { OptionError } from "../errors";
import { lazily } from "../load-failure";
import { describe, shorten } from "./describe";
import type { ObjectSchema, Schema, Value } from "./json-schema";
import { readList } from "./read-list";
import { isList, ownKeys, readProperty } from "./read-property";
import { readSignal } from "./read-signal";
import { writeOut } from "./shorthand";

const mistakes = lazily(() => require("./mistakes") as typeof import("./mistakes"));

/**
 * A checked copy of `input` with a null prototype: own properties only (a polluted Object.prototype sets nothing), each
 * getter called once, undefined taken as absent, -0 as 0. Special kinds are passed through after a check of their type.
 * @param at path of the object for messages, "" for the options themselves
 */
export function readOptions<S extends ObjectSchema>(schema: S, input: unknown, at = ""): Value<S> {
  const { title, properties, required = [] }: ObjectSchema = schema;
  if (
    typeof input !== "object" ||
    input === null ||
    isList(input, at === "" ? title : at) ||
    ArrayBuffer.isView(input) ||
    types.isPromise(input)
  ) {
    const fix = at === "" ? "" : mistakes().objectFix(title, input);
    const problem = `${at === "" ? `${title}: ` : ""}expected an object but received ${describe(input)}`;
    throw new OptionError(at, fix === "" ? problem : `${problem}: ${fix}`);
  }
  const result = Object.create(null) as Record<string, unknown>;
  for (const key of ownKeys(input, at === "" ? title : at)) {
    const option = at === "" ? shorten(key) : `${at}.${shorten(key)}`;
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (property === undefined) {
      const elsewhere = new Map(Object.entries(schema["x-elsewhere"] ?? {})).get(key);
      if (elsewhere !== undefined) throw new OptionError(option, elsewhere, { code: "ERR_IPA_UNKNOWN_OPTION" });
      throw mistakes().unknownOption(option, key, title, Object.keys(properties), () =>
        readProperty(input, key, option),
      );
    }
    const value = readProperty(input, key, option);
    if (value !== undefined) result[key] = checkValue(property, value, option);
  }
  for (const key of required) {
    if (!(key in result)) {
      const option = at === "" ? key : `${at}.${key}`;
      throw new OptionError(option, `expected ${expectation(properties[key] ?? schema)} but it is missing: add ${key}`);
    }
  }
  return result as Value<S>;
}

/** Checks one value against its schema and returns the clean copy. */
export function checkValue(rule: Schema, value: unknown, option: string): unknown {
  if (rule["x-kind"] !== undefined) return checkSpecial(rule, value, option);
  switch (rule.type) {
    case "integer":
    case "number":
      return checkNumber(rule, value, option);
    case "string":
      return rule.items !== undefined && isList(value, option)
        ? checkArray(rule, value, option)
        : checkString(rule, value, option);
    case "boolean":
      if (typeof value !== "boolean")
        throw wrong(option, rule, value, value === "true" || value === "false" ? `use ${value} without quotes` : "");
      return value;
    case "array":
      return checkArray(rule, value, option);
    default:
      return readOptions(rule as ObjectSchema, writeOut(rule["x-shorthand"], value, option), option);
  }
}

function checkNumber(rule: Schema, value: unknown, option: string): number {
  const { minimum = -Infinity, maximum = Infinity } = rule;
  if (typeof value !== "number") {
    const meant =
      typeof value === "string" && value.trim() !== ""
        ? Number(value)
        : typeof value === "bigint"
          ? Number(value)
          : NaN;
    const valid =
      Number.isFinite(meant) &&
      meant >= minimum &&
      meant <= maximum &&
      (rule.type === "number" || Number.isInteger(meant));
    throw wrong(option, rule, value, valid ? `use the number ${meant}` : "");
  }
  if (!Number.isFinite(value)) {
    throw wrong(
      option,
      rule,
      value,
      Number.isNaN(value) ? "check the calculation that gave NaN" : `use ${value > 0 ? maximum : minimum}`,
    );
  }
  if (value < minimum)
    throw wrong(option, rule, value, mistakes().valueAlias(option, value) ?? `use ${minimum} or more`);
  if (value > maximum) throw wrong(option, rule, value, `use ${maximum} or less`);
  if (rule.type === "integer" && !Number.isInteger(value)) {
    const [low, high] = [Math.max(minimum, Math.floor(value)), Math.min(maximum, Math.ceil(value))];
    throw wrong(option, rule, value, low === high ? `use ${low}` : `use ${low} or ${high}`);
  }
  return value + 0;
}

function checkString(rule: Schema, value: unknown, option: string): string {
  if (rule.enum !== undefined) {
    if (typeof value === "string") {
      const { "x-aliases": aliases = {} } = rule;
      const name = Object.hasOwn(aliases, value) ? aliases[value] : value;
      if (name !== undefined && rule.enum.includes(name)) return name;
    }
    throw wrong(option, rule, value, mistakes().nameFix(option, value, rule.enum));
  }
  if (typeof value !== "string") throw wrong(option, rule, value, "");
  if (rule.maxLength !== undefined && value.length > rule.maxLength) {
    throw new OptionError(
      option,
      `expected at most ${rule.maxLength} characters but received ${value.length}: shorten it`,
    );
  }
  if (rule.pattern !== undefined && !new RegExp(rule.pattern).test(value)) throw wrong(option, rule, value, "");
  // A lone surrogate has no UTF-8 form; the engine and the files it writes have only UTF-8.
  return value.toWellFormed();
}

function checkArray(rule: Schema, value: unknown, option: string): unknown[] {
  if (!isList(value, option)) {
    throw wrong(option, rule, value, mayStandAlone(rule, value) ? "put it in [ ]" : "");
  }
  const { items, minItems: minimum, maxItems: maximum = 0 } = rule;
  const entries = readList(value, option, { minimum, maximum });
  return items === undefined ? entries : entries.map((entry, i) => checkValue(items, entry, `${option}[${i}]`));
}

/** Whether the value would do as an entry. */
function mayStandAlone(rule: Schema, value: unknown): boolean {
  if (typeof value === "string") return rule.items !== undefined && rule.items["x-shorthand"] !== undefined;
  return typeof value === "object" && value !== null && !ArrayBuffer.isView(value);
}

function checkSpecial(rule: Schema, value: unknown, option: string): unknown {
  switch (rule["x-kind"]) {
    case "function":
      if (typeof value !== "function") throw wrong(option, rule, value, "");
      return value;
    case "signal":
      return readSignal(value, option);
    case "device":
      if (typeof value === "string" && rule.pattern !== undefined && new RegExp(rule.pattern).test(value)) return value;
      throw wrong(option, rule, value, mistakes().valueAlias(option, value) ?? "");
    default:
      // Paths, pictures and vectors are read by the code that knows them, with its own messages.
      return value;
  }
}

function wrong(option: string, rule: Schema, value: unknown, fix: string): OptionError {
  return new OptionError(
    option,
    `expected ${expectation(rule)} but received ${describe(value)}${fix === "" ? "" : `: ${fix}`}`,
  );
}

/** What a schema asks for, in words. */
export function expectation(rule: Schema): string {
  const range =
    rule.minimum !== undefined && rule.maximum !== undefined ? ` between ${rule.minimum} and ${rule.maximum}` : "";
  switch (rule["x-kind"] ?? rule.type) {
    case "integer":
      return `an integer${range}`;
    case "number":
      return `a finite number${range}`;
    case "string":
      if (rule.enum === undefined) return rule["x-pattern"] ?? "a string";
      if (rule.enum.length === 1) return `"${rule.enum[0] ?? ""}"`;
      return `one of ${rule.enum.map((v) => `"${v}"`).join(", ")}${rule.items === undefined ? "" : ", or an array of numbers,"}`;
    case "boolean":
      return "true or false";
    case "array":
      return "an array";
    case "path":
      return "a path";
    case "image":
      return "an image";
    case "scale":
      return "a finite number, or an object of blocks,";
    case "layers":
      return `"all", or an array of indices and names,`;
    case "floats":
      return "a Float32Array";
    case "latents":
      return "a Float32Array, or an array of them,";
    case "device":
      return 'a device ("auto", "cpu", "cuda", "cuda:1" and so on)';
    case "signal":
      return "an AbortSignal";
    case "function":
      return "a function";
    default:
      return "an object";
  }
}
