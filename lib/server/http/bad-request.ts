/** What is no request of HTTP, or does not come in whole, gets an error of the same shape as all others. */
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";

import { Problem, problemBody } from "../problem";

const PROBLEMS: Record<string, Problem> = {
  ERR_HTTP_REQUEST_TIMEOUT: new Problem(408, "request_timeout", "the request did not come in whole in time"),
  HPE_HEADER_OVERFLOW: new Problem(431, "headers_too_large", "the headers of the request are too large"),
};
const OTHER = new Problem(400, "bad_request", "this is no request of HTTP/1.1");

/** Node's own parser has refused what came. */
export function answerBadRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed) return;
  const problem = PROBLEMS[error.code ?? ""] ?? OTHER;
  const body = JSON.stringify(problemBody(problem));
  const lines = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ""}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  if (socket.writable) socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
  else socket.destroy();
}
