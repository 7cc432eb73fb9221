/** Options as JSON: entries of lists on the command line, and a file of options. A file's name stands where the API takes numbers in memory. */
import { OptionError, fileError, messageOf } from "../errors";
import { CallSite } from "../native/call";
import type { NativeAddon } from "../native/contract";
import { loadEmbedsWith } from "../embeds/file";
import { PromptEmbedsSchema } from "../options/guide-schema";
import type { Schema } from "../options/json-schema";
import { TooLargeError, readSmallFile } from "../read-file";
import { readPromptEmbeds, readRows } from "./tensor-files";

/** Characters of a file of options. */
const MOST_BYTES = 16 * 1024 * 1024;

/** What a flag's text as JSON says; undefined: it is none. */
export function jsonEntry(text: string, option: string): Record<string, unknown> | undefined {
  return text.trimStart().startsWith("{") ? parseObject(text, option) : undefined;
}

/** The options of generate() that a file holds. */
export async function readOptionsFile(path: string): Promise<Record<string, unknown>> {
  const option = "--options";
  const bytes = await readSmallFile(path, MOST_BYTES).catch((error: unknown) => {
    if (error instanceof TooLargeError) throw new OptionError(option, `expected at most ${MOST_BYTES} bytes`);
    throw fileError(`${option}: file`, path, error);
  });
  const options = parseObject(bytes.toString("utf8"), option);
  if (Object.hasOwn(options, "output"))
    throw new OptionError(option, "the command always makes pictures: leave output out, and use --save-latents FILE");
  return options;
}

function parseObject(text: string, option: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new OptionError(option, `expected an object in JSON, but it is none: ${messageOf(error)}`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new OptionError(option, "expected an object in JSON, such as {…}");
}

/** How the files of options in memory are read. */
interface FloatFiles {
  addon: NativeAddon;
  signal: AbortSignal;
}

/**
 * Options with the numbers of the files that stand in their place.
 * @param rule their schema
 * @param option of them, for messages; "" for those of a call
 */
export async function withFloats(rule: Schema, value: unknown, option: string, files: FloatFiles): Promise<unknown> {
  // Where the schema ends nothing is read, however deep the value is.
  const { items, properties } = rule;
  if (rule["x-kind"] !== undefined || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    if (items === undefined) return value;
    const list: unknown[] = [];
    for (const [i, entry] of value.entries()) list.push(await withFloats(items, entry, `${option}[${i}]`, files));
    return list;
  }
  if (properties === undefined) return value;
  const members: [string, unknown][] = [];
  for (const [name, member] of Object.entries(value)) {
    const inner = Object.hasOwn(properties, name) ? properties[name] : undefined;
    const at = option === "" ? name : `${option}.${name}`;
    const isFile = typeof member === "string" && (isFloats(inner) || inner?.title === PromptEmbedsSchema.title);
    const adapter = "adapter" in value && typeof value.adapter === "number" ? value.adapter : 0;
    const filled = isFile
      ? readFloatsFile(member, name, adapter, at, files)
      : withFloats(inner ?? {}, member, at, files);
    members.push([name, await filled]);
  }
  return Object.fromEntries(members);
}

const isFloats = (rule: Schema | undefined): boolean => rule?.["x-kind"] === "floats" || rule?.["x-kind"] === "latents";

/** The option's name says which tensor it is. */
async function readFloatsFile(
  path: string,
  name: string,
  adapter: number,
  option: string,
  { addon, signal }: FloatFiles,
): Promise<unknown> {
  if (name === "promptEmbeds") return readPromptEmbeds(addon, path, option, signal);
  if (name === "embeds") return loadEmbedsWith(addon, { path, adapter, option, signal }, new CallSite());
  if (name === "latents") return readRows(addon, path, "latents", signal, option);
  const rows = await readRows(addon, path, "face_embeds", signal, option);
  return Float32Array.from(rows.flatMap((row) => [...row]));
}
