/** Options of calls on their way between processes: copied by their schema, so that later writes of the caller reach no child. */
import { types } from "node:util";

import type { AbortSignalLike } from "../abort-signal";
import { ImageEmbeds } from "../embeds/image-embeds";
import { OptionError } from "../errors";
import { type PictureSource, readSource } from "../image/input";
import type { CallPictures } from "../image/rules";
import type { ObjectSchema, Schema } from "../options/json-schema";
import { hrefOf, urlPath } from "../options/path";
import { readFloats } from "../options/read-floats";
import { readList } from "../options/read-list";
import { isList } from "../options/read-property";
import type { PlainOptions } from "./messages";

/** What callers pass has no inks. */
const CHANNELS = { grey: 1, grey_alpha: 2, rgb: 3, rgba: 4, cmyk: 4 } as const;

/** Copies what options hold. */
export class OptionCopier {
  readonly #pictures: CallPictures;
  readonly #folder: string;
  readonly #late: ((signal: AbortSignalLike) => Promise<void>)[] = [];

  /**
   * @param pictures of the call
   * @param folder in which the children run: relative paths of another folder become absolute
   */
  constructor(pictures: CallPictures, folder: string) {
    this.#pictures = pictures;
    this.#folder = folder;
  }

  /** @param read options that were checked by the schema. @throws OptionError, ImageError */
  copy({ properties }: Pick<ObjectSchema, "properties">, read: object, before = ""): PlainOptions {
    const copied: PlainOptions = {};
    for (const [name, value] of Object.entries(read)) {
      const rule = properties[name];
      if (rule !== undefined) this.#put(copied, name, rule, value, `${before}${name}`);
    }
    return copied;
  }

  /** Whether pictures are yet to be read. */
  get late(): boolean {
    return this.#late.length > 0;
  }

  /** Reads the streams and Blobs among the pictures. @throws ImageError, OptionError, signal.reason */
  async arrive(signal: AbortSignalLike): Promise<void> {
    await Promise.all(this.#late.map((read) => read(signal)));
  }

  #put(into: object, key: string | number, rule: Schema, value: unknown, option: string): void {
    const target = into as Record<string | number, unknown>;
    if (rule["x-kind"] === "image") {
      const source = readSource(value, option, this.#pictures);
      if ("late" in source)
        this.#late.push(async (signal) => {
          const bytes = await source.late(signal);
          this.#pictures.countBytes(bytes.length, option);
          target[key] = bytes;
        });
      else target[key] = this.#picture(value, source, option);
    } else target[key] = this.#value(rule, value, option);
  }

  #value(rule: Schema, value: unknown, option: string): unknown {
    switch (rule["x-kind"]) {
      case "path":
        return pathOf(value, option);
      case "floats":
        return ImageEmbeds.snapshot(value, option) ?? readFloats(value, option);
      case "latents":
        return latentsOf(value, option);
      case undefined:
        break;
      default:
        return plainOf(value, option);
    }
    if (Array.isArray(value)) {
      const { items } = rule;
      if (items === undefined) return plainOf(value, option);
      const copied: unknown[] = [];
      for (const [i, entry] of value.entries()) this.#put(copied, i, items, entry, `${option}[${i}]`);
      return copied;
    }
    if (typeof value !== "object" || value === null) return value;
    return this.copy({ properties: rule.properties ?? {} }, value, `${option}.`);
  }

  #picture(value: unknown, source: Exclude<PictureSource, { late: unknown }>, option: string): unknown {
    if ("bytes" in source) return typeof value === "string" ? value : source.bytes;
    if ("path" in source) {
      const given = pathOf(value, option);
      return process.cwd() === this.#folder ? given : source.path;
    }
    const { data, width, height, layout } = source;
    return { data, width, height, channels: CHANNELS[layout] };
  }
}

/** Strings stay as they are: names on the hub are among them. */
function pathOf(value: unknown, option: string): unknown {
  const href = hrefOf(value, option);
  return href === undefined ? value : urlPath(href, option);
}

function latentsOf(value: unknown, option: string): unknown {
  if (types.isFloat32Array(value) || !isList(value, option)) return readFloats(value, option);
  return readList(value, option, { maximum: 64 }).map((entry, i) => readFloats(entry, `${option}[${i}]`));
}

function plainOf(value: unknown, option: string): unknown {
  try {
    return structuredClone(value);
  } catch (error) {
    throw new OptionError(option, "expected plain values, which a child process can be given: leave out functions", {
      cause: error,
    });
  }
}

/** Embeddings as pipelines take them. */
export function withEmbeds(rule: Schema, value: unknown): unknown {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if (rule["x-kind"] === "floats") {
    const { data, shape } = value as { data: Float32Array; shape: readonly number[] };
    return new ImageEmbeds(data, shape);
  }
  if (Array.isArray(value))
    return rule.items === undefined ? value : value.map((entry) => withEmbeds(rule.items ?? {}, entry));
  const { properties } = rule;
  if (properties === undefined) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, withEmbeds(properties[name] ?? {}, one)]),
  );
}
