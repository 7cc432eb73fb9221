/** The OpenAPI document, made of the routes and of the schemas that check their bodies. */
import { packageVersion } from "../../package-root";
import type { Answer, RouteDoc } from "../http/route";
import { type JsonSchema, jsonSchema } from "./schema";

const ERROR = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["message", "type", "param", "code"],
      properties: {
        message: { type: "string" },
        type: { type: "string" },
        param: { type: ["string", "null"] },
        code: { type: "string" },
      },
    },
  },
};

/** @param prefix of the plugin @param keyed whether keys are needed */
export function openApiDocument(routes: readonly RouteDoc[], prefix: string, keyed: boolean): JsonSchema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const url = `${prefix}${route.url.replace(/:(\w+)/g, "{$1}")}`;
    paths[url] = { ...paths[url], [route.method.toLowerCase()]: operation(route, keyed) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "node-ip-adapter",
      version: packageVersion(),
      description:
        "Image prompts for Stable Diffusion. Options of jobs have the names of the API; the routes of OpenAI have OpenAI's.",
    },
    paths,
    components: {
      schemas: { Error: ERROR },
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        key: { type: "apiKey", in: "header", name: "X-API-Key" },
      },
    },
  };
}

function operation({ summary, tag, url, body, answers, open }: RouteDoc, keyed: boolean): JsonSchema {
  const parameters = [...url.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const error = {
    description: "what went wrong",
    content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
  };
  return {
    summary,
    tags: [tag],
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && { requestBody: { required: true, content: contentOf(body) } }),
    responses: { ...Object.fromEntries(answers.map(response)), default: error },
    security: open === true || !keyed ? [] : [{ bearer: [] }, { key: [] }],
  };
}

function contentOf(body: NonNullable<RouteDoc["body"]>): JsonSchema {
  const schema = jsonSchema(body, body["x-unknown"] === "ignored");
  return { "application/json": { schema }, ...(body["x-form"] === true && { "multipart/form-data": { schema } }) };
}

function response({ status, description, types = ["application/json"] }: Answer): [string, JsonSchema] {
  return [String(status), { description, content: Object.fromEntries(types.map((type) => [type, {}])) }];
}
