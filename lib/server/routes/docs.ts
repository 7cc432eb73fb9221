/** The OpenAPI document and its page. They say nothing of this server but its routes, so they are open. */
import type { Routes } from "../http/route";
import { openApiDocument } from "../openapi/document";
import { docsPage } from "../openapi/page";

export function addDocsRoutes(routes: Routes, keyed: boolean): void {
  routes.add({
    method: "GET",
    url: "/openapi.json",
    tag: "Operations",
    summary: "This interface as an OpenAPI document",
    open: true,
    answers: [{ status: 200, description: "OpenAPI 3.1" }],
    handler: (_request, reply) => reply.send(openApiDocument(routes.docs, routes.prefix, keyed)),
  });
  routes.add({
    method: "GET",
    url: "/docs",
    tag: "Operations",
    summary: "This interface as a page",
    open: true,
    answers: [{ status: 200, description: "HTML", types: ["text/html"] }],
    handler: (_request, reply) =>
      reply
        .header("content-type", "text/html; charset=utf-8")
        .header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
        .header("x-content-type-options", "nosniff")
        .send(docsPage(routes.docs, routes.prefix)),
  });
}
