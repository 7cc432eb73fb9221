/** The image routes of OpenAI's API, and the list of models. The answer waits for the pictures; a client that goes away ends the work. */
import type { FastifyReply, FastifyRequest } from "fastify";

import type { Value } from "../../options/json-schema";
import type { BodySchema } from "../http/body";
import { ownerOf } from "../http/guard";
import type { Routes } from "../http/route";
import { answerEvents, answerWhole } from "../openai/answer";
import { type OpenAiOrder, editOrder, generationOrder, variationOrder } from "../openai/order";
import { EditSchema, GenerationSchema, VariationSchema } from "../openai/schema";
import type { FetchPicture, PictureSources } from "../pictures/json-options";
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

const ANSWERS = [
  { status: 200, description: "pictures as b64_json, or events", types: ["application/json", "text/event-stream"] },
];

/** A route that answers with pictures. */
interface PictureRoute<S extends BodySchema> {
  url: string;
  summary: string;
  body: S;
  kind: Call["kind"];
  orderOf: (body: Value<S>, sources: PictureSources) => OpenAiOrder | Promise<OpenAiOrder>;
}

export function addOpenAiRoutes(routes: Routes, fetchPicture: FetchPicture): void {
  const { service } = routes;
  const add = <S extends BodySchema>({ kind, orderOf, ...doc }: PictureRoute<S>): void =>
    routes.add({
      method: "POST",
      tag: "OpenAI",
      answers: ANSWERS,
      ...doc,
      handler: async (request, reply, body) => {
        const signal = goneSignal(reply);
        return answer(service, await orderOf(body, { signal, fetchPicture }), { request, reply, signal, kind });
      },
    });
  add({
    url: "/v1/images/generations",
    summary: "Pictures from a prompt",
    body: GenerationSchema,
    kind: "image_generation",
    orderOf: generationOrder,
  });
  add({
    url: "/v1/images/edits",
    summary: "Pictures after other pictures, or with a part repainted",
    body: EditSchema,
    kind: "image_edit",
    orderOf: editOrder,
  });
  add({
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
    method: "GET",
    url: "/v1/models",
    tag: "OpenAI",
    summary: "The models, by all their names",
    answers: [{ status: 200, description: "the list" }],
    handler: () => Promise.resolve({ object: "list", data: [...models.names, ...models.aliases].map(view) }),
  });
  routes.add({
    method: "GET",
    url: "/v1/models/:model",
    tag: "OpenAI",
    summary: "One model",
    answers: [{ status: 200, description: "the model" }],
    handler: (request) => Promise.resolve(view(models.resolve((request.params as { model: string }).model))),
  });
}
