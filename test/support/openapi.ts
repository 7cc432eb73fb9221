/** Answers of a server against what its OpenAPI document says of them. */
import Ajv2020, { type ValidateFunction } from "ajv/dist/2020";
import addFormats from "ajv-formats";

import { type Answer, type TestServer, events } from "./server";

type Json = any; // eslint-disable-line @typescript-eslint/no-explicit-any

export interface Contract {
  /** asks and checks. @returns the answer, and which of the document's it was */
  ask: (method: "GET" | "POST", path: string, body?: object, headers?: Record<string, string>) => Promise<Answer>;
  /** answers that were seen, as "POST /v1/jobs 202" */
  seen: Set<string>;
  /** all answers that the document has */
  documented: string[];
}

/** @throws Error for an answer that is not as the document says */
export async function contractOf(server: TestServer): Promise<Contract> {
  const document: Json = (await server.call("/openapi.json")).json;
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats(ajv);
  ajv.addSchema({ ...document, $id: "document" });
  const operations = Object.entries<Json>(document.paths).flatMap(([template, methods]) =>
    Object.keys(methods).map((method) => ({ template, method: method.toUpperCase() })),
  );
  const documented = operations.flatMap(({ template, method }) =>
    Object.keys(document.paths[template][method.toLowerCase()].responses).map((s) => `${method} ${template} ${s}`),
  );
  const seen = new Set<string>();
  const ask: Contract["ask"] = async (method, path, body, headers = {}) => {
    const response = await send(server.url + path, { method, body, headers });
    const { template = "" } =
      operations.find((one) => one.method === method && patternOf(one.template).test(path)) ?? {};
    const at = `${method} ${template} ${response.status}`;
    if (!documented.includes(at)) throw new Error(`${at} is not in the document`);
    const parts = ["paths", template, method.toLowerCase(), "responses", String(response.status)];
    await conforms({ document, ajv, parts }, response.clone(), at);
    seen.add(at);
    return answerOf(response);
  };
  return { ask, seen, documented };
}

const memberOf = (value: unknown, path: string[]): Json =>
  path.reduce<unknown>((inner, part) => (inner as Record<string, unknown>)[part], value);
const patternOf = (template: string): RegExp => new RegExp(`^${template.replace(/\{\w+\}/g, "[^/]+")}$`);

function send(
  url: string,
  { method, body, headers }: { method: string; body: object | undefined; headers: Record<string, string> },
): Promise<Response> {
  const form = body instanceof FormData;
  return fetch(url, {
    method,
    headers: { ...(body !== undefined && !form && { "content-type": "application/json" }), ...headers },
    body: body === undefined ? null : form ? body : JSON.stringify(body),
  });
}

interface Place {
  document: Json;
  ajv: Ajv2020;
  /** path of the answer in the document */
  parts: string[];
}

async function conforms({ document, ajv, parts }: Place, response: Response, at: string): Promise<void> {
  let place = parts;
  let answer: Json = memberOf(document, parts);
  if (typeof answer.$ref === "string") {
    place = (answer.$ref as string).slice(2).split("/");
    answer = memberOf(document, place);
  }
  for (const [name, { required, schema }] of Object.entries<Json>(answer.headers ?? {})) {
    const value = response.headers.get(name);
    if (value === null && required === true) throw new Error(`${at} has no header ${name}`);
    if (value !== null) expectValid(ajv.compile(schema as object), value, `${at}, ${name}`);
  }
  const type = (response.headers.get("content-type") ?? "").split(";")[0]!;
  if (!(type in answer.content)) throw new Error(`${at}: ${type} is not in the document`);
  const pointer = [...place, "content", type, "schema"].map((part) =>
    part.replaceAll("/", "~1").replaceAll("{", "%7B").replaceAll("}", "%7D"),
  );
  const validate = ajv.getSchema(`document#/${pointer.join("/")}`)!;
  if (type === "application/json") expectValid(validate, await response.json(), at);
  if (type === "text/event-stream") await conformingEvents(answer.content[type].schema.anyOf, ajv, response, at);
}

/** Each event has one of the names, and the data of that name. */
async function conformingEvents(kinds: Json[], ajv: Ajv2020, response: Response, at: string): Promise<void> {
  for (const { event, data } of await events(response)) {
    const kind = kinds.find(({ properties }) => (properties.event.enum as string[]).includes(event));
    if (kind === undefined) throw new Error(`${at}: an event ${event} is not in the document`);
    const reference = kind.properties.data.contentSchema;
    const schema = typeof reference.$ref === "string" ? { $ref: `document${reference.$ref}` } : absolute(reference);
    expectValid(ajv.compile(schema as object), data, `${at}, event ${event}`);
  }
}

/** References of a part of the document, told from outside of it. */
function absolute(schema: Json): Json {
  return JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#', '"$ref":"document#'));
}

function expectValid(validate: ValidateFunction, value: unknown, at: string): void {
  if (!validate(value))
    throw new Error(`${at}: ${JSON.stringify(validate.errors)}\n${JSON.stringify(value).slice(0, 500)}`);
}

async function answerOf(response: Response): Promise<Answer> {
  const bytes = Buffer.from(await response.arrayBuffer());
  const isJson = /^application\/json/.test(response.headers.get("content-type") ?? "");
  const json: Json = isJson ? JSON.parse(bytes.toString()) : undefined;
  return { status: response.status, headers: response.headers, bytes, json };
}
