/** What a request is answered with when it fails. Every route has this one shape, which clients of OpenAI's API read. */
import { ImageError, OptionError } from "../index";

/** An error with the status of HTTP that says it. */
export class Problem extends Error {
  /** 400 to 599 */
  readonly status: number;
  /** for programs: ERR_IPA_… of the package, or a word of the server's own */
  readonly code: string;
  /** the option that it is about, where it is about one */
  readonly param: string | undefined;
  /** seconds after which another attempt makes sense */
  readonly retryAfter: number | undefined;
  /** methods that the address takes */
  readonly allowed: readonly string[] | undefined;

  constructor(
    status: number,
    code: string,
    message: string,
    details: {
      param?: string | undefined;
      retryAfter?: number | undefined;
      allowed?: readonly string[];
      cause?: unknown;
    } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.status = status;
    this.code = code;
    this.param = details.param;
    this.retryAfter = details.retryAfter;
    this.allowed = details.allowed;
  }
}

/** The body of a failed request. */
export interface ProblemBody {
  error: { message: string; type: string; param: string | null; code: string };
}

const STATUS: Record<string, number> = {
  ERR_IPA_BUSY: 429,
  ERR_IPA_DEADLINE: 504,
  ERR_IPA_DISPOSED: 503,
  ERR_IPA_NO_MEMORY: 503,
  ERR_IPA_DEVICE: 503,
  ERR_IPA_DEVICE_LOST: 503,
  ERR_IPA_MISMATCH: 400,
  ERR_IPA_UNSUPPORTED: 400,
  ERR_IPA_RANGE: 400,
  ERR_IPA_SHAPE: 400,
  ERR_IPA_CANCELLED: 409,
};

/** Where the operator's files lie is nobody's business; what they are called tells what is wrong. */
const withoutFolders = (text: string): string =>
  text.replace(/(?<=^|[\s"'(])(?:[A-Za-z]:)?[\\/](?:[^\s"'\\/:]+[\\/])+(?=[^\s"'\\/])/g, "");

/** What fastify refuses before a route sees it. */
const REFUSED: Record<string, Problem> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: new Problem(
    415,
    "media_type_not_supported",
    "send JSON with content-type: application/json, or a form where the route takes one",
  ),
  FST_ERR_CTP_BODY_TOO_LARGE: new Problem(413, "body_too_large", "the body is larger than this server takes"),
};

/** Any error as a problem. What the server did wrong is told to the log, not to the client. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof OptionError)
    return new Problem(400, error.code, error.message, { param: error.option, cause: error });
  const { code, message, statusCode } = error as { code?: unknown; message?: unknown; statusCode?: unknown };
  const text = typeof message === "string" ? withoutFolders(message) : "";
  if (error instanceof ImageError && error.code !== "ERR_IPA_IO")
    return new Problem(400, error.code, text, { cause: error });
  const status = typeof code === "string" ? STATUS[code] : undefined;
  if (typeof code === "string" && status !== undefined)
    return new Problem(status, code, text, { cause: error, ...(status === 429 && { retryAfter: 1 }) });
  // Its own text names processes of the server.
  if (code === "ERR_IPA_CRASHED")
    return new Problem(500, code, "the engine crashed twice while it worked on this request", { cause: error });
  const refused = typeof code === "string" ? REFUSED[code] : undefined;
  if (refused !== undefined) return refused;
  // What else fastify refuses.
  if (typeof statusCode === "number" && statusCode >= 400 && statusCode < 500)
    return new Problem(statusCode, typeof code === "string" ? code : "bad_request", text, { cause: error });
  return new Problem(500, "internal_error", "the server failed to do this: its log says why", { cause: error });
}

export const TYPES: Record<number, string> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  409: "conflict_error",
  429: "rate_limit_error",
};

export function problemBody({ status, code, message, param }: Problem): ProblemBody {
  const type = TYPES[status] ?? (status < 500 ? "invalid_request_error" : "server_error");
  return { error: { message, type, param: param === undefined || param === "" ? null : param, code } };
}

/** What goes beside the body. Clients of OpenAI repeat 409 and 5xx unless they are told not to. */
export function problemHeaders({ status, retryAfter, allowed }: Problem): Record<string, string> {
  if (allowed !== undefined) return { allow: allowed.join(", ") };
  if (retryAfter !== undefined) return { "retry-after": String(Math.max(1, Math.ceil(retryAfter))) };
  return status === 401
    ? { "www-authenticate": 'Basic realm="node-ip-adapter", charset="UTF-8"' }
    : status === 409 || status >= 500
      ? { "x-should-retry": "false" }
      : {};
}
