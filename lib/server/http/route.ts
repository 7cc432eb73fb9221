/** Routes with what the OpenAPI document says of them: the schema that checks a body is the one that is published. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

import type { Value } from "../../options/json-schema";
import type { ImageService } from "../service";
import { type BodySchema, readBody } from "./body";

/** What a route answers with, besides errors. */
export interface Answer {
  status: number;
  description: string;
  /** media types; JSON by default */
  types?: readonly string[];
}

export interface RouteDoc {
  method: "GET" | "POST";
  /** with :names as fastify has them, without the plugin's prefix */
  url: string;
  tag: "Jobs" | "OpenAI" | "Operations";
  summary: string;
  body?: BodySchema | undefined;
  answers: readonly Answer[];
  /** whether it needs no key */
  open?: true;
}

export interface RouteSpec<S extends BodySchema> extends RouteDoc {
  body?: S;
  handler: (request: FastifyRequest, reply: FastifyReply, body: Value<S>) => unknown;
}

/** What routes are made of. */
export class Routes {
  readonly service: ImageService;
  readonly docs: RouteDoc[] = [];
  readonly #app: FastifyInstance;

  constructor(app: FastifyInstance, service: ImageService) {
    this.#app = app;
    this.service = service;
  }

  /** What stands in front of all routes. */
  get prefix(): string {
    return this.#app.prefix;
  }

  add<S extends BodySchema>({ handler, ...doc }: RouteSpec<S>): void {
    const { method, url, body, open } = doc;
    this.docs.push(doc);
    this.#app.route({
      method,
      url,
      exposeHeadRoute: false,
      config: { open: open === true },
      handler: (request, reply) =>
        handler(request, reply, (body === undefined ? undefined : readBody(body, request.body)) as Value<S>),
    });
  }
}
