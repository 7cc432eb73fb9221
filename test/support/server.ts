/** A server of the shipped model on a free port of this machine. */
import { type ServeOptions, type Server, serve } from "../../lib/server/index";

export interface Answer {
  status: number;
  headers: Headers;
  /** what JSON says; otherwise undefined */
  json: any; // eslint-disable-line @typescript-eslint/no-explicit-any
  bytes: Buffer;
}

export interface TestServer extends Server {
  call: (path: string, body?: object, headers?: Record<string, string>) => Promise<Answer>;
  /** until /readyz says yes */
  ready: () => Promise<void>;
}

export async function start(options: ServeOptions = {}): Promise<TestServer> {
  const server = await serve({ port: 0, log: false, warmUp: false, ...options });
  const call = async (path: string, body?: object, headers: Record<string, string> = {}): Promise<Answer> => {
    const form = body instanceof FormData;
    const response = await fetch(server.url + path, {
      method: body === undefined ? "GET" : "POST",
      headers: { ...(body !== undefined && !form && { "content-type": "application/json" }), ...headers },
      body: body === undefined ? null : form ? body : JSON.stringify(body),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const isJson = /^application\/json/.test(response.headers.get("content-type") ?? "");
    return {
      status: response.status,
      headers: response.headers,
      bytes,
      json: isJson ? JSON.parse(bytes.toString()) : undefined,
    };
  };
  const ready = async (): Promise<void> => {
    while ((await call("/readyz")).status !== 200) await new Promise(setImmediate);
  };
  return { ...server, call, ready };
}

/** Server-sent events of an answer, until it ends. */
export async function events(response: Response): Promise<{ event: string; data: Answer["json"] }[]> {
  const text = await response.text();
  return text
    .split("\n\n")
    .map((block) => /^event: (.*)\ndata: (.*)$/.exec(block))
    .filter((found) => found !== null)
    .map(([, event = "", data = ""]) => ({ event, data: JSON.parse(data) }));
}

/** A job's end. */
export async function ended(
  server: TestServer,
  id: string,
  headers: Record<string, string> = {},
): Promise<Answer["json"]> {
  await fetch(`${server.url}/v1/jobs/${id}/events`, { headers }).then((response) => response.text());
  return (await server.call(`/v1/jobs/${id}`, undefined, headers)).json;
}
