/** What the operator decides: the file of `serve --config`, and the options of the plugin. One schema, checked as all options are. */
import { readFile } from "node:fs/promises";

import { messageOf } from "../errors";
import { IpAdapterError, OptionError } from "../index";
import type { ObjectSchema, Value } from "../options/json-schema";
import { LoadSchema } from "../options/load-schema";
import { omit } from "../options/omit";
import { readOptions } from "../options/validate";

const NAME = { type: "string", maxLength: 200 } as const;
const COUNT = { type: "integer", minimum: 1, maximum: 1_000_000 } as const;
const BYTES = { type: "integer", minimum: 1, maximum: Number.MAX_SAFE_INTEGER } as const;

/** Options of load() that a file can hold, and that are the operator's. */
const LOADED = omit(LoadSchema.properties, "onProgress", "signal", "images");

const ModelSchema = {
  type: "object",
  title: "model",
  additionalProperties: false,
  required: ["name"],
  properties: {
    name: { ...NAME, description: "what clients call it" },
    aliases: { type: "array", items: NAME, maxItems: 100, default: [], description: "other names of it" },
    load: {
      type: "object",
      title: "load",
      additionalProperties: false,
      properties: LOADED,
      description: "options of Pipeline.load()",
      "x-default": "the small model that ships with the package",
    },
    processes: {
      type: "integer",
      minimum: 0,
      maximum: 256,
      default: 1,
      description:
        "processes that it runs in, each with the model in its memory; 0: in that of the server, which a crash takes with it",
    },
  },
} as const satisfies ObjectSchema;

const LoraSchema = {
  type: "object",
  title: "LoRA",
  additionalProperties: false,
  required: ["name", "file"],
  properties: {
    name: { ...NAME, description: "what clients call it" },
    file: { "x-kind": "path", description: "LoRA file (.safetensors, .bin or .pt)" },
  },
} as const satisfies ObjectSchema;

const LimitsSchema = {
  type: "object",
  title: "limits",
  additionalProperties: false,
  properties: {
    images: { ...COUNT, maximum: 64, default: 16, description: "pictures of a request" },
    steps: { ...COUNT, maximum: 1000, default: 150, description: "steps of a request" },
    pixels: {
      ...COUNT,
      maximum: 2 ** 28,
      default: 2 ** 21,
      description: "pixels of a picture that is made, second pass included",
    },
    inputPixels: { ...COUNT, maximum: 2 ** 28, default: 25_000_000, description: "pixels of a picture that is sent" },
    bodyBytes: { ...BYTES, maximum: 2 ** 30, default: 64 * 2 ** 20, description: "bytes of a request" },
    priority: {
      type: "integer",
      minimum: -10,
      maximum: 10,
      default: 0,
      description: "highest priority that a request may ask for",
    },
    seconds: { ...COUNT, default: 600, description: "from acceptance until a job has to be done" },
  },
} as const satisfies ObjectSchema;

const QueueSchema = {
  type: "object",
  title: "queue",
  additionalProperties: false,
  properties: {
    running: { ...COUNT, maximum: 1024, default: 8, description: "jobs that run at a time" },
    waiting: { ...COUNT, minimum: 0, default: 64, description: "jobs that wait; more are refused with 429" },
    perKey: { ...COUNT, default: 16, description: "jobs of one key that wait or run" },
    requestBytes: {
      ...BYTES,
      default: 2 ** 30,
      description: "bytes of pictures and numbers that jobs which wait or run may hold together",
    },
    streams: { ...COUNT, default: 32, description: "streams of events of jobs that one key has open" },
    keepSeconds: { ...COUNT, minimum: 0, default: 600, description: "how long an ended job can be asked for" },
    keepJobs: { ...COUNT, default: 1000, description: "ended jobs that are kept" },
    keepBytes: { ...BYTES, default: 256 * 2 ** 20, description: "bytes of the pictures of ended jobs" },
  },
} as const satisfies ObjectSchema;

const UrlsSchema = {
  type: "object",
  title: "imageUrls",
  additionalProperties: false,
  properties: {
    allow: { type: "boolean", default: false, description: "whether pictures may be named by https: and http: URLs" },
    hosts: {
      type: "array",
      items: NAME,
      maxItems: 1000,
      description: "the only hosts that they may be on",
      "x-default": "every public one",
    },
  },
} as const satisfies ObjectSchema;

