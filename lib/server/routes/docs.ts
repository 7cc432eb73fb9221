/** The OpenAPI document and its page. They say nothing of this server but its routes, so they are open. */
import { type Routes, inJson } from "../http/route";
import { openApiDocument } from "../openapi/document";
import { docsPage } from "../openapi/page";

const DOCUMENT = { type: "object", required: ["openapi", "info", "paths", "components"] };

export function addDocsRoutes(routes: Routes, keyed: boolean): void {
  routes.add({
    name: "getOpenApi",
    method: "GET",
    url: "/openapi.json",
    tag: "Operations",
    summary: "This interface as an OpenAPI document",
    open: true,
    answers: [{ status: 200, description: "OpenAPI 3.1", content: inJson(DOCUMENT) }],
    handler: (_request, reply) => {
      const { docs, prefix, service } = routes;
      const { limits, loras } = service.settings;
      // The document is open: with keys, names are for those who have one.
      const names = keyed && loras.size > 0 ? undefined : { loras: [...loras.keys()] };
      return reply.send(openApiDocument({ routes: docs, prefix, keyed, limits, names }));
    },
  });
  routes.add({
    name: "getDocs",
    method: "GET",
    url: "/docs",
    tag: "Operations",
    summary: "This interface as a page",
    open: true,
    answers: [{ status: 200, description: "HTML", content: { "text/html": { type: "string" } } }],
    handler: (_request, reply) =>
      reply
        .header("content-type", "text/html; charset=utf-8")
        .header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
        .header("x-content-type-options", "nosniff")
        .send(docsPage(routes.docs, routes.prefix)),
  });
}
