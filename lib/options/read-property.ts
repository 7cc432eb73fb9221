/** Reading what a caller passed: every value once, and what its code throws as a typed error. */
import { OptionError, messageOf } from "../errors";

/** One property, whose getter or trap may throw. */
export function readProperty(input: object, key: string | number, option: string): unknown {
  return readGuarded(() => (input as Record<string | number, unknown>)[key], option);
}

/** Whether it is an array; a revoked proxy, which cannot be asked, is an error. */
export function isList(value: unknown, option: string): value is readonly unknown[] {
  return typeof value === "object" && value !== null && readGuarded(() => Array.isArray(value), option);
}

/** The keys of an object that are its own. */
export function ownKeys(input: object, name: string): string[] {
  try {
    return Object.keys(input);
  } catch (error) {
    throw new OptionError(name, `its properties cannot be listed (${messageOf(error)}): pass a plain object`, {
      cause: error,
    });
  }
}

/** What `read` gives; it does nothing but read from the caller's value. */
export function readGuarded<T>(read: () => T, option: string): T {
  try {
    return read();
  } catch (error) {
    throw readingThrew(error, option);
  }
}

/** For what the caller's own code threw while its value was read. */
export function readingThrew(error: unknown, option: string): OptionError {
  return new OptionError(option, `reading it threw an error (${messageOf(error)}): pass a plain value`, {
    cause: error,
  });
}
