import { isAbsolute, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { OptionError, messageOf } from "../errors";
import { formatHubName, hubNameOfUrl } from "../hub/name";
import { describe } from "./describe";
import { readGuarded } from "./read-property";

/** Characters of a path: no system takes as many, and it takes long to bring millions into their absolute form. */
const MOST_PATH = 32 * 1024;

/** The text of a URL object of any realm; undefined for anything else, such as what JSON makes that has the same members. */
export function hrefOf(value: unknown, option: string): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  return readGuarded(() => {
    const { href, protocol } = value as Partial<Record<"href" | "protocol", unknown>>;
    if (Object.prototype.toString.call(value) !== "[object URL]") return undefined;
    return typeof href === "string" && typeof protocol === "string" ? href : undefined;
  }, option);
}

/**
 * The absolute path of a path string or file URL object. Strings are always paths, as in node:fs; one that is plainly a
 * URL is refused with the fix instead of "not found".
 */
export function readPath(value: unknown, option: string): string {
  const href = hrefOf(value, option);
  if (href !== undefined) return urlPath(href, option);
  if (typeof value !== "string") {
    throw new OptionError(option, `expected a path (a string or a file: URL object) but received ${describe(value)}`);
  }
  checkLength(value, option);
  if (value === "") throw new OptionError(option, 'expected a path but received "": use "." for the current folder');
  if (value.includes("\0"))
    throw new OptionError(option, "expected a path but the string contains a NUL character: remove it");
  if (/^https?:\/\//i.test(value)) throw remote(option, value);
  if (/^file:\/\//i.test(value)) {
    throw new OptionError(option, `expected a path but received ${describe(value)}: use new URL(${describe(value)})`);
  }
  return isAbsolute(value) ? value : resolve(value);
}

/** The path that the text of a file URL means. Parsed anew: a URL of another realm, or an object that only looks like one, may say anything. */
export function urlPath(href: string, option: string): string {
  checkLength(href, option);
  if (/^https?:/i.test(href)) throw remote(option, href);
  if (!/^file:/i.test(href)) throw new OptionError(option, `expected a file: URL but received ${describe(href)}`);
  try {
    return fileURLToPath(new URL(href));
  } catch (error) {
    throw new OptionError(option, `${describe(href)} is not the URL of a file here: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function checkLength(text: string, option: string): void {
  if (text.length <= MOST_PATH) return;
  throw new OptionError(
    option,
    `expected a path of at most ${MOST_PATH} characters but received ${text.length}, ${describe(text)}: pass the path of the file, not what is in it`,
  );
}

function remote(option: string, href: string): OptionError {
  const name = option.endsWith("image") ? undefined : hubNameOfUrl(href);
  if (name !== undefined)
    return new OptionError(
      option,
      `expected a path or a name on the hub but received ${describe(href)}: use ${describe(formatHubName(name))}`,
    );
  return new OptionError(
    option,
    `expected a local file but received ${describe(href)}: URLs are not fetched; fetch it yourself and pass the bytes (or save them and pass the path)`,
  );
}
