/** The settings of a picture in plain words: what the text for other programs does not say. */
import type { PictureSettings } from "../metadata/read";
import { GenerateSchema } from "../options/generate-schema";
import type { Schema } from "../options/json-schema";
import { LoadSchema } from "../options/load-schema";

/** What that text says, or the list of files with their hashes. */
const SAID = ["model", "prompt", "negativePrompt", "steps", "scheduler", "guidance", "seed", "width", "height"];

/** What an entry of a list is called. */
const ENTRIES: Record<string, string> = {
  imagePrompts: "image prompt",
  negativeImagePrompts: "negative image prompt",
  controls: "control",
  regions: "region",
  adapters: "adapter",
  loras: "LoRA",
  embeddings: "textual inversion",
};

/** What an entry is of, whose name goes without saying. How much it counts is said even where it was left out. */
const MAIN = ["file", "image"];
/** Letters of a list, of a line, and how deep objects are said; blocks of a scale may be anything. */
const MOST = { list: 400, line: 2000, depth: 8 };

/** A line for each option of load() and generate(), or for each entry of one that is a list. */
export function settingLines({ load, generate }: PictureSettings): string[] {
  const loaded = { title: "loaded ", properties: LoadSchema.properties, values: load };
  const called = { title: "", properties: GenerateSchema.properties, values: generate };
  return [loaded, called].flatMap(({ title, properties, values }) =>
    Object.entries<unknown>({ ...values }).flatMap(([name, value]) => {
      const rule = (properties as Readonly<Record<string, Schema>>)[name] ?? {};
      if (SAID.includes(name) || value === undefined || value === rule.default) return [];
      return optionLines(name, rule, value).map((line) => shortened(`${title}${line}`));
    }),
  );
}

function optionLines(name: string, rule: Schema, value: unknown): string[] {
  const entry = ENTRIES[name];
  if (entry === undefined || !Array.isArray(value)) return [`${inWords(name)}: ${valueText(rule, value)}`];
  return value.map((one, i) => `${entry} ${i + 1}: ${valueText(rule.items ?? {}, one)}`);
}

/** `maskMode` as "mask mode" */
const inWords = (name: string): string => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

const shortened = (line: string): string => (line.length <= MOST.line ? line : `${line.slice(0, MOST.line)}…`);

function valueText(rule: Schema, value: unknown, depth = 0): string {
  if (depth > MOST.depth) return "…";
  if (ArrayBuffer.isView(value)) return `${(value as Float32Array).length} numbers`;
  if (Array.isArray(value)) {
    const text = value.map((one: unknown) => innerText(rule.items ?? {}, one, depth + 1)).join(", ");
    return text.length <= MOST.list ? text : `${value.length} values`;
  }
  if (typeof value === "object" && value !== null) return membersText(rule, value as Record<string, unknown>, depth);
  return typeof value === "string" && rule["x-kind"] === undefined && rule.enum === undefined
    ? JSON.stringify(value)
    : String(value);
}

/** Of a part of something: what has parts itself stands in brackets. */
function innerText(rule: Schema, value: unknown, depth: number): string {
  const text = valueText(rule, value, depth);
  if (Array.isArray(value)) return `[${text}]`;
  return typeof value === "object" && value !== null && !ArrayBuffer.isView(value) && text !== "" ? `(${text})` : text;
}

function membersText({ properties = {} }: Schema, values: Readonly<Record<string, unknown>>, depth: number): string {
  // Blocks have no schema.
  const names = Object.keys(Object.keys(properties).length > 0 ? properties : values);
  // What was given in memory is not in the record; the list of files has its hash.
  const main = MAIN.filter((name) => names.includes(name));
  const unnamed = main.every((name) => values[name] === undefined) && !Object.values(values).some(isFloats);
  const counting = names.includes("scale") ? ["scale", "strength"] : ["weight"];
  const texts = names.flatMap((name) => {
    const rule = properties[name] ?? {};
    const value = values[name] ?? (counting.includes(name) ? rule.default : undefined);
    if (value === undefined || (value === rule.default && !counting.includes(name))) return [];
    return main.includes(name)
      ? valueText(rule, value, depth + 1)
      : `${inWords(name)} ${innerText(rule, value, depth + 1)}`.trimEnd();
  });
  return [...(main.length > 0 && unnamed ? ["in memory"] : []), ...texts].join(", ");
}

const isFloats = (value: unknown): boolean => ArrayBuffer.isView(value);
