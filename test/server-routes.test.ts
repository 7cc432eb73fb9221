/** The server's own routes over HTTP, with the shipped model. */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";

import Fastify from "fastify";
import sharp from "sharp";

import { GeneratedImage, Pipeline } from "../lib/index";
import { imageRoutes } from "../lib/server/index";
import { ROOT } from "./support/load";
import { type TestServer, ended, events, start } from "./support/server";

const apple = readFileSync(join(ROOT, "examples/images/red-apple.png")).toString("base64");
const LONG = { prompt: "a cat", steps: 100, seed: 1 };
const SHORT = { prompt: "a cat", steps: 2, seed: 7 };

let server: TestServer;
beforeAll(async () => {
  server = await start({ limits: { pixels: 256 * 256, images: 4 }, queue: { running: 2, waiting: 2 } });
});
afterAll(() => server.close());

test("a job from its creation to its pictures, which have the bits of the API's", async () => {
  const { status, json, headers } = await server.call("/v1/jobs", {
    options: { ...SHORT, imagePrompts: [`data:image/png;base64,${apple}`], count: 2 },
  });
  expect([status, json.state === "queued" || json.state === "running"]).toEqual([202, true]);
  expect(headers.get("location")).toBe(`/v1/jobs/${json.id}`);
  const job = await ended(server, json.id);
  expect(job).toMatchObject({ state: "succeeded", model: "mini", error: null, images: [{ seed: 7 }, { seed: 8 }] });
  await using pipeline = await Pipeline.load();
  const { images } = await pipeline.generate({ ...SHORT, imagePrompts: [Buffer.from(apple, "base64")], count: 2 });
  for (const [i, image] of images.entries()) {
    const fetched = await server.call(job.images[i].url);
    expect(fetched.headers.get("content-type")).toBe("image/png");
    expect((await sharp(fetched.bytes).raw().toBuffer()).equals(image.data)).toBe(true);
  }
  expect((await server.call(`/v1/jobs/${json.id}/images/2`)).json.error.code).toBe("image_not_found");
});

test("jobs ask for LoRAs of the operator's list by name, and for no file", async () => {
  const file = join(ROOT, "models/mini-custom/pytorch_lora_weights.safetensors");
  const adapter = join(ROOT, "models/mini/ip-adapter.safetensors");
  const loras = [
    { name: "sticker", file },
    { name: "wrong", file: adapter },
  ];
  const own = await start({ loras });
  try {
    const loras = [{ file: "sticker", weight: 0.8 }];
    const { json } = await own.call("/v1/jobs", { options: { ...SHORT, loras } });
    const { images } = await ended(own, json.id);
    const { bytes } = await own.call(images[0].url);
    await using pipeline = await Pipeline.load();
    const [expected] = (await pipeline.generate({ ...SHORT, loras: [{ file, weight: 0.8 }] })).images;
    expect((await sharp(bytes).raw().toBuffer()).equals(expected!.data)).toBe(true);
    // A file of the operator's that will not do is called by its name, not by its place.
    const { json: wrong } = await own.call("/v1/jobs", { options: { ...SHORT, loras: ["wrong"] } });
    const { error } = await ended(own, wrong.id);
    expect(error.message).toContain("ip-adapter.safetensors");
    expect(error.message).not.toContain("models/");
    for (const name of [file, "other"]) {
      const refused = await own.call("/v1/jobs", { options: { ...SHORT, loras: [name] } });
      expect(refused.json.error).toMatchObject({ param: "options.loras[0].file" });
      expect(refused.json.error.message).toMatch(/known are sticker, wrong$/);
    }
  } finally {
    await own.close();
  }
});

const json = { "content-type": "application/json" };
test.each([
  ["lists in lists", "[".repeat(100) + "]".repeat(100), /nested more than 32 deep/],
  ["very many values", `{"x":[${"{},".repeat(400_000)}{}]}`, /more than 500000 values/],
  ["very many quotes", `"${'\\"'.repeat(600_000)}"`, /more than 500000 values/],
  ["blanks without end", `{${" ".repeat(17_000_000)}}`, /too long outside of its strings/],
  ["half a string", '{"options":{"prompt":"a', /no JSON/],
])("a body of %s is refused before it is parsed", async (_name, body, message) => {
  const response = await fetch(`${server.url}/v1/jobs`, { method: "POST", headers: json, body });
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  expect([response.status, error.code]).toEqual([400, "invalid_json"]);
  expect(error.message).toMatch(message);
});

