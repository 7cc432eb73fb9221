/** The OpenAPI document as a plain page: no script, nothing of other servers. */
import type { RouteDoc } from "../http/route";
import { type JsonSchema, jsonSchema } from "./schema";

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
code{background:#f3f3f3;padding:.1em .3em}table{border-collapse:collapse;width:100%}
td,th{border-bottom:1px solid #ddd;text-align:left;vertical-align:top;padding:.3em .6em}summary{cursor:pointer}`;

const escape = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

export function docsPage(routes: readonly RouteDoc[], prefix: string): string {
  const parts = routes.map((route) => routePart(route, prefix)).join("\n");
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>node-ip-adapter</title><style>${STYLE}</style>
<h1>node-ip-adapter</h1>
<p>The same as data: <a href="${prefix}/openapi.json">openapi.json</a>. Errors are <code>{"error": {"message", "type", "param", "code"}}</code>.</p>
${parts}</html>\n`;
}

function routePart({ method, url, summary, body, answers }: RouteDoc, prefix: string): string {
  const answered = answers.map(({ status, description }) => `${status} ${escape(description)}`).join("; ");
  const schema = body === undefined ? undefined : jsonSchema(body);
  return `<h2><code>${method} ${escape(prefix + url.replace(/:(\w+)/g, "{$1}"))}</code></h2>
<p>${escape(summary)}. Answers: ${answered}.</p>${schema === undefined ? "" : table(schema)}`;
}

function table(schema: JsonSchema): string {
  const rows = Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>).map(([name, member]) => {
    const inner = (member.anyOf as JsonSchema[] | undefined)?.find(({ type }) => type === "object") ?? member;
    const more =
      inner.type === "object" && inner.properties !== undefined
        ? `<details><summary>its members</summary>${table(inner)}</details>`
        : "";
    const values = Array.isArray(member.enum) ? ` (${member.enum.join(", ")})` : "";
    const what = typeof member.description === "string" ? member.description : "";
    return `<tr><td><code>${escape(name)}</code><td>${escape(what + values)}${more}`;
  });
  return `<table><tr><th>name<th>what it is${rows.join("")}</table>`;
}
