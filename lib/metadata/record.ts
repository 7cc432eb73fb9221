/** Options as JSON, and the files and pictures that they name by the hash of their content. */
import { types } from "node:util";

import { lazily } from "../load-failure";
import { isDataUrl } from "../image/data-url";
import type { Schema, SpecialKind } from "../options/json-schema";
import { hrefOf, readPath, urlPath } from "../options/path";
import { readFloats } from "../options/read-floats";
import { bytesOf } from "../options/read-memory";
import { bytesHash, contentHash } from "./content-hash";

const embeds = lazily(() => require("../embeds/image-embeds") as typeof import("../embeds/image-embeds"));

/** A file, folder or picture that the options name. */
export interface FileRecord {
  /** the option, such as `imagePrompts[0].image` */
  option: string;
  /** as the option had it; absent: it was given in memory */
  path?: string;
  /** of its content, in hexadecimal; absent: it could not be computed */
  sha256?: string;
}

/** The same before its hash is known. */
export interface FileToHash {
  option: string;
  path?: string;
  /** absolute, of what is hashed when it is asked for; absent: the hash is of what was there at the time of the call */
  later?: string;
  hash: () => Promise<string | undefined>;
}

/** The option of load() or generate() that `imagePrompts[0].image` is a part of: `imagePrompts`. */
export const rootOf = (option: string): string => option.replace(/[.[].*$/s, "");

/** Numbers that are put into the record themselves, all of a call together. */
const MOST_FLOATS = 16384;
/** Numbers and texts of an option whose form no schema has. */
const MOST_NODES = 4096;

/** Walks options along their schema. Values are those that the call has read and checked. */
export class Recorder {
  readonly files: FileToHash[] = [];
  readonly #placed: (option: string, path: string) => string;
  #floats = 0;

  /** @param placed the absolute path of a file that an option names */
  constructor(placed: (option: string, path: string) => string = (option, path) => readPath(path, option)) {
    this.#placed = placed;
  }

  /** The value as JSON; undefined: nothing of it is recorded. */
  value(rule: Schema, value: unknown, option: string): unknown {
    if (rule["x-kind"] !== undefined) return this.#special(rule["x-kind"], value, option);
    if (Array.isArray(value))
      return rule.items === undefined
        ? value
        : value.map((entry, i) => this.value(rule.items ?? {}, entry, `${option}[${i}]`) ?? null);
    if (rule.properties !== undefined && typeof value === "object" && value !== null)
      return this.members(rule.properties, value as Record<string, unknown>, `${option}.`);
    return value;
  }

  /** What the caller's own objects hold; a trap that gives another answer the second time is left out. */
  #special(kind: SpecialKind, value: unknown, option: string): unknown {
    try {
      switch (kind) {
        case "path":
          return this.#file(value, option, "later");
        case "image":
          return this.#image(value, option);
        case "floats":
          return this.floats(value, option);
        case "latents":
        case "signal":
        case "function":
          return undefined;
        default:
          return plainCopy(value, { left: MOST_NODES });
      }
    } catch {
      this.#memory(option, undefined);
      return null;
    }
  }

  /** Those of an object's members that a schema has. */
  members(
    properties: Readonly<Record<string, Schema>>,
    values: Readonly<Record<string, unknown>>,
    before = "",
  ): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(properties).flatMap(([name, rule]) => {
        const value = values[name] === undefined ? undefined : this.value(rule, values[name], `${before}${name}`);
        return value === undefined ? [] : [[name, value]];
      }),
    );
  }

  /** Few numbers stand in the record themselves; of many there is the hash. */
  floats(value: unknown, option: string): unknown {
    const snapshot = embeds().ImageEmbeds.snapshot(value, option);
    const data = snapshot?.data ?? readFloats(value, option);
    this.#floats += data.length;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (this.#floats > MOST_FLOATS) {
      this.#memory(option, bytes);
      return null;
    }
    return { f32: Buffer.from(bytes).toString("base64"), ...(snapshot === undefined ? {} : { shape: snapshot.shape }) };
  }

  #image(value: unknown, option: string): unknown {
    const text = hrefOf(value, option) ?? value;
    if (typeof text === "string" && !isDataUrl(text)) return this.#file(value, option, "now");
    if (typeof text === "string") this.#memory(option, Buffer.from(text));
    else if (types.isUint8Array(value) || types.isUint8ClampedArray(value) || types.isAnyArrayBuffer(value))
      this.#memory(option, bytesOf(value));
    else {
      const pixels = (value as { data?: unknown }).data;
      this.#memory(
        option,
        types.isUint8Array(pixels) || types.isUint8ClampedArray(pixels) ? bytesOf(pixels) : undefined,
      );
    }
    return null;
  }

  /** @param when a picture may be written over while the call waits; a model is read once, and later */
  #file(value: unknown, option: string, when: "now" | "later"): string {
    const href = hrefOf(value, option);
    const path = href === undefined ? (value as string) : urlPath(href, option);
    const place = this.#placed(option, path);
    const early = when === "now" ? contentHash(place) : undefined;
    const later = when === "later" ? { later: place } : {};
    this.files.push({ option, path, ...later, hash: () => early ?? contentHash(place) });
    return path;
  }

  #memory(option: string, bytes: Uint8Array | undefined): void {
    const early = bytes === undefined ? undefined : bytesHash(bytes).catch(() => undefined);
    this.files.push({ option, hash: () => early ?? Promise.resolve(undefined) });
  }
}

export async function hashed(files: readonly FileToHash[]): Promise<FileRecord[]> {
  const records: FileRecord[] = [];
  // One after the other: large files share a disk.
  for (const { option, path, hash } of files) {
    const sha256 = await hash();
    records.push({ option, ...(path === undefined ? {} : { path }), ...(sha256 === undefined ? {} : { sha256 }) });
  }
  return records;
}

/** A copy of numbers, texts, lists and objects of them. */
function plainCopy(value: unknown, nodes: { left: number }): unknown {
  if (--nodes.left < 0) throw new Error("too much for a record");
  if (typeof value !== "object" || value === null)
    return typeof value === "number" || typeof value === "string" || typeof value === "boolean" ? value : null;
  if (Array.isArray(value)) {
    if (value.length > nodes.left) throw new Error("too much for a record");
    return Array.from(value, (entry) => plainCopy(entry, nodes));
  }
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([name, entry]) => [name, plainCopy(entry, nodes)]));
}
