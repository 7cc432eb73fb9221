/** The errors of routes as the OpenAPI document has them. */
import type { RouteDoc } from "../http/route";
import { TYPES } from "../problem";
import type { JsonSchema } from "./schema";

/** The body of every error. */
export const ErrorSchema: JsonSchema = {
  type: "object",
  title: "Error",
  required: ["error"],
  additionalProperties: false,
  properties: {
    error: {
      type: "object",
      required: ["message", "type", "param", "code"],
      additionalProperties: false,
      properties: {
        message: { type: "string", description: "for people" },
        type: { type: "string", enum: [...new Set(Object.values(TYPES)), "invalid_request_error", "server_error"] },
        param: { type: ["string", "null"], description: "the option that it is about" },
        code: { type: "string", description: "for programs: ERR_IPA_… of the package, or a word of the server's own" },
      },
    },
  },
};

interface ErrorDoc {
  description: string;
  headers?: Record<string, JsonSchema>;
}

const header = (schema: JsonSchema, description: string, required = false): JsonSchema => ({
  description,
  schema,
  ...(required && { required }),
});

const RETRY_AFTER = { type: "string", pattern: "^[1-9][0-9]*$" };
const SHOULD_RETRY = header({ type: "string", enum: ["false"] }, "tells clients of OpenAI's API not to repeat this");

const ERRORS: Record<number, ErrorDoc> = {
  400: { description: "the request is wrong, or its picture was refused; `param` and `message` say what to change" },
  401: {
    description: "no key, or a wrong one",
    headers: { "WWW-Authenticate": header({ type: "string" }, "Basic", true) },
  },
  403: { description: "without keys the server answers to programs of its own machine alone" },
  404: { description: "there is no such thing" },
  409: {
    description: "another job has this id, or the job was cancelled",
    headers: { "X-Should-Retry": SHOULD_RETRY },
  },
  413: { description: "the body is larger than the server takes" },
  415: { description: "the body is neither JSON nor, where one will do, a form" },
  429: {
    description: "too many jobs wait or run, or too many streams of events are open",
    headers: { "Retry-After": header(RETRY_AFTER, "seconds to wait", true) },
  },
  500: {
    description: "the server failed; its log says why",
    headers: { "X-Should-Retry": SHOULD_RETRY },
  },
  503: {
    description: "the server stops, or the model cannot be loaded now",
    headers: {
      "Retry-After": header(RETRY_AFTER, "seconds to wait, where another attempt makes sense"),
      "X-Should-Retry": SHOULD_RETRY,
    },
  },
  504: { description: "the job was not done before its deadline", headers: { "X-Should-Retry": SHOULD_RETRY } },
};

/** Errors by status as components of the document. */
export function errorResponses(): Record<string, JsonSchema> {
  const content = { "application/json": { schema: ErrorSchema } };
  return Object.fromEntries(Object.entries(ERRORS).map(([status, doc]) => [`Error${status}`, { ...doc, content }]));
}

/** What a route's requests may be answered with: its own errors, and those of its kind. @param keyed whether keys are needed */
export function errorsOf({ method, params, open, errors = [] }: RouteDoc, keyed: boolean): number[] {
  const all = [
    ...errors,
    ...(open === true ? [] : [keyed ? 401 : 403, 500]),
    ...(params === undefined ? [] : [400, 404]),
    ...(method === "POST" ? [400, 413, 415] : []),
  ];
  return [...new Set(all)].sort((a, b) => a - b);
}

/** References to the errors of a route. */
export function errorReferences(route: RouteDoc, keyed: boolean): Record<string, JsonSchema> {
  return Object.fromEntries(
    errorsOf(route, keyed).map((status) => [String(status), { $ref: `#/components/responses/Error${status}` }]),
  );
}
