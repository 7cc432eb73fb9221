/** The image routes of OpenAI's API, and the list of models. The answer waits for the pictures; a client that goes away ends the work. */
import type { FastifyReply, FastifyRequest } from "fastify";

import type { Value } from "../../options/json-schema";
import type { BodySchema } from "../http/body";
import { ownerOf } from "../http/guard";
import { type Answer, type Routes, inJson } from "../http/route";
import { eventsOf } from "../http/sse";
import { answerEvents, answerWhole } from "../openai/answer";
import { ImagesSchema, ModelListSchema, ModelSchema, eventSchemas } from "../openai/answer-schema";
import { type OpenAiOrder, type OrderParts, editOrder, generationOrder, variationOrder } from "../openai/order";
import { openAiProblem } from "../openai/problem";
import { EditSchema, GenerationSchema, VariationSchema } from "../openai/schema";
import { ErrorSchema } from "../openapi/errors";
import type { FetchPicture } from "../pictures/json-options";
import type { ImageService } from "../service";

/** Fires when the client has gone. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) gone.abort(new Error("the client has gone"));
  });
  return gone.signal;
}

interface Call {
  request: FastifyRequest;
  reply: FastifyReply;
  signal: AbortSignal;
  kind: "image_generation" | "image_edit";
}

async function answer(
  service: ImageService,
  order: OpenAiOrder,
  { request, reply, signal, kind }: Call,
): Promise<unknown> {
  const { job } = await service.order({ owner: ownerOf(request), ...order });
  const cancel = (): void => void service.jobs.cancel(job);
  if (signal.aborted) cancel();
  else signal.addEventListener("abort", cancel, { once: true });
  return order.stream ? answerEvents(job, order, reply, { kind, onGone: cancel }) : answerWhole(job, order);
}

const answers = (kind: Call["kind"], streams: boolean): Answer[] => [
  {
    status: 200,
    description: streams ? "pictures, or with stream events" : "pictures",
    content: { ...inJson(ImagesSchema), ...(streams && eventsOf(eventSchemas(kind, ErrorSchema))) },
  },
];

/** A route that answers with pictures. */
interface PictureRoute<S extends BodySchema> {
  name: string;
  url: string;
  summary: string;
  body: S;
  kind: Call["kind"];
  orderOf: (body: Value<S>, parts: OrderParts) => OpenAiOrder | Promise<OpenAiOrder>;
}

export function addOpenAiRoutes(routes: Routes, fetchPicture: FetchPicture): void {
  const { service } = routes;
  const add = <S extends BodySchema>({ kind, orderOf, ...doc }: PictureRoute<S>): void =>
    routes.add({
      method: "POST",
      tag: "OpenAI",
      answers: answers(kind, "stream" in doc.body.properties),
      errors: [404, 409, 429, 503, 504],
      ...doc,
      handler: async (request, reply, body) => {
        const signal = goneSignal(reply);
        const { steps: mostSteps, inputPixels: mostPixels } = service.settings.limits;
        const order = await orderOf(body, { signal, fetchPicture, mostSteps, mostPixels });
        return answer(service, order, { request, reply, signal, kind }).catch((error: unknown) => {
          throw openAiProblem(error);
        });
      },
    });
  add({
    name: "generateImages",
    url: "/v1/images/generations",
    summary: "Pictures from a prompt",
    body: GenerationSchema,
    kind: "image_generation",
    orderOf: generationOrder,
  });
  add({
    name: "editImages",
    url: "/v1/images/edits",
    summary: "Pictures after other pictures, or with a part repainted",
    body: EditSchema,
    kind: "image_edit",
    orderOf: editOrder,
  });
  add({
    name: "varyImage",
    url: "/v1/images/variations",
    summary: "Pictures after one picture, without a prompt",
    body: VariationSchema,
    kind: "image_edit",
    orderOf: variationOrder,
  });
  addModelRoutes(routes);
}

function addModelRoutes(routes: Routes): void {
  const { models } = routes.service;
  const view = (id: string): object => ({ id, object: "model", created: 0, owned_by: "node-ip-adapter" });
  routes.add({
    name: "listModels",
    method: "GET",
    url: "/v1/models",
    tag: "OpenAI",
    summary: "The models, by all their names",
    answers: [{ status: 200, description: "the list", content: inJson(ModelListSchema) }],
    handler: () => Promise.resolve({ object: "list", data: [...models.names, ...models.aliases].map(view) }),
  });
  routes.add({
    name: "getModel",
    method: "GET",
    url: "/v1/models/:model",
    params: { model: { type: "string", minLength: 1, maxLength: 200 } },
    tag: "OpenAI",
    summary: "One model",
    answers: [{ status: 200, description: "the model", content: inJson(ModelSchema) }],
    handler: (request) => Promise.resolve(view(models.resolve((request.params as { model: string }).model))),
  });
}