export const ConfigSchema = {
  type: "object",
  title: "server config",
  additionalProperties: false,
  properties: {
    models: {
      type: "array",
      items: ModelSchema,
      minItems: 1,
      maxItems: 1000,
      description: "what is served; the first is used where a request names none",
      "x-default": "the small model that ships with the package, as `mini`",
    },
    loras: {
      type: "array",
      items: LoraSchema,
      maxItems: 10_000,
      default: [],
      description: "LoRAs that jobs may ask for by name, in `loras`",
    },
    fallback: {
      ...NAME,
      description: "the model for names that are not known",
      "x-default": "they are refused with 404",
    },
    memoryBudget: {
      ...BYTES,
      description: "bytes of all loaded models together; the one that was used least recently is unloaded first",
      "x-default": "nothing is unloaded",
    },
    limits: { ...LimitsSchema, description: "of a request" },
    queue: { ...QueueSchema, description: "of jobs" },
    imageUrls: { ...UrlsSchema, description: "pictures by URL" },
    cors: {
      type: "array",
      items: NAME,
      maxItems: 100,
      default: [],
      description: "origins of web pages that may call, such as https://example.com; credentials are never allowed",
    },
    moderation: {
      type: "string",
      maxLength: 4096,
      description: "file of a module whose default export may refuse a finished picture",
      "x-default": "none",
    },
    warmUp: {
      type: "boolean",
      default: true,
      description: "load the first model and run one step before /readyz says yes",
    },
    drainSeconds: { ...COUNT, minimum: 0, default: 30, description: "how long jobs may go on after SIGTERM" },
    collectSeconds: {
      ...COUNT,
      minimum: 0,
      default: 10,
      description: "how long their owners may fetch what ended, after that; the server stops sooner when they have",
    },
  },
} as const satisfies ObjectSchema;

export type ServerConfig = Value<typeof ConfigSchema>;

/** With all defaults filled in. */
export interface Settings {
  models: { name: string; aliases: readonly string[]; load: Value<typeof ModelSchema>["load"]; processes: number }[];
  /** files by name */
  loras: ReadonlyMap<string, string>;
  fallback: string | undefined;
  memoryBudget: number;
  limits: Record<keyof typeof LimitsSchema.properties, number>;
  queue: Record<keyof typeof QueueSchema.properties, number>;
  imageUrls: { allow: boolean; hosts: readonly string[] | undefined };
  cors: readonly string[];
  moderation: string | undefined;
  warmUp: boolean;
  drainSeconds: number;
  collectSeconds: number;
}

/**
 * @param config checked here; `{}` serves the shipped model under every name
 * @throws OptionError
 */
export function readConfig(config: unknown): Settings {
  const read = readOptions(ConfigSchema, config);
  const { models = [{ name: "mini" }] } = read;
  const settings: Settings = {
    ...(withDefaults(ConfigSchema, read) as Pick<
      Settings,
      "cors" | "moderation" | "warmUp" | "drainSeconds" | "collectSeconds"
    >),
    models: models.map((model) => ({
      ...(withDefaults(ModelSchema, model) as Settings["models"][number]),
      load: model.load,
    })),
    loras: new Map((read.loras ?? []).map(({ name, file }) => [name, file as string])),
    fallback: read.fallback ?? (read.models === undefined ? "mini" : undefined),
    memoryBudget: read.memoryBudget ?? Infinity,
    limits: withDefaults(LimitsSchema, read.limits) as Settings["limits"],
    queue: withDefaults(QueueSchema, read.queue) as Settings["queue"],
    imageUrls: withDefaults(UrlsSchema, read.imageUrls) as Settings["imageUrls"],
  };
  checkNames(settings, read.loras ?? []);
  settings.cors.forEach(checkOrigin);
  return settings;
}

/** @throws OptionError; IpAdapterError for a file that cannot be read */
export async function readConfigFile(path: string): Promise<ServerConfig> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new IpAdapterError("ERR_IPA_NOT_FOUND", `--config: ${path} cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new OptionError("--config", `${path} is no JSON: ${messageOf(cause)}`, { cause });
  }
  readConfig(value);
  return value as ServerConfig;
}

function withDefaults(schema: ObjectSchema, given: object = {}): Record<string, unknown> {
  const defaults = Object.entries(schema.properties).map(([name, rule]): [string, unknown] => [name, rule.default]);
  return { ...(Object.fromEntries(defaults) as object), ...given };
}

function checkNames({ models, fallback }: Settings, loras: readonly { name: string }[]): void {
  const loraNames = loras.map(({ name }) => name);
  const again = loraNames.findIndex((name, i) => loraNames.indexOf(name) !== i);
  if (again >= 0)
    throw new OptionError(
      `loras[${again}].name`,
      `two LoRAs have the name "${loraNames[again] ?? ""}": give each its own`,
    );

  const names = models.flatMap(({ name, aliases }) => [name, ...aliases]);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new OptionError("models", `"${twice}" is the name of two models: give each its own`);
  if (fallback !== undefined && !names.includes(fallback))
    throw new OptionError("fallback", `there is no model "${fallback}": name one of ${names.join(", ")}`);
}

function checkOrigin(origin: string, i: number): void {
  if (origin === "*" || (URL.canParse(origin) && new URL(origin).origin === origin)) return;
  throw new OptionError(
    `cors[${i}]`,
    `expected an origin such as "https://example.com", or "*", but received "${origin}"`,
  );
}
