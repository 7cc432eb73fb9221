/** The operator's keys, and which of them a request has. */
import { createHash, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { IncomingHttpHeaders } from "node:http";

import { IpAdapterError, OptionError } from "../../index";
import type { ObjectSchema } from "../../options/json-schema";
import { readOptions } from "../../options/validate";

export interface ApiKey {
  /** of the key, in logs, metrics and limits; it is no secret */
  name: string;
  key: string;
}

/** Whose jobs they are where no key is configured. */
export const ANYONE = "anyone";

const LEAST_LENGTH = 16;

/**
 * A file with one key a line, which a name and a space may precede. Empty lines and those that begin with # are skipped.
 * @throws IpAdapterError ERR_IPA_NOT_FOUND, OptionError
 */
export async function readKeyFile(path: string): Promise<(ApiKey | string)[]> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new IpAdapterError("ERR_IPA_NOT_FOUND", `--api-key-file: ${path} cannot be read`, { cause });
  });
  const lines = text.split("\n").map((line) => line.trim());
  const keys = lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [first = "", second] = line.split(/\s+/);
      return second === undefined ? first : { name: first, key: second };
    });
  if (keys.length === 0) throw new OptionError("--api-key-file", `${path} has no key: write one a line`);
  return keys;
}

const KeysSchema = {
  type: "object",
  title: "keys",
  additionalProperties: false,
  required: ["name", "key"],
  properties: {
    name: { type: "string", maxLength: 200 },
    key: { type: "string", maxLength: 4096 },
  },
} as const satisfies ObjectSchema;

/**
 * @param keys a text alone is a key whose name is its place
 * @throws OptionError
 */
export function readKeys(keys: unknown = []): ApiKey[] {
  if (!Array.isArray(keys)) throw new OptionError("keys", "expected a list of { name, key }");
  const read = keys.map((key: unknown, i) =>
    typeof key === "string" ? { name: `key-${i + 1}`, key } : readOptions(KeysSchema, key, `keys[${i}]`),
  );
  checkKeys(read);
  return read;
}

/** @throws OptionError */
function checkKeys(keys: readonly ApiKey[]): void {
  const names = keys.map(({ name }) => name);
  for (const [i, { name, key }] of keys.entries()) {
    const at = `keys[${i}]`;
    if (key.length < LEAST_LENGTH)
      throw new OptionError(
        at,
        `the key "${name}" is shorter than ${LEAST_LENGTH} characters: make one with openssl rand -hex 24`,
      );
    if (names.indexOf(name) !== i) throw new OptionError(at, `two keys have the name "${name}"`);
  }
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** @returns what finds the name of the key of a request; undefined: it has none, or a wrong one */
export function keyFinder(keys: readonly ApiKey[]): (headers: IncomingHttpHeaders) => string | undefined {
  const known = keys.map(({ name, key }) => ({ name, hash: digest(key) }));
  return (headers) =>
    // All are compared, so that the time does not tell which was near.
    givenKeys(headers)
      .map(digest)
      .flatMap((hash) => known.map(({ name, hash: other }) => (timingSafeEqual(hash, other) ? name : undefined)))
      .find((name) => name !== undefined);
}

/** Of `X-API-Key`, and of `Authorization: Bearer` or the password of `Authorization: Basic`. One that is known will do. */
function givenKeys({ authorization = "", "x-api-key": plain }: IncomingHttpHeaders): string[] {
  const keys = typeof plain === "string" && plain !== "" ? [plain] : [];
  const [, scheme = "", value = ""] = /^(\w+) +(\S+) *$/.exec(authorization) ?? [];
  if (/^bearer$/i.test(scheme)) return [...keys, value];
  if (!/^basic$/i.test(scheme)) return keys;
  const pair = Buffer.from(value, "base64").toString("utf8");
  return [...keys, pair.slice(pair.indexOf(":") + 1)];
}
