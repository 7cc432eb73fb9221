/** Every error that this package throws on purpose. Programs test `code`, which never changes. People read `message`. */

/** Stable codes; the native engine adds those of native/base/status.h in the same form. */
export type ErrorCode =
  | "ERR_IPA_INVALID_OPTION"
  | "ERR_IPA_UNKNOWN_OPTION"
  | "ERR_IPA_NOT_FOUND"
  | "ERR_IPA_IO"
  | "ERR_IPA_IMAGE_FORMAT"
  | "ERR_IPA_IMAGE_CORRUPT"
  | "ERR_IPA_IMAGE_LIMIT"
  | "ERR_IPA_SHARP_MISSING"
  | "ERR_IPA_ADDON_MISSING"
  | "ERR_IPA_HUB_MISSING"
  | "ERR_IPA_FASTIFY_MISSING"
  | "ERR_IPA_FILES_MISSING"
  | "ERR_IPA_CUDA_MISSING"
  | "ERR_IPA_TOKENIZER"
  | "ERR_IPA_TRUNCATED"
  | "ERR_IPA_LIMIT"
  | "ERR_IPA_SYNTAX"
  | "ERR_IPA_UTF8"
  | "ERR_IPA_DUPLICATE"
  | "ERR_IPA_TYPE"
  | "ERR_IPA_OVERFLOW"
  | "ERR_IPA_RANGE"
  | "ERR_IPA_LAYOUT"
  | "ERR_IPA_UNSUPPORTED"
  | "ERR_IPA_MISSING_TENSOR"
  | "ERR_IPA_SHAPE"
  | "ERR_IPA_MISMATCH"
  | "ERR_IPA_CHANGED"
  | "ERR_IPA_NETWORK"
  | "ERR_IPA_OFFLINE"
  | "ERR_IPA_ACCESS"
  | "ERR_IPA_CHECKSUM"
  | "ERR_IPA_NO_MEMORY"
  | "ERR_IPA_BUSY"
  | "ERR_IPA_DEADLINE"
  | "ERR_IPA_CANCELLED"
  | "ERR_IPA_DISPOSED"
  | "ERR_IPA_CRASHED"
  | "ERR_IPA_INTERNAL"
  | "ERR_IPA_DEVICE"
  | "ERR_IPA_DEVICE_LOST";

/** Codes of each class, so that a `switch` over the code of a caught one is narrow. */
export type OptionErrorCode = "ERR_IPA_INVALID_OPTION" | "ERR_IPA_UNKNOWN_OPTION";
export type ImageErrorCode = "ERR_IPA_IMAGE_FORMAT" | "ERR_IPA_IMAGE_CORRUPT" | "ERR_IPA_IMAGE_LIMIT" | "ERR_IPA_IO";
export type HubErrorCode =
  "ERR_IPA_NOT_FOUND" | "ERR_IPA_NETWORK" | "ERR_IPA_OFFLINE" | "ERR_IPA_ACCESS" | "ERR_IPA_CHECKSUM";
export type InstallErrorCode =
  | "ERR_IPA_ADDON_MISSING"
  | "ERR_IPA_SHARP_MISSING"
  | "ERR_IPA_HUB_MISSING"
  | "ERR_IPA_FASTIFY_MISSING"
  | "ERR_IPA_FILES_MISSING"
  | "ERR_IPA_CUDA_MISSING";

/** Most characters of a message, and of a word in it (a path, what a user typed), so that a log stays readable whatever came in. */
const MOST = { message: 8192, word: 256 };

function bounded(message: string): string {
  const text = message.length > MOST.message ? `${message.slice(0, MOST.message - 1)}…` : message;
  // The end of a path says most.
  return text.replace(/\S{257,}/g, (word) => `${word.slice(0, MOST.word - 65)}…${word.slice(-64)}`);
}

/** Base class of all errors of this package. */
export class IpAdapterError extends Error {
  /** stable, for programs */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(bounded(message), options !== undefined && "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
  }

  static {
    // The name is on the prototype, so that a console shows it once, in front of the message.
    Object.defineProperty(this.prototype, "name", { value: "IpAdapterError", configurable: true, writable: true });
  }
}

/** An option is unknown, of the wrong type, out of range, or contradicts another or the model. */
export class OptionError extends IpAdapterError {
  declare readonly code: OptionErrorCode;
  /** path of the option, such as `imagePrompts[0].scale` */
  readonly option: string;

  constructor(option: string, problem: string, options?: { cause?: unknown; code?: OptionErrorCode }) {
    super(options?.code ?? "ERR_IPA_INVALID_OPTION", option === "" ? problem : `${option}: ${problem}`, options);
    this.option = option;
  }

