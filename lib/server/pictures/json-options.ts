/** Options of generate() as JSON has them. Pictures are data URLs or base64, numbers in memory are arrays. */
import { ImageError, OptionError, type GenerateOptions } from "../../index";
import { GenerateSchema } from "../../options/generate-schema";
import type { ObjectSchema, Schema } from "../../options/json-schema";
import { LoraSchema } from "../../options/load-schema";
import { omit } from "../../options/omit";
import { checkScale } from "./scale";

/** Options of generate() that jobs do not have, and what to do instead. */
const ELSEWHERE = {
  onStep: "it is a function: jobs have none",
  onProgress: "it is a function: follow the events of the job",
  signal: "it is an object of JavaScript: cancel the job by its own route",
  output: "jobs have pictures alone: ask for a file format with format, beside options",
  attentionMaps: "jobs have pictures alone: use the package itself for maps",
  memoryBudget: "the memory is the operator's: ask for a smaller picture",
} as const;

/** What a request may ask for: functions have no form in JSON, latents and maps are no pictures; files and memory are the operator's. */
export const JobOptionsSchema = {
  ...GenerateSchema,
  "x-elsewhere": ELSEWHERE,
  properties: {
    ...omit(GenerateSchema.properties, ...(Object.keys(ELSEWHERE) as (keyof typeof ELSEWHERE)[]), "loras"),
    loras: {
      ...GenerateSchema.properties.loras,
      items: {
        ...LoraSchema,
        properties: {
          ...LoraSchema.properties,
          file: {
            type: "string",
            maxLength: 200,
            "x-names": "loras",
            description: "name of one of the server's LoRAs",
          },
        },
      },
    },
  },
} as const satisfies ObjectSchema;

/** Fetches a picture by its URL; undefined: URLs are not allowed. */
export type FetchPicture = ((url: string, option: string, signal: AbortSignal) => Promise<Buffer>) | undefined;

export interface PictureSources {
  fetchPicture: FetchPicture;
  signal: AbortSignal;
}

/**
 * @param read what readOptions() made of JobOptionsSchema
 * @param at path of the options in the request, for messages
 * @returns options without a single string that a path could hide in
 * @throws OptionError, ImageError, Problem
 */
export async function fromJson(read: object, at: string, sources: PictureSources): Promise<GenerateOptions> {
  return (await convert(JobOptionsSchema, read, at, sources)) as GenerateOptions;
}

/**
 * Files in place of the names of LoRAs.
 * @param files the operator's, by name
 * @throws OptionError
 */
export function namedLoras(options: GenerateOptions, at: string, files: ReadonlyMap<string, string>): GenerateOptions {
  const { loras } = options;
  if (loras === undefined) return options;
  const known = [...files.keys()].join(", ");
  const found = loras.map((lora, i) => {
    const { file: name, ...others } = lora as { file: string; weight?: number };
    const file = files.get(name);
    if (file !== undefined) return { ...others, file };
    throw new OptionError(
      `${at}.loras[${i}].file`,
      `there is no LoRA "${name}": ${known === "" ? "this server has none" : `known are ${known.slice(0, 1000)}`}`,
    );
  });
  return { ...options, loras: found };
}

async function convert(rule: Schema, value: unknown, option: string, sources: PictureSources): Promise<unknown> {
  switch (rule["x-kind"]) {
    case "image":
      return pictureBytes(value, option, sources);
    case "floats":
      return floats(value, option);
    case "latents":
      return Array.isArray(value) && Array.isArray(value[0])
        ? value.map((entry, i) => floats(entry, `${option}[${i}]`))
        : floats(value, option);
    case "path":
      throw new OptionError(option, "a path cannot be given over HTTP");
    case "scale":
      checkScale(value, option);
      return value;
    default:
  }
  const { items, properties } = rule;
  if (Array.isArray(value) && items !== undefined)
    return Promise.all(value.map((entry, i) => convert(items, entry, `${option}[${i}]`, sources)));
  if (typeof value !== "object" || value === null || properties === undefined) return value;
  const members = Object.entries(value).map(async ([name, member]: [string, unknown]) => {
    const at = option === "" ? name : `${option}.${name}`;
    return [name, await convert(properties[name] ?? {}, member, at, sources)] as const;
  });
  return Object.fromEntries(await Promise.all(members));
}

/**
 * The bytes of a picture in a request.
 * @param value a data URL, base64, the bytes of a form, or where they are allowed a URL
 */
export async function pictureBytes(value: unknown, option: string, sources: PictureSources): Promise<Buffer> {
  if (Buffer.isBuffer(value)) return value;
  if (typeof value !== "string")
    throw new OptionError(option, "expected a picture as a data URL or in base64: data:image/png;base64,…");
  if (/^https?:/i.test(value)) {
    if (sources.fetchPicture === undefined)
      throw new OptionError(
        option,
        "this server fetches no pictures: send the picture itself, as data:image/png;base64,…",
      );
    return sources.fetchPicture(value, option, sources.signal);
  }
  const bytes = Buffer.from(base64Of(value, option), "base64");
  if (bytes.length === 0)
    throw new ImageError(
      "ERR_IPA_IMAGE_FORMAT",
      `${option}: expected a picture as data:image/png;base64,… or in base64`,
    );
  return bytes;
}

function base64Of(text: string, option: string): string {
  if (!/^data:/i.test(text)) {
    // A picture's first bytes are no word and no path.
    if (/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text.slice(0, 4096)) && text.length > 64) return text;
    throw new ImageError(
      "ERR_IPA_IMAGE_FORMAT",
      `${option}: expected a picture as data:image/png;base64,… or in base64`,
    );
  }
  const comma = text.slice(0, 1024).indexOf(",");
  if (comma < 0 || !/;\s*base64\s*$/i.test(text.slice(0, comma)))
    throw new ImageError("ERR_IPA_IMAGE_FORMAT", `${option}: write the data URL as data:image/png;base64,…`);
  return text.slice(comma + 1);
}

function floats(value: unknown, option: string): Float32Array {
  if (Array.isArray(value) && value.every((entry) => typeof entry === "number" && Number.isFinite(entry)))
    return Float32Array.from(value as number[]);
  throw new OptionError(option, "expected an array of finite numbers");
}
