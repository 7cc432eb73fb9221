/** Routes with what the OpenAPI document says of them: the schema that checks a body is the one that is published. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

import type { Value } from "../../options/json-schema";
import type { JsonSchema } from "../openapi/schema";
import { Problem } from "../problem";
import type { ImageService } from "../service";
import { type BodySchema, readBody } from "./body";

/** What a route answers with, besides errors. */
export interface Answer {
  status: number;
  description: string;
  /** schemas by media type */
  content: Readonly<Record<string, JsonSchema>>;
  /** headers that it always has */
  headers?: Readonly<Record<string, JsonSchema>>;
  /** operations that take what this one made: their parameters, as expressions of OpenAPI */
  links?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** The parameters of a path, by the names in it. */
export type PathParams = Readonly<Record<string, JsonSchema>>;

export interface RouteDoc {
  /** the operation's name in generated clients */
  name: string;
  method: "GET" | "POST";
  /** with :names as fastify has them, without the plugin's prefix */
  url: string;
  tag: "Jobs" | "OpenAI" | "Operations";
  summary: string;
  /** schemas of the :names */
  params?: PathParams;
  body?: BodySchema | undefined;
  answers: readonly Answer[];
  /** statuses of errors, besides those that all routes of its kind have */
  errors?: readonly number[];
  /** whether it needs no key */
  open?: true;
}

export interface RouteSpec<S extends BodySchema> extends RouteDoc {
  body?: S;
  handler: (request: FastifyRequest, reply: FastifyReply, body: Value<S>) => unknown;
}

/** An answer in JSON. */
export const inJson = (schema: JsonSchema): Answer["content"] => ({ "application/json": schema });

/** Load balancers and monitors ask the open routes by HEAD. */
const headToo = ({ method, open }: RouteDoc): boolean => method === "GET" && open === true;

const methodsOf = (doc: RouteDoc): string[] => (headToo(doc) ? [doc.method, "HEAD"] : [doc.method]);

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
      exposeHeadRoute: headToo(doc),
      config: { open: open === true },
      handler: (request, reply) =>
        handler(request, reply, (body === undefined ? undefined : readBody(body, request.body)) as Value<S>),
    });
  }

  /** Other methods of the same addresses answer 405. @param preflight whether OPTIONS is answered elsewhere */
  refuseOtherMethods(preflight: boolean): void {
    for (const url of new Set(this.docs.map((doc) => doc.url))) {
      const allowed = this.docs.filter((doc) => doc.url === url).flatMap(methodsOf);
      const method = this.#app.supportedMethods.filter(
        (name) => !allowed.includes(name) && !(preflight && name === "OPTIONS"),
      );
      const problem = (): Problem =>
        new Problem(405, "method_not_allowed", `this address takes ${allowed.join(" and ")} alone`, { allowed });
      this.#app.route({
        method,
        url,
        // Before a body is read.
        onRequest: (_request, _reply, done) => done(problem()),
        handler: () => Promise.reject(problem()),
      });
    }
  }
}
