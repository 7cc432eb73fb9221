/** Our own routes: a job is created, watched, cancelled, and its pictures fetched. Options have the API's names. */
import { createHash } from "node:crypto";

import type { FastifyRequest } from "fastify";

import type { Value } from "../../options/json-schema";
import type { BodySchema } from "../http/body";
import { ownerOf } from "../http/guard";
import { type Answer, type Routes, inJson } from "../http/route";
import { eventsOf } from "../http/sse";
import { OpenStreams } from "../http/streams";
import type { Job } from "../jobs/job";
import { type FetchPicture, JobOptionsSchema, fromJson, namedLoras } from "../pictures/json-options";
import { Problem } from "../problem";
import type { ImageService } from "../service";
import { sendEvents } from "./job-events";
import { CancelledSchema, JOB_EVENTS, JOB_ID, JobSchema, jobView } from "./job-view";

export const JobBodySchema = {
  type: "object",
  title: "job",
  additionalProperties: false,
  properties: {
    id: {
      ...JOB_ID,
      description: "letters, digits, and . _ -; the same request with the same id makes no second job",
      "x-default": "a new one",
    },
    model: { type: "string", maxLength: 200, description: "name of a model", "x-default": "the first one" },
    options: {
      ...JobOptionsSchema,
      description: "as generate() takes them; pictures as data URLs or base64",
      "x-default": "{}",
    },
    format: { type: "string", enum: ["png", "jpeg", "webp"], default: "png", description: "of the pictures" },
    quality: { type: "integer", minimum: 1, maximum: 100, default: 92, description: "of JPEG and WebP" },
  },
} as const satisfies BodySchema;

type JobBody = Value<typeof JobBodySchema>;

const addressOf = (routes: Routes, job: Job): string => `${routes.prefix}/v1/jobs/${job.spec.id}`;

/** What a client is told of a job. */
function tell(routes: Routes, job: Job): object {
  job.handedOut([]);
  return jobView(job, addressOf(routes, job), routes.service.jobs.ahead(job));
}

const params = (request: FastifyRequest): { id: string; image: string } =>
  request.params as { id: string; image: string };

function find(service: ImageService, request: FastifyRequest): Job {
  const job = service.jobs.get(ownerOf(request), params(request).id);
  if (job !== undefined) return job;
  throw new Problem(404, "job_not_found", "there is no such job, or it ended too long ago", { param: "id" });
}

/** JSON in which the order of names says nothing. */
function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_name, member: unknown) =>
    typeof member === "object" && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

async function create(
  routes: Routes,
  fetchPicture: FetchPicture,
  request: FastifyRequest,
  body: JobBody,
): Promise<{ job: Job; created: boolean }> {
  const { id, model, options = {}, format, quality } = body;
  const fingerprint = createHash("sha256").update(sortedJson(body)).digest("hex");
  const known = id === undefined ? undefined : routes.service.jobs.get(ownerOf(request), id);
  // Its pictures need not be fetched again.
  if (known?.spec.fingerprint === fingerprint) return { job: known, created: false };
  const { signal } = new AbortController();
  const given = await fromJson(options, "options", { fetchPicture, signal });
  const read = namedLoras(given, "options", routes.service.settings.loras);
  return routes.service.order({
    owner: ownerOf(request),
    id,
    model,
    options: read,
    at: "options.",
    format,
    quality,
    fingerprint,
  });
}

const ID = { id: { type: JOB_ID.type, maxLength: JOB_ID.maxLength, pattern: JOB_ID.pattern } };
const VIEW = { status: 200, description: "the job", content: inJson(JobSchema) };

/** What an accepted job, or one that is known already, is answered with. */
function accepted(status: number, description: string): Answer {
  const id = { id: "$response.body#/id" };
  return {
    status,
    description,
    content: inJson(JobSchema),
    headers: { Location: { type: "string", format: "uri-reference" } },
    links: { getJob: id, followJob: id, cancelJob: id },
  };
}

export function addJobRoutes(routes: Routes, fetchPicture: FetchPicture): void {
  const { service } = routes;
  routes.add({
    name: "createJob",
    method: "POST",
    url: "/v1/jobs",
    tag: "Jobs",
    summary: "Create a job",
    body: JobBodySchema,
    answers: [accepted(202, "the job, which was accepted"), accepted(200, "the job that the same request made before")],
    errors: [404, 409, 429, 503],
    handler: async (request, reply, body) => {
      const { job, created } = await create(routes, fetchPicture, request, body);
      return reply
        .code(created ? 202 : 200)
        .header("location", addressOf(routes, job))
        .send(tell(routes, job));
    },
  });
  routes.add({
    name: "getJob",
    method: "GET",
    url: "/v1/jobs/:id",
    tag: "Jobs",
    summary: "How a job stands",
    params: ID,
    answers: [{ ...VIEW, links: { getJobImage: { id: "$response.body#/id", image: "0" } } }],
    handler: (request) => Promise.resolve(tell(routes, find(service, request))),
  });
  addImageRoute(routes);
  addEventsRoute(routes);
  routes.add({
    name: "cancelJob",
    method: "POST",
    url: "/v1/jobs/:id/cancel",
    tag: "Jobs",
    summary: "Cancel a job; one that is over stays as it is",
    params: ID,
    answers: [{ ...VIEW, content: inJson(CancelledSchema) }],
    handler: (request) => {
      const job = find(service, request);
      const cancelled = service.jobs.cancel(job);
      return Promise.resolve({ cancelled, job: tell(routes, job) });
    },
  });
}

function addEventsRoute(routes: Routes): void {
  const { service } = routes;
  const streams = new OpenStreams(service.settings.queue.streams);
  routes.add({
    name: "followJob",
    method: "GET",
    url: "/v1/jobs/:id/events",
    tag: "Jobs",
    summary: "Follow a job: events named state, progress and preview",
    params: ID,
    answers: [{ status: 200, description: "events until the job is over", content: eventsOf(JOB_EVENTS) }],
    errors: [429],
    handler: (request, reply) => {
      const job = find(service, request);
      const owner = ownerOf(request);
      streams.check(owner);
      const { closed } = sendEvents(job, reply, () => tell(routes, job));
      streams.count(owner, closed);
      return reply;
    },
  });
}

const IMAGE = { type: "string", pattern: "^[0-9]{1,3}$" };

function addImageRoute(routes: Routes): void {
  routes.add({
    name: "getJobImage",
    method: "GET",
    url: "/v1/jobs/:id/images/:image",
    tag: "Jobs",
    summary: "A finished picture",
    params: { ...ID, image: IMAGE },
    answers: [
      { status: 200, description: "the file", content: { "image/png": {}, "image/jpeg": {}, "image/webp": {} } },
    ],
    handler: (request, reply) => {
      const job = find(routes.service, request);
      const { images, state } = job;
      const { image: given } = params(request);
      const index = new RegExp(IMAGE.pattern).test(given) ? Number(given) : -1;
      const image = images[index];
      if (image === undefined)
        throw new Problem(
          404,
          "image_not_found",
          `there is no such picture: the job is ${state} and has ${images.length}`,
        );
      reply.raw.once("finish", () => job.handedOut([index]));
      return reply.header("content-type", image.type).header("cache-control", "private, no-store").send(image.bytes);
    },
  });
}