  static {
    Object.defineProperty(this.prototype, "name", { value: "OptionError", configurable: true, writable: true });
  }
}

/** A picture cannot be read: not an image, damaged, or too large. */
export class ImageError extends IpAdapterError {
  declare readonly code: ImageErrorCode;

  // eslint-disable-next-line @typescript-eslint/no-useless-constructor -- it takes fewer codes
  constructor(code: ImageErrorCode, message: string, options?: { cause?: unknown }) {
    super(code, message, options);
  }

  static {
    Object.defineProperty(this.prototype, "name", { value: "ImageError", configurable: true, writable: true });
  }
}

/** The pipeline, or the pool, was disposed before or during the call. */
export class DisposedError extends IpAdapterError {
  declare readonly code: "ERR_IPA_DISPOSED";

  constructor(message = "this pipeline has been disposed: load a new one with Pipeline.load()") {
    super("ERR_IPA_DISPOSED", message);
  }

  static {
    Object.defineProperty(this.prototype, "name", { value: "DisposedError", configurable: true, writable: true });
  }
}

/** How a child of a pool ended. */
export interface ChildDeath {
  pid: number | undefined;
  /** milliseconds since 1970 */
  at: number;
  /** in words, such as "it was ended by SIGKILL" */
  reason: string;
  /** what it wrote last, at most 2,000 characters */
  output: string;
}

/** The processes that should have done a call of a pool died. */
export class CrashError extends IpAdapterError {
  declare readonly code: "ERR_IPA_CRASHED";
  /** of the children that had the call, in order */
  readonly deaths: readonly ChildDeath[];

  constructor(message: string, deaths: readonly ChildDeath[]) {
    super("ERR_IPA_CRASHED", message);
    this.deaths = deaths;
  }

  static {
    Object.defineProperty(this.prototype, "name", { value: "CrashError", configurable: true, writable: true });
  }
}

/** Something could not be fetched from the Hugging Face hub. */
export class HubError extends IpAdapterError {
  declare readonly code: HubErrorCode;
  /** `owner/name` */
  readonly repo: string;
  /** the hub's answer, when it gave one */
  readonly status: number | undefined;

  constructor(
    code: HubErrorCode,
    message: string,
    details: { repo: string; status?: number | undefined; cause?: unknown },
  ) {
    super(code, message, details);
    this.repo = details.repo;
    this.status = details.status;
  }

  static {
    Object.defineProperty(this.prototype, "name", { value: "HubError", configurable: true, writable: true });
  }
}

/** The native addon or an npm package it needs cannot be loaded. */
export class InstallError extends IpAdapterError {
  declare readonly code: InstallErrorCode;

  // eslint-disable-next-line @typescript-eslint/no-useless-constructor -- it takes fewer codes
  constructor(code: InstallErrorCode, message: string, options?: { cause?: unknown }) {
    super(code, message, options);
  }

  static {
    Object.defineProperty(this.prototype, "name", { value: "InstallError", configurable: true, writable: true });
  }
}

/** The operating system's code, such as `ENOENT`, of an error of any realm; "" when the value is no such error. */
export function systemCode(error: unknown): string {
  const code = partOf(error, "code");
  return typeof code === "string" ? code : "";
}

/** The message of whatever was thrown. What a caller's code throws may throw again when it is read. */
export function messageOf(error: unknown): string {
  const message = partOf(error, "message");
  if (typeof message === "string") return message;
  return typeof error === "string" || typeof error === "number" ? `${error}` : "what was thrown has no message";
}

function partOf(error: unknown, name: "code" | "message"): unknown {
  try {
    return typeof error === "object" && error !== null ? (error as Partial<Record<string, unknown>>)[name] : undefined;
  } catch {
    return undefined;
  }
}

/** A failed file operation as a typed error that names the file and what to do. */
export function fileError(what: string, file: string, error: unknown): IpAdapterError {
  const code = systemCode(error);
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new IpAdapterError("ERR_IPA_NOT_FOUND", `${what} not found: ${file}`, { cause: error });
  }
  const reasons: Record<string, string> = {
    EACCES: "permission denied",
    ERR_ACCESS_DENIED:
      "Node's permission model does not allow it: start node with --allow-fs-read or --allow-fs-write for it",
    EPERM: "permission denied",
    EISDIR: "it is a folder",
    ENOSPC: "no space left on the device",
    EROFS: "the file system is read-only",
    EMFILE: "too many open files",
    ENAMETOOLONG: "the name is too long",
  };
  return new IpAdapterError("ERR_IPA_IO", `${what} ${file}: ${reasons[code] ?? messageOf(error)}`, { cause: error });
}
