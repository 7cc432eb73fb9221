/** Turns command-line strings into API options. Values are judged by the API's own schemas; only the form is checked here. */
import { existsSync } from "node:fs";

import { OptionError } from "../errors";
import { describe } from "../options/describe";
import { ImagePromptSchema } from "../options/generate-schema";
import type { Schema } from "../options/json-schema";
import { checkValue } from "../options/validate";
import { flagOf } from "./flag-names";

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

/** `N[:DEPTH]` */
export function parseFeatureCache(text: string, option: string): { every: number; depth?: number } {
  const [every = "", depth, ...rest] = text.split(":");
  if (rest.length > 0) throw new OptionError(option, `expected N or N:DEPTH but received ${describe(text)}`);
  return { every: parseNumber(every, option), ...(depth === undefined ? {} : { depth: parseNumber(depth, option) }) };
}

/** A file with a number behind it: the scale of an image prompt, the weight of a LoRA. */
export interface FileFlag {
  path: string;
  scale?: number;
}

const SCALE_SUFFIX = /^(.+):([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)$/is;

/**
 * `FILE[:NUMBER]`. The last colon counts only when a number follows it, a drive letter (`C:\cat.png`) and the colons of a
 * name that exists do not.
 */
export function parseFileFlag(text: string, option: string, exists: (path: string) => boolean = existsSync): FileFlag {
  if (text === "") throw new OptionError(option, "expected FILE, or FILE:NUMBER, but received an empty string");
  const match = SCALE_SUFFIX.exec(text);
  const [, path, scale] = match ?? [];
  if (path === undefined || scale === undefined || isDriveOrUrl(text, path) || exists(text)) return { path: text };
  return { path, scale: Number(scale) };
}

function isDriveOrUrl(text: string, path: string): boolean {
  // "http://host:8080" has no scale, and is refused by the API with the reason.
  return /^[a-z]$/i.test(path) || /^https?:\/\/[^/]*:\d+$/i.test(text);
}

/** Options of an image prompt that may follow its file, by their names there: those that are numbers, names or pictures. */
const PROMPT_SETTINGS = new Map<string, [name: string, rule: Schema]>(
  Object.entries<Schema>(ImagePromptSchema.properties)
    .filter(
      ([name, { type, "x-kind": kind }]) =>
        !["image", "adapter", "scale"].includes(name) && (kind === "image" || type === "number" || type === "string"),
    )
    .map((entry) => [flagOf(entry[0]).slice("--".length), entry]),
);
export const SETTING_NAMES = [...PROMPT_SETTINGS.keys()];

/** `FILE[:NUMBER][,NAME=VALUE]…`. Such an ending counts unless it belongs to the name of a file that exists. */
export function parsePromptFlag(
  text: string,
  option: string,
  exists: (path: string) => boolean = existsSync,
): FileFlag & { settings: Record<string, unknown> } {
  const settings: Record<string, unknown> = {};
  let rest = text;
  for (;;) {
    const [, before, name, value] = /^(.+),([A-Za-z-]+)=([^,]*)$/s.exec(rest) ?? [];
    if (before === undefined || name === undefined || value === undefined || exists(rest)) break;
    const [key, rule] = PROMPT_SETTINGS.get(name) ?? [];
    if (key === undefined || rule === undefined)
      throw new OptionError(option, `there is no ${name} in FILE:SCALE,NAME=VALUE: use ${SETTING_NAMES.join(", ")}`);
    const own = `${option}, ${name}`;
    settings[key] = checkValue(rule, rule.type === "number" ? parseNumber(value, own) : value, own);
    rest = before;
  }
  return { ...parseFileFlag(rest, option, exists), settings };
}

/** A textual inversion of the command line. */
export interface EmbeddingFlag {
  file: string;
  token?: string;
}

/** `FILE[=TOKEN]`. The last = counts unless a folder follows it, or it belongs to the name of a file that exists. */
export function parseEmbeddingFlag(
  text: string,
  option: string,
  exists: (path: string) => boolean = existsSync,
): EmbeddingFlag {
  if (text === "") throw new OptionError(option, "expected FILE, or FILE=TOKEN, but received an empty string");
  const [, file, token] = /^(.+)=([^/\\]+)$/s.exec(text) ?? [];
  return file === undefined || token === undefined || exists(text) ? { file: text } : { file, token };
}

/** An image prompt of the command line, with the --adapter it followed. */
export type PromptFlag = { kind: "image" | "embeds" | "faces" } & ReturnType<typeof parsePromptFlag>;

/**
 * Repeated flags in the order given. An image prompt belongs to the --adapter named last before it, or to the first one
 * when none came before.
 */
export class OrderedFlags {
  readonly adapters: { file: string; imageEncoder?: string }[] = [];
  readonly loras: FileFlag[] = [];
  readonly embeddings: EmbeddingFlag[] = [];
  readonly prompts: (PromptFlag & { adapter: number })[] = [];

  addAdapter = (file: string): unknown => {
    this.adapters.push({ file });
    return this.adapters;
  };

  addAdapterEncoder = (folder: string): unknown => {
    const adapter = this.adapters.at(-1);
    if (adapter === undefined)
      throw new OptionError(
        "--adapter-encoder",
        "expected --adapter before it, whose encoder it is: add it, or use --image-encoder",
      );
    adapter.imageEncoder = folder;
    return this.adapters;
  };

  addLora = (text: string): FileFlag[] => {
    this.loras.push(parseFileFlag(text, "--lora"));
    return this.loras;
  };

  addEmbedding = (text: string): EmbeddingFlag[] => {
    this.embeddings.push(parseEmbeddingFlag(text, "--embedding"));
    return this.embeddings;
  };

  addImage = (text: string): unknown => this.#add({ kind: "image", ...parsePromptFlag(text, "--image-prompt") });

  addEmbeds = (text: string): unknown => this.#add({ kind: "embeds", ...parsePromptFlag(text, "--image-embeds") });

  addFaces = (text: string): unknown => this.#add({ kind: "faces", ...parsePromptFlag(text, "--face-embeds") });

  #add(flag: PromptFlag): unknown {
    this.prompts.push({ ...flag, adapter: Math.max(0, this.adapters.length - 1) });
    return this.prompts;
  }
}
