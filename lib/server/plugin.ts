/** All routes as a plugin of fastify. */
import { existsSync } from "node:fs";

import type { FastifyError, FastifyInstance, FastifyRequest } from "fastify";

import { type LoadOptions, OptionError, type Pipeline } from "../index";
import { omit } from "../options/omit";
import { type ServerConfig, readConfig } from "./config";
import { readForm } from "./http/forms";
import { addGuard } from "./http/guard";
import { type ApiKey, readKeys } from "./http/keys";
import { parseJson } from "./http/json";
import { answerUnknown } from "./http/not-found";
import { EventLoopDelay } from "./http/event-loop";
import { Refusals } from "./http/metrics";
import { Routes } from "./http/route";
import { sendProblem } from "./http/send-problem";
import { type Engine, engineOf, startEngine } from "./models/engine";
import type { ModelSource } from "./models/models";
import { pictureFetcher } from "./pictures/fetch-picture";
import type { FetchPicture } from "./pictures/json-options";
import { asProblem } from "./problem";
import { addDocsRoutes } from "./routes/docs";
import { addJobRoutes } from "./routes/jobs";
import { addOpenAiRoutes } from "./routes/openai";
import { addOperationRoutes } from "./routes/operations";
import { ImageService, type Moderate } from "./service";

/** Options of imageRoutes, which are those of a config file, and what a file cannot hold. */
export interface ImageRoutesOptions extends Omit<ServerConfig, "moderation"> {
  /** a pipeline that is there already, in place of `models`; it is not disposed of with the server */
  pipeline?: Pipeline | undefined;
  /** who may call. Default: nobody but programs on the same machine, see `trusted` */
  keys?: readonly (ApiKey | string)[] | undefined;
  /** whether all who come here may call: hooks of your own have checked them. Default false */
  trusted?: boolean | undefined;
  /** asked about every finished picture; false, or { allowed: false, reason }, refuses it, and so does an error */
  moderate?: Moderate | undefined;
  /** what is put in front of all routes */
  prefix?: string | undefined;
}

/**
 * Jobs, OpenAI's image routes, health and metrics: `app.register(imageRoutes, { prefix: "/images" })`.
 * @throws OptionError for options that are wrong
 */
export async function imageRoutes(app: FastifyInstance, options: ImageRoutesOptions): Promise<void> {
  addImageRoutes(app, options);
  await Promise.resolve();
}

/** The same with the service behind the routes. */
export function addImageRoutes(app: FastifyInstance, options: ImageRoutesOptions): ImageService {
  const { pipeline, trusted = false, moderate } = options;
  const keys = readKeys(options.keys);
  const settings = readConfig(omit(options, "pipeline", "keys", "trusted", "moderate", "prefix"));
  checkFiles(settings);
  const sources = pipeline === undefined ? configured(settings) : [given(pipeline, settings)];
  const service = new ImageService({ settings, sources, moderate, log: app.log });
  const refusals = new Refusals();

  // A server of its own has one for all addresses.
  if (app.prefix !== "") answerUnknown(app);
  readBodies(app, settings.limits.bodyBytes);
  answerErrors(app, refusals);
  addGuard(app, { keys, cors: settings.cors, trusted });
  const routes = new Routes(app, service);
  const { allow, hosts } = settings.imageUrls;
  const fetchPicture: FetchPicture = allow ? pictureFetcher({ hosts }) : undefined;
  addJobRoutes(routes, fetchPicture);
  addOpenAiRoutes(routes, fetchPicture);
  const eventLoop = new EventLoopDelay();
  addOperationRoutes(routes, { refusals, eventLoop });
  addDocsRoutes(routes, keys.length > 0);
  routes.refuseOtherMethods(settings.cors.length > 0);

  app.addHook("onReady", () => {
    service.warmUp().catch((error: unknown) => app.log.error({ err: error }, "the first model cannot be warmed up"));
  });
  app.addHook("onClose", () => eventLoop.stop());
  // Before the server waits for its open requests.
  app.addHook("preClose", () => service.stop(false));
  return service;
}

type Settings = ReturnType<typeof readConfig>;

/** The operator's models. What clients send is never taken for a path. */
function configured(settings: Settings): ModelSource<Engine>[] {
  const { limits, queue } = settings;
  const own: LoadOptions = { maxPixels: limits.inputPixels, concurrency: queue.running };
  return settings.models.map(({ name, aliases, load, processes }) => ({
    name,
    aliases,
    load: (signal) => startEngine({ ...own, ...(load as LoadOptions), images: "bytes" }, processes, signal),
  }));
}

/** @throws OptionError for a LoRA that is not there, before a client asks for it */
function checkFiles({ loras }: Settings): void {
  for (const [i, [name, file]] of [...loras].entries())
    if (!existsSync(file)) throw new OptionError(`loras[${i}].file`, `there is no file ${file} for the LoRA "${name}"`);
}

function given(pipeline: Pipeline, { models }: Settings): ModelSource<Engine> {
  const engine = engineOf(pipeline, false);
  const [first] = models;
  return { name: first?.name ?? "mini", aliases: first?.aliases ?? [], load: () => Promise.resolve(engine) };
}

/** JSON and forms, and nothing else. */
function readBodies(app: FastifyInstance, bodyLimit: number): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    "application/json",
    { parseAs: "string", bodyLimit },
    // Fields are read by their names in schemas alone, so that __proto__ is an unknown one like others.
    (_request: FastifyRequest, body: string) => Promise.resolve(body).then(parseJson),
  );
  app.addContentTypeParser(
    /^multipart\/form-data/,
    { parseAs: "buffer", bodyLimit },
    (request: FastifyRequest, body: Buffer) => readForm(body, request.headers["content-type"] ?? ""),
  );
}

/** Every error has one shape. What the server did wrong is in the log alone. */
function answerErrors(app: FastifyInstance, refusals: Refusals): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const problem = asProblem(error);
    if (problem.status === 429 || problem.status === 503 || problem.status === 401 || problem.status === 403)
      refusals.add(problem.code);
    // The rest is a limit, or has been told to the log where it happened.
    if (problem.status === 500) request.log.error({ err: error }, "request failed");
    return sendProblem(reply, problem);
  });
}
