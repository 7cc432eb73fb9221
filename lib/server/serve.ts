/** A server of its own, as the command line starts it. */
import { isIP } from "node:net";

import type { FastifyReply, FastifyRequest } from "fastify";

import { InstallError, OptionError, messageOf } from "../errors";
import { loadPackage } from "../load-failure";
import { requirePackage } from "../require-package";
import { answerBadRequest } from "./http/bad-request";
import { type ImageRoutesOptions, addImageRoutes } from "./plugin";
import { answerUnknown, noRoute } from "./http/not-found";
import { sendProblem } from "./http/send-problem";
import { asProblem } from "./problem";
import type { ImageService } from "./service";

export interface ServeOptions extends Omit<ImageRoutesOptions, "trusted" | "prefix"> {
  /** default 127.0.0.1; another one needs keys */
  host?: string | undefined;
  /** default 8000; 0: any that is free */
  port?: number | undefined;
  /** lines of JSON about requests and jobs, without prompts, on standard output. Default true */
  log?: boolean | undefined;
}

export interface Server {
  /** such as http://127.0.0.1:8000 */
  url: string;
  /** resolves when the first model is warm or the server stops, and rejects where the model cannot be loaded */
  warm: Promise<void>;
  /** refuses new jobs, lets those that were accepted end within `drainSeconds` and be fetched within `collectSeconds`, and closes */
  close: () => Promise<void>;
}

type FastifyModule = typeof import("fastify");

/** Milliseconds for a request to come in whole, and for answers to go out when the server stops. */
const PATIENCE = { request: 120_000, closing: 2000 };

/** @throws InstallError ERR_IPA_FASTIFY_MISSING */
function loadFastify(): FastifyModule {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const load = (): FastifyModule => require("fastify") as FastifyModule;
  return loadPackage(
    "fastify, which the server runs on,",
    () => requirePackage("fastify", load),
    (cause) =>
      new InstallError(
        "ERR_IPA_FASTIFY_MISSING",
        `fastify, which the server runs on, cannot be loaded: ${messageOf(cause)}: npm install fastify@5`,
        { cause },
      ),
  );
}

/**
 * Starts a server. It answers as soon as this resolves, and /readyz says when the first model is warm.
 * @throws OptionError, InstallError; what listening fails with
 */
export async function serve(options: ServeOptions = {}): Promise<Server> {
  const { host = "127.0.0.1", port = 8000, log = true, ...routes } = options;
  if ((routes.keys ?? []).length === 0 && !isLoopback(host))
    throw new OptionError(
      "host",
      `without keys the server listens on 127.0.0.1 alone, not on ${host}: give --api-key-file`,
    );
  const app = loadFastify().fastify({
    logger: log && { level: "info", redact: ["req.headers"] },
    requestTimeout: PATIENCE.request,
    bodyLimit: 1024,
    forceCloseConnections: "idle",
    routerOptions: { maxParamLength: 200 },
    frameworkErrors: badAddress,
    clientErrorHandler: answerBadRequest,
  });
  answerUnknown(app);
  let service: ImageService | undefined;
  await app.register(async (child) => {
    service = addImageRoutes(child, routes);
    await Promise.resolve();
  });
  const url = await app.listen({ host, port });
  const close = async (): Promise<void> => {
    // Clients can still ask for their jobs while these end.
    await service?.stop(true);
    // Answers that are on their way may arrive; connections that say nothing do not hold up the end.
    const patience = setTimeout(() => app.server.closeAllConnections(), PATIENCE.closing);
    await app.close();
    clearTimeout(patience);
  };
  return { url, warm: service?.warmUp() ?? Promise.resolve(), close };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** What the router itself refuses: an address with a broken escape, or with a part that is longer than any name. */
function badAddress(error: Error & { code?: string }, request: FastifyRequest, reply: FastifyReply): void {
  void sendProblem(reply, error.code === "FST_ERR_MAX_PARAM_LENGTH" ? noRoute(request) : asProblem(error));
}
