/** Turns command-line strings into API options. Values are judged by the API's own schemas; only the form is checked here. */
import { existsSync } from "node:fs";

import type { ControlUse } from "../controls";
import { OptionError } from "../errors";
import { describe } from "../options/describe";
import { ControlUseSchema } from "../options/guide-schema";
import { ImagePromptSchema, NegativeImageSchema } from "../options/image-prompt-schema";
import type { ObjectSchema, Schema } from "../options/json-schema";
import { checkValue } from "../options/validate";
import { flagOf } from "./flag-names";
import { jsonEntry } from "./json-flags";

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

/** Options of a list's entries that may follow a file on the command line, by their names there. */
type Settings = ReadonlyMap<string, [name: string, rule: Schema]>;

/** Those that are numbers, names (alone, too), pictures, or true or false. */
const settingsOf = ({ properties }: ObjectSchema, others: readonly string[]): Settings =>
  new Map(
    Object.entries<Schema>(properties)
      .filter(
        ([name, { type = "", "x-kind": kind, "x-shorthand": shorthand }]) =>
          !others.includes(name) &&
          (kind === "image" || shorthand === "name" || ["number", "string", "boolean"].includes(type)),
      )
      .map((entry) => [flagOf(entry[0]).slice("--".length), entry]),
  );

const PROMPT_SETTINGS = settingsOf(ImagePromptSchema, ["image", "adapter", "scale"]);
export const SETTING_NAMES = [...PROMPT_SETTINGS.keys()];
const CONTROL_SETTINGS = settingsOf(ControlUseSchema, ["image", "control", "scale"]);
export const CONTROL_SETTING_NAMES = [...CONTROL_SETTINGS.keys()];
const NEGATIVE_SETTINGS = settingsOf(NegativeImageSchema, ["image", "adapter"]);
export const NEGATIVE_SETTING_NAMES = [...NEGATIVE_SETTINGS.keys()];

/** `FILE[:NUMBER][,NAME=VALUE]…`. Such an ending counts unless it belongs to the name of a file that exists. */
function parseSettings(
  text: string,
  option: string,
  known: Settings,
  exists: (path: string) => boolean,
): FileFlag & { settings: Record<string, unknown> } {
  const settings: Record<string, unknown> = {};
  let rest = text;
  for (;;) {
    const [, before, name, value] = /^(.+),([A-Za-z-]+)=([^,]*)$/s.exec(rest) ?? [];
    if (before === undefined || name === undefined || value === undefined || exists(rest)) break;
    const [key, rule] = known.get(name) ?? [];
    if (key === undefined || rule === undefined)
      throw new OptionError(
        option,
        `there is no ${name} in FILE:SCALE,NAME=VALUE: use ${[...known.keys()].join(", ")}`,
      );
    const own = `${option}, ${name}`;
    settings[key] = checkValue(rule, parseSetting(rule, value, own), own);
    rest = before;
  }
  return { ...parseFileFlag(rest, option, exists), settings };
}

function parseSetting({ type }: Schema, value: string, option: string): unknown {
  if (type === "number") return parseNumber(value, option);
  return type === "boolean" && (value === "true" || value === "false") ? value === "true" : value;
}

/** An image prompt: `FILE[:SCALE][,NAME=VALUE]…` */
export function parsePromptFlag(
  text: string,
  option: string,
  exists: (path: string) => boolean = existsSync,
): ReturnType<typeof parseSettings> {
  return parseSettings(text, option, PROMPT_SETTINGS, exists);
}

/** A control's picture on the command line, as an entry of `controls`. */
export type ControlImageFlag = Omit<ControlUse, "control">;

/** The same of a control's picture. */
export function parseControlImage(
  text: string,
  option: string,
  exists: (path: string) => boolean = existsSync,
): ControlImageFlag {
  const { path: image, settings, ...scale } = parseSettings(text, option, CONTROL_SETTINGS, exists);
  return { image, ...scale, ...settings };
}

/** A negative image prompt: `FILE[,NAME=VALUE]…` */
export function parseNegativeFlag(
  text: string,
  option: string,
  exists: (path: string) => boolean = existsSync,
): Record<string, unknown> {
  const { path: image, scale, settings } = parseSettings(text, option, NEGATIVE_SETTINGS, exists);
  if (scale !== undefined)
    throw new OptionError(option, `it has no scale: leave out :${scale}, or use weight=${scale}`);
  return { image, ...settings };
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

/** An image prompt of the command line: a file, or an entry of imagePrompts in JSON. */
export type PromptFlag =
  | ({ kind: "image" | "embeds" | "faces" } & ReturnType<typeof parsePromptFlag>)
  | { kind: "entry"; entry: Record<string, unknown>; path?: undefined };

/**
 * Repeated flags in the order given. An image prompt belongs to the --adapter named last before it, or to the first one
 * when none came before.
 */
export class OrderedFlags {
  readonly adapters: { file?: unknown; imageEncoder?: unknown }[] = [];
  readonly loras: FileFlag[] = [];
  readonly embeddings: EmbeddingFlag[] = [];
  readonly controls: { file: string }[] = [];
  readonly controlImages: Record<string, unknown>[] = [];
  readonly negatives: Record<string, unknown>[] = [];
  readonly regions: Record<string, unknown>[] = [];
  readonly prompts: (PromptFlag & { adapter: number })[] = [];

  addAdapter = (text: string): unknown => {
    this.adapters.push(jsonEntry(text, "--adapter") ?? { file: text });
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

  addControl = (file: string): unknown => {
    this.controls.push({ file });
    return this.controls;
  };

  addControlImage = (text: string): unknown => {
    const control = Math.max(0, this.controls.length - 1);
    const own = jsonEntry(text, "--control-image") ?? parseControlImage(text, "--control-image");
    this.controlImages.push({ control, ...own });
    return this.controlImages;
  };

  addNegative = (text: string): unknown => {
    const option = "--negative-image-prompt";
    const own = jsonEntry(text, option) ?? parseNegativeFlag(text, option);
    this.negatives.push({ adapter: this.#adapter(), ...own });
    return this.negatives;
  };

  addRegion = (text: string): unknown => {
    const region = jsonEntry(text, "--region");
    if (region === undefined)
      throw new OptionError(
        "--region",
        `expected JSON such as {"mask":"left.png","prompt":"a cat"} but received ${describe(text)}`,
      );
    this.regions.push(region);
    return this.regions;
  };

  addLora = (text: string): FileFlag[] => {
    this.loras.push(parseFileFlag(text, "--lora"));
    return this.loras;
  };

  addEmbedding = (text: string): EmbeddingFlag[] => {
    this.embeddings.push(parseEmbeddingFlag(text, "--embedding"));
    return this.embeddings;
  };

  addImage = (text: string): unknown => {
    const entry = jsonEntry(text, "--image-prompt");
    return this.#add(
      entry === undefined ? { kind: "image", ...parsePromptFlag(text, "--image-prompt") } : { kind: "entry", entry },
    );
  };

  addEmbeds = (text: string): unknown => this.#add({ kind: "embeds", ...parsePromptFlag(text, "--image-embeds") });

  addFaces = (text: string): unknown => this.#add({ kind: "faces", ...parsePromptFlag(text, "--face-embeds") });

  #add(flag: PromptFlag): unknown {
    this.prompts.push({ ...flag, adapter: this.#adapter() });
    return this.prompts;
  }

  /** The one before, or the first. */
  #adapter(): number {
    return Math.max(0, this.adapters.length - 1);
  }
}
