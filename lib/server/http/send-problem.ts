/** Answers with what went wrong. */
import type { FastifyReply } from "fastify";

import { type Problem, problemBody, problemHeaders } from "../problem";

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply.code(problem.status).headers(problemHeaders(problem)).send(problemBody(problem));
}
