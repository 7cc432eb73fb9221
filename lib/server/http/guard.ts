/** Who may call: keys, and web pages. Every route is closed unless it says that it is open. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

import { Problem } from "../problem";
import { ANYONE, type ApiKey, keyFinder } from "./keys";

const owners = new WeakMap<FastifyRequest, string>();

/** Name of the key that a request came with. */
export function ownerOf(request: FastifyRequest): string {
  return owners.get(request) ?? ANYONE;
}

const isOpen = (request: FastifyRequest): boolean => (request.routeOptions.config as { open?: boolean }).open === true;

/** Without keys a server is for programs of its own machine: not for web pages that a browser on it shows. */
const LOCAL_HOST = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/i;

export interface GuardOptions {
  keys: readonly ApiKey[];
  /** origins of web pages */
  cors: readonly string[];
  /** whether another part of the program has checked who calls */
  trusted: boolean;
}

export function addGuard(app: FastifyInstance, { keys, cors, trusted }: GuardOptions): void {
  const find = keyFinder(keys);
  const refuse = (status: number, code: string, message: string): never => {
    throw new Problem(status, code, message);
  };
  app.addHook("onRequest", async (request, reply) => {
    allowOrigin(request, reply, cors);
    if (isOpen(request)) return;
    if (keys.length > 0) {
      const name = find(request.headers);
      if (name === undefined)
        refuse(
          401,
          "invalid_api_key",
          "this server needs a key: send it as Authorization: Bearer KEY, or X-API-Key: KEY",
        );
      else owners.set(request, name);
    } else if (!trusted) {
      const { host = "", origin } = request.headers;
      if (!LOCAL_HOST.test(host)) refuse(403, "unknown_host", "without keys this server answers to localhost only");
      if (origin !== undefined && !cors.includes(origin) && !cors.includes("*"))
        refuse(403, "unknown_origin", "this server does not answer to web pages: see cors in its config");
    }
  });
  if (cors.length > 0)
    app.route({
      method: "OPTIONS",
      url: "/*",
      config: { open: true },
      handler: (_request, reply) => reply.code(204).send(),
    });
}

/** The origin is named only if the operator has named it, and credentials are never allowed. */
function allowOrigin(request: FastifyRequest, reply: FastifyReply, cors: readonly string[]): void {
  const { origin } = request.headers;
  if (cors.length === 0 || origin === undefined) return;
  reply.header("vary", "Origin");
  if (cors.includes("*")) reply.header("access-control-allow-origin", "*");
  else if (cors.includes(origin)) reply.header("access-control-allow-origin", origin);
  else return;
  reply.header("access-control-expose-headers", "retry-after, x-should-retry");
  if (request.method !== "OPTIONS") return;
  reply.header("access-control-allow-methods", "GET, POST");
  reply.header("access-control-allow-headers", "authorization, content-type, x-api-key");
  reply.header("access-control-max-age", "600");
}