test("a form of very many parts is refused before it is read", async () => {
  const body = `${'--x\r\ncontent-disposition: form-data; name="prompt"\r\n\r\na\r\n'.repeat(300)}--x--\r\n`;
  const headers = { "content-type": "multipart/form-data; boundary=x" };
  const response = await fetch(`${server.url}/v1/images/edits`, { method: "POST", headers, body });
  expect(await response.json()).toMatchObject({ error: { code: "bad_form", message: "a form may have 200 parts" } });
});

test("a request is known by its values, not by their order", async () => {
  const first = await server.call("/v1/jobs", { id: "order", options: { prompt: "a cat", steps: 1, seed: 1 } });
  const second = await server.call("/v1/jobs", { options: { seed: 1, steps: 1, prompt: "a cat" }, id: "order" });
  expect([first.status, second.status]).toEqual([202, 200]);
  await ended(server, "order");
});

test("options that exist elsewhere are refused with what to do here", async () => {
  const { json } = await server.call("/v1/jobs", { options: { ...SHORT, output: "latents" } });
  expect(json.error).toMatchObject({ param: "options.output", code: "ERR_IPA_UNKNOWN_OPTION" });
  expect(json.error.message).toMatch(/jobs have pictures alone/);
  // A name that every object of JavaScript has is an unknown one like others.
  const inherited = await server.call("/v1/jobs", { options: { constructor: 1 } });
  expect(inherited.json.error).toMatchObject({ param: "options.constructor", code: "ERR_IPA_UNKNOWN_OPTION" });
  expect(inherited.json.error.message).toMatch(/not one of the generate options/);
});

test("events: states, every step, previews, and the end", async () => {
  const { json } = await server.call("/v1/jobs", { options: { ...SHORT, steps: 4, preview: { every: 2 } } });
  const response = await fetch(`${server.url}/v1/jobs/${json.id}/events`);
  expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  const seen = await events(response);
  expect(seen.at(-1)).toMatchObject({ event: "state", data: { state: "succeeded" } });
  expect(seen.filter(({ event }) => event === "progress").at(-1)!.data).toMatchObject({ step: 4, total: 4, seed: 7 });
  const preview = seen.find(({ event }) => event === "preview")!.data;
  expect(Buffer.from(preview.b64_json, "base64").subarray(1, 4).toString()).toBe("PNG");
  // Those who come late are told the end.
  expect(await events(await fetch(`${server.url}/v1/jobs/${json.id}/events`))).toEqual([seen.at(-1)]);
});

test("a preview is encoded once, however many follow the job, and all get the same", async () => {
  await using pipeline = await Pipeline.load();
  const toPNG = jest.spyOn(GeneratedImage.prototype, "toPNG");
  const own = await start({ pipeline, queue: { running: 1 } });
  try {
    const long = await own.call("/v1/jobs", { options: LONG });
    const { json } = await own.call("/v1/jobs", { options: { ...SHORT, steps: 4, preview: { every: 1 } } });
    // It begins when all are there.
    const followed = await Promise.all(Array.from({ length: 10 }, () => fetch(`${own.url}/v1/jobs/${json.id}/events`)));
    await own.call(`/v1/jobs/${long.json.id}/cancel`, {});
    const seen = (await Promise.all(followed.map(events))).map((all) => all.filter(({ event }) => event === "preview"));
    for (const previews of seen) expect(previews.length).toBeGreaterThan(0);
    const different = new Set(seen.flat().map(({ data }) => JSON.stringify(data)));
    expect(toPNG).toHaveBeenCalledTimes(different.size);
    expect(different.size).toBeLessThanOrEqual(4);
  } finally {
    toPNG.mockRestore();
    await own.close();
  }
});

