/** Loading what is not loaded with the package, and why that fails when it is not its fault. */
import { closeSync, openSync } from "node:fs";

import { IpAdapterError, messageOf, systemCode } from "./errors";

/** What ran out, in words, by the system's code and by the loader's text. */
const EXHAUSTED: { code: string; text: RegExp; problem: string; kind: "ERR_IPA_IO" | "ERR_IPA_NO_MEMORY" }[] = [
  {
    code: "EMFILE",
    text: /\bEMFILE\b|too many open files(?! in system)/i,
    problem: "this process has too many open files: close some, or raise its limit (ulimit -n)",
    kind: "ERR_IPA_IO",
  },
  {
    code: "ENFILE",
    text: /\bENFILE\b|too many open files in system/i,
    problem: "the system has too many open files: close some",
    kind: "ERR_IPA_IO",
  },
  {
    code: "ENOMEM",
    text: /\bENOMEM\b|cannot allocate memory(?! in static TLS)/i,
    problem: "there is no memory left",
    kind: "ERR_IPA_NO_MEMORY",
  },
];

/** Loading a package takes a few at a time. */
const FILES_NEEDED = 8;

/**
 * Loads a package with `load`, unless no files can be opened now: Node's loader would take its package.json for absent then, and go on doing so for
 * as long as the process lives.
 * @throws IpAdapterError ERR_IPA_IO or ERR_IPA_NO_MEMORY when the system ran out of something, which would hit any package; else what `failed` makes of the error
 */
export function loadPackage<T>(what: string, load: () => T, failed: (error: unknown) => Error): T {
  const before = errorOfOpening();
  const exhausted = before === undefined ? undefined : exhaustion(what, before);
  if (exhausted !== undefined) throw exhausted;
  try {
    return load();
  } catch (error) {
    throw exhaustion(what, error) ?? failed(error);
  }
}

/**
 * A part of this package that only some calls need, loaded by the first of them: importing the package stays quick.
 * @param load `() => require("./part")`, written out so that bundlers see it; import() fails in the vm contexts of jest and vitest
 */
export function lazily<T>(load: () => T): () => T {
  let part: T | undefined;
  return () => (part ??= loadPackage("a part of node-ip-adapter", load, (error) => error as Error));
}

/** The error to give when `what` failed to load because the system ran out of something; undefined when it is its own fault. */
export function exhaustion(what: string, error: unknown): IpAdapterError | undefined {
  const found = EXHAUSTED.find((entry) =>
    causes(error).some((cause) => systemCode(cause) === entry.code || entry.text.test(messageOf(cause))),
  );
  return found === undefined
    ? undefined
    : new IpAdapterError(found.kind, `${what} cannot be loaded: ${found.problem}, and try again`, { cause: error });
}

/** The error and what it says it was caused by, as far as that is worth a look. */
function causes(error: unknown): unknown[] {
  const chain: unknown[] = [];
  for (
    let next = error;
    next !== undefined && next !== null && chain.length < 8;
    next = (next as { cause?: unknown }).cause
  )
    chain.push(next);
  return chain;
}

/** What opening a few files fails with. */
function errorOfOpening(): unknown {
  const open: number[] = [];
  try {
    while (open.length < FILES_NEEDED) open.push(openSync(process.execPath, "r"));
    return undefined;
  } catch (error) {
    return error;
  } finally {
    for (const file of open) closeSync(file);
  }
}
