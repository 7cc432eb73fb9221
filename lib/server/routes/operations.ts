/** Routes for those who run the server. */
import { type Meters, metricsText } from "../http/metrics";
import type { Routes } from "../http/route";

export function addOperationRoutes(routes: Routes, meters: Meters): void {
  const { service } = routes;
  routes.add({
    method: "GET",
    url: "/healthz",
    tag: "Operations",
    summary: "Whether the process lives",
    open: true,
    answers: [{ status: 200, description: "it does" }],
    handler: () => Promise.resolve({ status: "ok" }),
  });
  routes.add({
    method: "GET",
    url: "/readyz",
    tag: "Operations",
    summary: "Whether requests are welcome: after the warm-up, until the server stops",
    open: true,
    answers: [
      { status: 200, description: "they are" },
      { status: 503, description: "they are not" },
    ],
    handler: (_request, reply) => {
      const { ready } = service;
      return reply
        .code(ready ? 200 : 503)
        .send({ status: ready ? "ready" : service.jobs.draining ? "stopping" : "starting" });
    },
  });
  routes.add({
    method: "GET",
    url: "/metrics",
    tag: "Operations",
    summary: "Metrics for Prometheus",
    answers: [{ status: 200, description: "text", types: ["text/plain"] }],
    handler: (_request, reply) =>
      reply.header("content-type", "text/plain; version=0.0.4; charset=utf-8").send(metricsText(service, meters)),
  });
}
