/** Files of the command line with what stands behind them: a scale, a weight, a token, settings. */
import { existsSync } from "node:fs";

import type { ControlUse } from "../controls";
import { OptionError } from "../errors";
import { describe } from "../options/describe";
import { ControlUseSchema } from "../options/guide-schema";
import { ImagePromptSchema, NegativeImageSchema } from "../options/image-prompt-schema";
import type { ObjectSchema, Schema } from "../options/json-schema";
import { checkValue } from "../options/validate";
import { flagOf } from "./flag-names";
import { parseNumber } from "./numbers";

/** The forms, for messages. */
const WITH_SETTINGS = "FILE:SCALE,NAME=VALUE";
const NEGATIVE = "FILE,NAME=VALUE";

/** A file with a number behind it: the scale of an image prompt, the weight of a LoRA. */
export interface FileFlag {
  path: string;
  scale?: number;
}

type Exists = (path: string) => boolean;

const SCALE_SUFFIX = /^(.+):([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)$/is;

/**
 * `FILE[:NUMBER]`. The last colon counts only when a number follows it, a drive letter (`C:\cat.png`) and the colons of a
 * name that exists do not.
 */
export function parseFileFlag(text: string, option: string, exists: Exists = existsSync): FileFlag {
  if (text === "") throw new OptionError(option, "expected FILE, or FILE:NUMBER, but received an empty string");
  const flag = splitNumber(text, exists);
  checkEnding(flag.path, option, { form: "FILE:NUMBER", known: new Map() }, exists);
  return flag;
}

function splitNumber(text: string, exists: Exists): FileFlag {
  const [, path, scale] = SCALE_SUFFIX.exec(text) ?? [];
  if (path === undefined || scale === undefined || isDriveOrUrl(text, path) || exists(text)) return { path: text };
  return { path, scale: Number(scale) };
}

/** What may stand behind a file. */
interface Form {
  form: string;
  known: Settings;
}

/**
 * What stands behind the name of a file that exists is a mistake in the form, and so is a setting without a value. It would be told as a
 * file that is missing.
 */
function checkEnding(path: string, option: string, { form, known }: Form, exists: Exists): void {
  if (exists(path) || /^(?:data:|[a-z]{2,}:\/\/)/i.test(path)) return;
  const [, bare = ""] = /,([^,:]*)$/.exec(path) ?? [];
  const cuts = Array.from(path.matchAll(/[:,=]/g), ({ index }) => index);
  const end = known.has(bare)
    ? path.length - bare.length - 1
    : cuts.findLast((at) => at > 1 && exists(path.slice(0, at)));
  if (end === undefined) return;
  const [file, rest] = [path.slice(0, end), path.slice(end)];
  throw new OptionError(
    option,
    `expected ${form} but behind ${file} stands ${describe(rest)}: ${endingFix(path, form, known)}`,
  );
}

function endingFix(path: string, form: string, known: Settings): string {
  const [, before = "", mark = "", last = ""] = /^(.*)([:,=])([^:,=]*)$/s.exec(path) ?? [];
  const [, rule] = known.get(last) ?? [];
  if (rule !== undefined) return `write ${last}=${valueOf(rule)}`;
  if (form.endsWith("=TOKEN")) return `write ${before}=${last === "" ? "TOKEN" : last}`;
  if (mark === "," && last.trim() !== "" && !Number.isNaN(Number(last)) && form !== NEGATIVE)
    return `write ${before}:${last}`;
  const names = known.size === 0 ? "" : `NAME is one of ${[...known.keys()].join(", ")}`;
  return mark === ":" && form !== NEGATIVE
    ? "a number stands behind the colon"
    : names === ""
      ? `write ${form}`
      : names;
}

const valueOf = ({ type, "x-kind": kind, enum: names }: Schema): string =>
  kind === "image"
    ? "FILE"
    : type === "number"
      ? "NUMBER"
      : names === undefined && type === "boolean"
        ? "true"
        : "NAME";

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
  { form, known }: Form,
  exists: Exists,
): FileFlag & { settings: Record<string, unknown> } {
  const settings: Record<string, unknown> = {};
  let rest = text;
  for (;;) {
    const [, before, name, value] = /^(.+),([A-Za-z-]+)=([^,]*)$/s.exec(rest) ?? [];
    if (before === undefined || name === undefined || value === undefined || exists(rest)) break;
    const [key, rule] = known.get(name) ?? [];
    if (key === undefined || rule === undefined)
      throw new OptionError(option, `there is no ${name} in ${form}: use ${[...known.keys()].join(", ")}`);
    const own = `${option}, ${name}`;
    settings[key] = checkValue(rule, parseSetting(rule, value, own), own);
    rest = before;
  }
  if (rest === "") throw new OptionError(option, `expected ${form} but received an empty string`);
  const file = splitNumber(rest, exists);
  checkEnding(file.path, option, { form, known }, exists);
  return { ...file, settings };
}

function parseSetting({ type }: Schema, value: string, option: string): unknown {
  if (type === "number") return parseNumber(value, option);
  return type === "boolean" && (value === "true" || value === "false") ? value === "true" : value;
}

/** An image prompt: `FILE[:SCALE][,NAME=VALUE]…` */
export function parsePromptFlag(
  text: string,
  option: string,
  exists: Exists = existsSync,
): ReturnType<typeof parseSettings> {
  return parseSettings(text, option, { form: WITH_SETTINGS, known: PROMPT_SETTINGS }, exists);
}

/** A control's picture on the command line, as an entry of `controls`. */
export type ControlImageFlag = Omit<ControlUse, "control">;

/** The same of a control's picture. */
export function parseControlImage(text: string, option: string, exists: Exists = existsSync): ControlImageFlag {
  const {
    path: image,
    settings,
    ...scale
  } = parseSettings(text, option, { form: WITH_SETTINGS, known: CONTROL_SETTINGS }, exists);
  return { image, ...scale, ...settings };
}

/** A negative image prompt: `FILE[,NAME=VALUE]…` */
export function parseNegativeFlag(text: string, option: string, exists: Exists = existsSync): Record<string, unknown> {
  const {
    path: image,
    scale,
    settings,
  } = parseSettings(text, option, { form: NEGATIVE, known: NEGATIVE_SETTINGS }, exists);
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
export function parseEmbeddingFlag(text: string, option: string, exists: Exists = existsSync): EmbeddingFlag {
  if (text === "") throw new OptionError(option, "expected FILE, or FILE=TOKEN, but received an empty string");
  const [, file, token] = /^(.+)=([^/\\]+)$/s.exec(text) ?? [];
  const flag = file === undefined || token === undefined || exists(text) ? { file: text } : { file, token };
  checkEnding(flag.file, option, { form: "FILE=TOKEN", known: new Map() }, exists);
  return flag;
}
