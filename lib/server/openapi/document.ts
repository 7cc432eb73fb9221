/** The OpenAPI document, made of the routes: of the schemas that check their bodies, and of those of their answers. */
import { packageVersion } from "../../package-root";
import type { Answer, PathParams, RouteDoc } from "../http/route";
import { errorReferences, errorResponses } from "./errors";
import { type JsonSchema, type SchemaUse, bodySchema } from "./schema";

export interface DocumentParts {
  routes: readonly RouteDoc[];
  /** of the plugin */
  prefix: string;
  /** whether keys are needed */
  keyed: boolean;
  /** the operator's limits of a request */
  limits: SchemaUse["limits"];
  /** what requests may name */
  names: SchemaUse["names"];
}

export function openApiDocument({ routes, prefix, keyed, limits, names }: DocumentParts): JsonSchema {
  const paths: Record<string, JsonSchema> = {};
  for (const route of routes) {
    const url = `${prefix}${route.url.replace(/:(\w+)/g, "{$1}")}`;
    paths[url] = { ...paths[url], [route.method.toLowerCase()]: operation(route, keyed, { limits, names }) };
  }
  const schemas: Record<string, JsonSchema> = {};
  const named = (part: JsonSchema): JsonSchema => withReferences(part, schemas) as JsonSchema;
  return {
    openapi: "3.1.0",
    info: {
      title: "node-ip-adapter",
      version: packageVersion(),
      description:
        "Image prompts for Stable Diffusion. Options of jobs have the names of the API; the routes of OpenAI have OpenAI's.",
    },
    paths: named(paths),
    components: {
      responses: named(errorResponses()),
      schemas,
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        basic: { type: "http", scheme: "basic", description: "the key is the password; any name will do" },
        key: { type: "apiKey", in: "header", name: "X-API-Key" },
      },
    },
  };
}

function operation(route: RouteDoc, keyed: boolean, use: SchemaUse): JsonSchema {
  const { name, summary, tag, params, body, answers, open } = route;
  return {
    operationId: name,
    summary,
    tags: [tag],
    ...(params !== undefined && { parameters: parameters(params) }),
    ...(body !== undefined && { requestBody: { required: true, content: contentOf(body, use) } }),
    responses: {
      ...errorReferences(route, keyed),
      ...Object.fromEntries(answers.map((answer) => [String(answer.status), response(answer)])),
    },
    security: open === true || !keyed ? [] : [{ bearer: [] }, { key: [] }, { basic: [] }],
  };
}

function parameters(params: PathParams): JsonSchema[] {
  return Object.entries(params).map(([name, schema]) => ({ name, in: "path", required: true, schema }));
}

function contentOf(body: NonNullable<RouteDoc["body"]>, use: SchemaUse): JsonSchema {
  return {
    "application/json": { schema: bodySchema(body, use) },
    ...(body["x-form"] === true && { "multipart/form-data": { schema: bodySchema(body, { ...use, form: true }) } }),
  };
}

function response({ description, content, headers, links }: Answer): JsonSchema {
  return {
    description,
    ...(headers !== undefined && { headers: mapped(headers, (schema) => ({ required: true, schema })) }),
    content: mapped(content, (schema) => ({ schema })),
    ...(links !== undefined && { links: mapped(links, (parameters, operationId) => ({ operationId, parameters })) }),
  };
}

function mapped<T>(record: Readonly<Record<string, T>>, make: (value: T, name: string) => JsonSchema): JsonSchema {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, make(value, name)]));
}

/** A copy in which objects with a title are references to components. @param schemas where these go */
function withReferences(value: unknown, schemas: Record<string, JsonSchema>): unknown {
  if (Array.isArray(value)) return value.map((entry) => withReferences(entry, schemas));
  if (typeof value !== "object" || value === null) return value;
  const copy: JsonSchema = Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, withReferences(member, schemas)]),
  );
  if (copy.type !== "object" || typeof copy.title !== "string") return copy;
  schemas[copy.title] = copy;
  return { $ref: `#/components/schemas/${copy.title}` };
}