test("creating and cancelling twice are like once", async () => {
  const body = { id: "mine", options: LONG };
  const first = await server.call("/v1/jobs", body);
  const second = await server.call("/v1/jobs", body);
  expect([first.status, second.status, second.json.id]).toEqual([202, 200, "mine"]);
  const other = await server.call("/v1/jobs", { ...body, options: SHORT });
  expect([other.status, other.json.error.code, other.headers.get("x-should-retry")]).toEqual([
    409,
    "id_in_use",
    "false",
  ]);
  const cancel = async (): Promise<unknown[]> => {
    const { status, json } = await server.call("/v1/jobs/mine/cancel", {});
    return [status, json.cancelled, json.job.state] as unknown[];
  };
  expect(await cancel()).toEqual([200, true, "cancelled"]);
  expect(await cancel()).toEqual([200, false, "cancelled"]);
});

test.each([
  ["an unknown option", { steps: 2, promt: "a cat" }, "options.promt", /prompt/],
  ["an option out of range", { steps: 0 }, "options.steps", /1/],
  ["a path", { image: "/etc/passwd" }, undefined, /data:image/],
  ["a path among image prompts", { imagePrompts: ["examples/images/red-apple.png"] }, undefined, /data:image/],
  ["a file URL", { imagePrompts: [{ image: "file:///etc/passwd" }] }, undefined, /data:image/],
  ["a URL", { imagePrompts: ["http://127.0.0.1/a.png"] }, "options.imagePrompts[0].image", /fetches no pictures/],
  ["no picture", { image: `data:image/png;base64,${"AAAA".repeat(40)}` }, undefined, /cannot be read/],
  ["a LoRA, which is a file", { loras: ["a.safetensors"] }, "options.loras[0].file", /this server has none/],
  ["a scale of nothing", { imagePrompts: [{ scale: "x" }] }, "options.imagePrompts[0].scale", /number/],
  ["a scale of no block", { imagePrompts: [{ scale: { top: 1 } }] }, "options.imagePrompts[0].scale", /down, mid, up/],
  ["a callback", { onStep: 1 }, "options.onStep", /onStep/],
  ["too many pictures", { count: 5 }, "options.count", /up to 4/],
  ["too many steps", { steps: 151 }, "options.steps", /up to 150/],
  ["too many pixels", { width: 512, height: 512 }, "options.width", /up to 65536/],
  ["too many pixels in two passes", { width: 128, height: 128, hires: { scale: 4 } }, "options.width", /up to 65536/],
  ["too many pixels of a picture", { image: apple, strength: 0.1, outpaint: { left: 4000 } }, "options.width", /up to/],
  ["a high priority", { priority: 5 }, "options.priority", /up to 0/],
])("refused before anything runs: %s", async (_name, options, param, message) => {
  const { status, json } = await server.call("/v1/jobs", { options });
  expect([status, json.error.type]).toEqual([400, "invalid_request_error"]);
  if (param !== undefined) expect(json.error.param).toBe(param);
  expect(json.error.message).toMatch(message);
});

test("bodies that are none", async () => {
  const post = async (body: string, type: string): Promise<unknown[]> => {
    const response = await fetch(`${server.url}/v1/jobs`, { method: "POST", body, headers: { "content-type": type } });
    return [response.status, typeof ((await response.json()) as { error: { message: string } }).error.message];
  };
  expect(await post("{", "application/json")).toEqual([400, "string"]);
  expect(await post("[]", "application/json")).toEqual([400, "string"]);
  expect(await post('{"__proto__": {"steps": 1}}', "application/json")).toEqual([400, "string"]);
  expect(await post("a=b", "text/plain")).toEqual([415, "string"]);
  expect(await post("--x\r\n", "multipart/form-data; boundary=x")).toEqual([400, "string"]);
});

test("other methods of an address answer 405 and name those that it takes", async () => {
  const asked = async (method: string, path: string): Promise<unknown[]> => {
    const response = await fetch(server.url + path, { method });
    return [response.status, response.headers.get("allow"), response.headers.get("content-type")?.split(";")[0]];
  };
  expect(await asked("DELETE", "/v1/jobs/x")).toEqual([405, "GET", "application/json"]);
  expect(await asked("GET", "/v1/jobs")).toEqual([405, "POST", "application/json"]);
  expect((await asked("HEAD", "/v1/jobs"))[0]).toBe(405);
  expect(await asked("POST", "/readyz")).toEqual([405, "GET, HEAD", "application/json"]);
  expect(await asked("GET", "/v2/jobs")).toEqual([404, null, "application/json"]);
});

