/** Routes for those who run the server. */
import { type Meters, metricsText } from "../http/metrics";
import { type Routes, inJson } from "../http/route";
import { type JsonSchema, objectSchema } from "../openapi/schema";

const status = (...names: string[]): JsonSchema => objectSchema({ status: { type: "string", enum: names } });

/** Why requests are not welcome. */
const reasonOf = ({ healthy, jobs }: Routes["service"]): string =>
  !healthy ? "lost" : jobs.draining ? "stopping" : "starting";

export function addOperationRoutes(routes: Routes, meters: Meters): void {
  const { service } = routes;
  routes.add({
    name: "getHealth",
    method: "GET",
    url: "/healthz",
    tag: "Operations",
    summary: "Whether the process lives, and can do its work",
    open: true,
    answers: [
      { status: 200, description: "it does", content: inJson(status("ok")) },
      { status: 503, description: "it lost its GPU: start it anew", content: inJson(status("lost")) },
    ],
    handler: (_request, reply) =>
      reply.code(service.healthy ? 200 : 503).send({ status: service.healthy ? "ok" : "lost" }),
  });
  routes.add({
    name: "getReadiness",
    method: "GET",
    url: "/readyz",
    tag: "Operations",
    summary: "Whether requests are welcome: after the warm-up, until the server stops",
    open: true,
    answers: [
      { status: 200, description: "they are", content: inJson(status("ready")) },
      { status: 503, description: "they are not", content: inJson(status("starting", "stopping", "lost")) },
    ],
    handler: (_request, reply) => {
      const { ready } = service;
      return reply.code(ready ? 200 : 503).send({ status: ready ? "ready" : reasonOf(service) });
    },
  });
  routes.add({
    name: "getMetrics",
    method: "GET",
    url: "/metrics",
    tag: "Operations",
    summary: "Metrics for Prometheus",
    answers: [{ status: 200, description: "text", content: { "text/plain": { type: "string" } } }],
    handler: (_request, reply) =>
      reply.header("content-type", "text/plain; version=0.0.4; charset=utf-8").send(metricsText(service, meters)),
  });
}
