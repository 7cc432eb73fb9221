/** What the OpenAPI document says is what the server does: real answers against the published schemas, by a validator of others. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { JobOptionsSchema } from "../lib/server/pictures/json-options";
import { ROOT } from "./support/load";
import { contractOf } from "./support/openapi";
import { type TestServer, start } from "./support/server";

const apple = readFileSync(join(ROOT, "examples/images/red-apple.png"));
const image = `data:image/png;base64,${apple.toString("base64")}`;
const SHORT = { prompt: "a cat", num_inference_steps: 2, seed: 1 };
const LONG = { prompt: "a cat", steps: 100, seed: 1 };

const form = (parts: Record<string, string | Blob>): FormData => {
  const body = new FormData();
  for (const [name, value] of Object.entries(parts)) body.append(name, value);
  return body;
};

describe("answers are as the document says", () => {
  let server: TestServer, contract: Awaited<ReturnType<typeof contractOf>>;
  beforeAll(async () => {
    server = await start({
      limits: { images: 2, bodyBytes: 100_000 },
      queue: { running: 1, waiting: 0 },
    });
    contract = await contractOf(server);
  });
  afterAll(() => server.close());
  const statusOf = async (...call: Parameters<typeof contract.ask>): Promise<number> =>
    (await contract.ask(...call)).status;

  test("jobs", async () => {
    const { ask } = contract;
    const body = { id: "mine", options: { prompt: "a cat", steps: 4, seed: 1, preview: { every: 2 } }, format: "webp" };
    expect(await statusOf("POST", "/v1/jobs", body)).toBe(202);
    expect(await statusOf("POST", "/v1/jobs", body)).toBe(200);
    expect(await statusOf("POST", "/v1/jobs", { ...body, format: "png" })).toBe(409);
    const { bytes } = await ask("GET", "/v1/jobs/mine/events");
    expect(bytes.toString()).toMatch(/^event: preview$/m);
    expect((await ask("GET", "/v1/jobs/mine")).json.state).toBe("succeeded");
    expect((await ask("GET", "/v1/jobs/mine/images/0")).headers.get("content-type")).toBe("image/webp");
    expect((await ask("POST", "/v1/jobs/mine/cancel")).json.cancelled).toBe(false);
    for (const path of ["/v1/jobs/none", "/v1/jobs/none/events", "/v1/jobs/mine/images/1", "/v1/jobs/mine/images/x"])
      expect(await statusOf("GET", path)).toBe(404);
    // An escape that is none.
    for (const path of ["/v1/jobs/%zz", "/v1/models/%zz"]) expect(await statusOf("GET", path)).toBe(400);
    expect(await statusOf("GET", `/v1/jobs/${"x".repeat(300)}`)).toBe(404);
  });

  test("OpenAI's routes", async () => {
    const { ask } = contract;
    expect((await ask("POST", "/v1/images/generations", SHORT)).json.data).toHaveLength(1);
    const stream = { stream: true, partial_images: 1 };
    const text = async (path: string, body: object): Promise<string> =>
      (await ask("POST", path, body)).bytes.toString();
    expect(await text("/v1/images/generations", { ...SHORT, ...stream })).toMatch(/partial_image[^]*completed/);
    expect(await text("/v1/images/edits", { ...SHORT, image, ...stream })).toMatch(/partial_image[^]*completed/);
    expect(
      await statusOf("POST", "/v1/images/edits", form({ prompt: "a cat", image: new Blob([apple]), n: "2" })),
    ).toBe(200);
    expect(await statusOf("POST", "/v1/images/variations", form({ image: new Blob([apple]) }))).toBe(200);
    expect(await statusOf("POST", "/v1/images/variations", { image: { image_url: image } })).toBe(200);
    expect(await statusOf("GET", "/v1/models")).toBe(200);
    expect(await statusOf("GET", "/v1/models/mini")).toBe(200);
  });

  test("errors", async () => {
    for (const [path, body] of [
      ["/v1/jobs", { options: { steps: 0 } }],
      ["/v1/images/generations", { prompt: "a cat", n: 3 }],
      ["/v1/images/edits", { prompt: "a cat" }],
      ["/v1/images/variations", form({ image: "none" })],
    ] as const) {
      expect(await statusOf("POST", path, body)).toBe(400);
      expect(await statusOf("POST", path, { prompt: "x".repeat(200_000) })).toBe(413);
      expect(await statusOf("POST", path, {}, { "content-type": "text/plain" })).toBe(415);
    }
    expect(await statusOf("POST", "/v1/jobs", { id: "long", options: LONG })).toBe(202);
    expect(await statusOf("POST", "/v1/jobs", { options: LONG })).toBe(429);
    expect(await statusOf("POST", "/v1/images/generations", SHORT)).toBe(429);
    expect(await statusOf("POST", "/v1/jobs/long/cancel")).toBe(200);
    for (const path of ["/v1/models", "/v1/jobs/mine"])
      expect(await statusOf("GET", path, undefined, { origin: "https://evil.example" })).toBe(403);
  });

  test("health, metrics and the document itself; then every route was asked, and answered well", async () => {
    for (const path of ["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"])
      expect(await statusOf("GET", path)).toBe(200);
    const { seen, documented } = contract;
    const missed = documented.filter((one) => / 20\d$/.test(one) && !seen.has(one));
    expect(missed).toEqual([]);
  });
});

test("a picture that is refused, and a hook that fails", async () => {
  const moderate = ({ prompt }: { prompt: string }): boolean => {
    if (prompt === "down") throw new Error("the hook is down");
    return prompt !== "forbidden";
  };
  const server = await start({ moderate });
  const { ask } = await contractOf(server);
  for (const [prompt, status] of [
    ["forbidden", 400],
    ["down", 500],
  ] as const) {
    expect((await ask("POST", "/v1/images/generations", { ...SHORT, prompt })).status).toBe(status);
    const { bytes } = await ask("POST", "/v1/images/edits", { ...SHORT, prompt, image, stream: true });
    expect(bytes.toString()).toMatch(/^event: error$/m);
  }
  await server.close();
});

test("with keys, and a model that is not there", async () => {
  const key = "ann-0123456789abcdef";
  const server = await start({
    keys: [{ name: "ann", key }],
    warmUp: true,
    models: [{ name: "none", load: { model: "/no/such/model" } }],
  });
  const { ask } = await contractOf(server);
  const headers = { authorization: `Bearer ${key}` };
  expect((await ask("GET", "/v1/models")).status).toBe(401);
  expect((await ask("GET", "/readyz")).status).toBe(503);
  expect((await ask("GET", "/v1/models/other", undefined, headers)).status).toBe(404);
  expect((await ask("POST", "/v1/images/generations", { ...SHORT, model: "other" }, headers)).status).toBe(404);
  expect((await ask("POST", "/v1/images/generations", SHORT, headers)).status).toBe(503);
  await server.close();
});

test("who waits when the server stops may try again elsewhere", async () => {
  const server = await start({ drainSeconds: 0 });
  const { ask } = await contractOf(server);
  const answer = ask("POST", "/v1/images/generations", { ...SHORT, num_inference_steps: 150 });
  while (!(await server.call("/metrics")).bytes.includes("jobs_running 1")) await new Promise(setImmediate);
  await server.close();
  const { status, json, headers } = await answer;
  expect([status, json.error.code, headers.get("retry-after")]).toEqual([503, "stopping", "5"]);
});

test("the document carries the operator's limits, and no option that a file could be read by", async () => {
  const server = await start({ limits: { images: 3, steps: 20, priority: 5 } });
  const { paths } = (await server.call("/openapi.json")).json;
  const schemaOf = (path: string): any => paths[path].post.requestBody.content["application/json"].schema.properties; // eslint-disable-line @typescript-eslint/no-explicit-any
  const { options, id } = schemaOf("/v1/jobs");
  const { count, steps, timesteps, priority } = options.properties;
  expect([count.maximum, steps.maximum, steps.default, timesteps.maxItems, priority.maximum]).toEqual([
    3, 20, 20, 20, 5,
  ]);
  const { n, num_inference_steps } = schemaOf("/v1/images/generations");
  expect([n.maximum, num_inference_steps.maximum]).toEqual([3, 20]);
  expect(new RegExp(id.pattern as string).test("../x")).toBe(false);
  expect(JSON.stringify(JobOptionsSchema)).not.toContain('"path"');
  expect(options.properties.loras).toMatchObject({ type: "array", maxItems: 0 });
  // What quality stands for keeps to the limit.
  const { status } = await server.call("/v1/images/generations", { prompt: "a cat", quality: "max" });
  expect(status).toBe(200);
  await server.close();
});

test("the document has the names of the server's LoRAs, but where keys are needed, as it is open", async () => {
  const file = join(ROOT, "models/mini-custom/pytorch_lora_weights.safetensors");
  const itemsFor = async (more: object): Promise<unknown> => {
    const server = await start({ loras: [{ name: "sticker", file }], ...more });
    const { paths } = (await server.call("/openapi.json")).json;
    await server.close();
    return paths["/v1/jobs"].post.requestBody.content["application/json"].schema.properties.options.properties.loras
      .items;
  };
  const open = await itemsFor({});
  expect(JSON.stringify(open).match(/"enum":\["sticker"\]/g)).toHaveLength(2); // by itself, and with a weight
  expect(JSON.stringify(await itemsFor({ keys: ["0123456789abcdef"] }))).not.toContain("sticker");
});