test("load balancers may ask for health by HEAD: the same status and length, and nothing else", async () => {
  for (const path of ["/healthz", "/readyz"]) {
    const [get, head] = await Promise.all(["GET", "HEAD"].map((method) => fetch(server.url + path, { method })));
    expect([head?.status, head?.headers.get("content-length")]).toEqual([200, get?.headers.get("content-length")]);
    expect(await head?.text()).toBe("");
  }
});

test("what is no request of HTTP, and an address with a broken escape, get errors of the same shape", async () => {
  const { port } = new URL(server.url);
  const answerTo = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      let answer = "";
      const socket = connect(Number(port), "127.0.0.1", () => socket.write(text));
      socket.on("data", (chunk) => (answer += chunk.toString())).on("error", reject);
      socket.on("close", () => resolve(answer));
    });
  expect(await answerTo("nonsense\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 [^]*"type":"invalid_request_error"/);
  const large = `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${"x".repeat(20_000)}\r\n\r\n`;
  expect(await answerTo(large)).toMatch(/^HTTP\/1\.1 431 [^]*"code":"headers_too_large"/);
  const { status, json } = await server.call("/v1/jobs/%zz");
  expect([status, json.error.type]).toEqual([400, "invalid_request_error"]);
});

test("a full queue answers 429 with the time to wait", async () => {
  const jobs = await Promise.all(Array.from({ length: 6 }, () => server.call("/v1/jobs", { options: LONG })));
  const refused = jobs.filter(({ status }) => status === 429);
  expect(refused).toHaveLength(2);
  for (const { json, headers } of refused) {
    expect(json.error).toMatchObject({ type: "rate_limit_error", code: "queue_full" });
    expect(Number(headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
  }
  for (const { json } of jobs.filter(({ status }) => status === 202))
    await server.call(`/v1/jobs/${json.id}/cancel`, {});
  // Their places are free again at once.
  const { json } = await server.call("/v1/jobs", { options: SHORT });
  expect((await ended(server, json.id)).state).toBe("succeeded");
});

test("a deadline that passes", async () => {
  const { json } = await server.call("/v1/jobs", { options: { ...LONG, deadline: 20 } });
  expect(await ended(server, json.id)).toMatchObject({ state: "failed", error: { code: "ERR_IPA_DEADLINE" } });
});

test("the OpenAPI document has every route, and the schema's options", async () => {
  const { json } = await server.call("/openapi.json");
  expect(Object.keys(json.paths)).toEqual(
    expect.arrayContaining(["/v1/jobs", "/v1/jobs/{id}/images/{image}", "/healthz"]),
  );
  const { options } = json.paths["/v1/jobs"].post.requestBody.content["application/json"].schema.properties;
  expect(options.properties.steps).toMatchObject({ type: "integer", minimum: 1, maximum: 150 });
  expect(options.additionalProperties).toBe(false);
  const page = await server.call("/docs");
  expect(page.headers.get("content-security-policy")).toMatch(/^default-src 'none'/);
  expect(page.bytes.toString()).toContain("<code>imagePrompts</code>");
});

test("as a plugin under a prefix, with a pipeline that is there, whose paths stay closed", async () => {
  await using pipeline = await Pipeline.load();
  const app = Fastify();
  await app.register(imageRoutes, { prefix: "/images", pipeline, trusted: true });
  await app.ready();
  // As in a server of another framework.
  const other = createServer((request, response) => app.routing(request, response));
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  const post = (options: object): Promise<Response> =>
    fetch(`${url}/images/v1/jobs`, {
      method: "POST",
      body: JSON.stringify({ options }),
      headers: { "content-type": "application/json" },
    });
  expect((await post({ image: join(ROOT, "examples/images/red-apple.png") })).status).toBe(400);
  const { id } = (await (await post(SHORT)).json()) as { id: string };
  const seen = await events(await fetch(`${url}/images/v1/jobs/${id}/events`));
  expect(seen.at(-1)!.data.images[0].url).toBe(`/images/v1/jobs/${id}/images/0`);
  await app.close();
  other.closeAllConnections();
  other.close();
  // It is the caller's.
  expect(pipeline.disposed).toBe(false);
});
