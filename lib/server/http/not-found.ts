/** Answers about addresses that the server does not have. */
import type { FastifyInstance, FastifyRequest } from "fastify";

import { Problem } from "../problem";
import { sendProblem } from "./send-problem";

export function noRoute({ method, url }: Pick<FastifyRequest, "method" | "url">, prefix = ""): Problem {
  return new Problem(404, "route_not_found", `there is no ${method} ${url.split("?")[0] ?? ""}: see ${prefix}/docs`);
}

/** For all addresses below the prefix of `app`. */
export function answerUnknown(app: FastifyInstance): void {
  app.setNotFoundHandler((request, reply) => sendProblem(reply, noRoute(request, app.prefix)));
}
