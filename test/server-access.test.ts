/** Who may call the server, and where it may call: keys, web pages, pictures by URL; what refuses finished pictures; how it stops. */
import { type Server as HttpServer, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

import Fastify, { type RouteOptions } from "fastify";

import { imageRoutes, serve } from "../lib/server/index";
import { isPublic } from "../lib/server/pictures/addresses";
import { pictureFetcher } from "../lib/server/pictures/fetch-picture";
import { ROOT, rejection } from "./support/load";
import { type TestServer, start } from "./support/server";

const KEYS = [
  { name: "ann", key: "ann-0123456789abcdef" },
  { name: "bob", key: "bob-0123456789abcdef" },
];
const bearer = (i: number): Record<string, string> => ({ authorization: `Bearer ${KEYS[i]!.key}` });
const SHORT = { options: { prompt: "a cat", steps: 1, seed: 1 } };

describe("with keys", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await start({ keys: KEYS, cors: ["https://app.example"], queue: { perKey: 1, running: 1 } });
  });
  afterAll(() => server.close());

  test("without a key, health and the page alone are open; walked from the router", async () => {
    const routes: RouteOptions[] = [];
    const app = Fastify();
    app.addHook("onRoute", (route) => void routes.push(route));
    await app.register(imageRoutes, { keys: KEYS, cors: ["https://app.example"], warmUp: false });
    await app.ready();
    await app.close();
    const statusOf = (path: string, method: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const call = request(server.url + path, { method }, (response) => resolve(response.resume().statusCode ?? 0));
        call.on("error", reject).end();
      });
    const open: string[] = [];
    for (const { url, method } of routes) {
      for (const name of [method].flat()) {
        // Browsers ask so before they send a key.
        if (name === "OPTIONS" && url === "/*") continue;
        if ((await statusOf(url.replace(/:\w+/g, "x"), name)) !== 401) open.push(`${name} ${url}`);
      }
    }
    expect(routes.length).toBeGreaterThan(20);
    const paths = ["/docs", "/healthz", "/openapi.json", "/readyz"];
    expect(open.sort()).toEqual(["GET", "HEAD"].flatMap((method) => paths.map((path) => `${method} ${path}`)));
  });

  test("keys may be texts; what is no key is refused by its place", async () => {
    const own = await start({ keys: ["0123456789abcdef"] });
    try {
      const status = async (key: string): Promise<number> =>
        (await own.call("/v1/models", undefined, { authorization: `Bearer ${key}` })).status;
      expect([await status("0123456789abcdef"), await status("0123456789abcdeX")]).toEqual([200, 401]);
    } finally {
      await own.close();
    }
    for (const wrong of [1, { name: "a" }, { key: "0123456789abcdef", name: 1 }, "short"])
      expect((await rejection(start({ keys: [wrong as string] }))).message).toMatch(/^keys\[0\]/);
  });

  test("a key as Bearer, X-API-Key, or password of Basic; others are refused", async () => {
    const { name, key } = KEYS[0]!;
    const basic = (text: string): Record<string, string> => ({
      authorization: `Basic ${Buffer.from(text).toString("base64")}`,
    });
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await server.call("/v1/models", undefined, headers)).status;
    // Of two, one will do.
    for (const headers of [bearer(0), { "x-api-key": key }, basic(`any:${key}`), { ...bearer(0), "x-api-key": "x" }])
      expect(await status(headers)).toBe(200);
    for (const headers of [
      { authorization: key },
      { authorization: `Bearer ${key}x` },
      { "x-api-key": name },
      basic(key.slice(1)),
    ])
      expect(await status(headers)).toBe(401);
    const { json, headers } = await server.call("/v1/jobs", SHORT);
    expect([json.error.type, headers.get("www-authenticate")]).toEqual([
      "authentication_error",
      expect.stringMatching(/^Basic/),
    ]);
  });

  test("a job is its owner's alone, and each key has its own limit", async () => {
    const long = { id: "mine", options: { ...SHORT.options, steps: 100 } };
    expect((await server.call("/v1/jobs", long, bearer(0))).status).toBe(202);
    for (const path of ["/v1/jobs/mine", "/v1/jobs/mine/images/0", "/v1/jobs/mine/events"])
      expect((await server.call(path, undefined, bearer(1))).status).toBe(404);
    expect((await server.call("/v1/jobs/mine/cancel", {}, bearer(1))).status).toBe(404);
    expect((await server.call("/v1/jobs", SHORT, bearer(0))).json.error.code).toBe("too_many_jobs");
    expect((await server.call("/v1/jobs", SHORT, bearer(1))).status).toBe(202);
    expect((await server.call("/v1/jobs/mine/cancel", {}, bearer(0))).json.cancelled).toBe(true);
    const metrics = (await server.call("/metrics", undefined, bearer(0))).bytes.toString();
    expect(metrics).toMatch(/node_ip_adapter_refusals_total\{reason="too_many_jobs"\} 1\n/);
  });

  test("a key has so many streams of events open; one that is closed makes room", async () => {
    const own = await start({ keys: KEYS, queue: { streams: 2 } });
    const ann = { headers: bearer(0) };
    try {
      const long = { id: "mine", options: { ...SHORT.options, steps: 150 } };
      for (const i of [0, 1]) await own.call("/v1/jobs", long, bearer(i));
      const url = `${own.url}/v1/jobs/mine/events`;
      const gone = new AbortController();
      const first = await fetch(url, { ...ann, signal: gone.signal });
      const second = await fetch(url, ann);
      const third = await own.call("/v1/jobs/mine/events", undefined, bearer(0));
      expect([third.status, third.json.error.code, third.headers.get("retry-after")]).toEqual([
        429,
        "too_many_streams",
        "1",
      ]);
      const other = await fetch(url, { headers: bearer(1) });
      expect([first.status, second.status, other.status]).toEqual([200, 200, 200]);
      gone.abort();
      let again = await fetch(url, ann);
      while (again.status === 429) again = await fetch(url, ann);
      for (const i of [0, 1]) await own.call("/v1/jobs/mine/cancel", {}, bearer(i));
      for (const stream of [second, other, again]) expect(await stream.text()).toMatch(/"state":"cancelled"/);
    } finally {
      await own.close();
    }
  });

  test("the operator's origins alone are named to browsers, and credentials never", async () => {
    const preflight = async (origin: string): Promise<[number, string | null, string | null]> => {
      const { status, headers } = await fetch(`${server.url}/v1/jobs`, {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "POST" },
      });
      return [status, headers.get("access-control-allow-origin"), headers.get("access-control-allow-credentials")];
    };
    expect(await preflight("https://app.example")).toEqual([204, "https://app.example", null]);
    expect(await preflight("https://evil.example")).toEqual([204, null, null]);
  });
});

test("without keys the server is for its own machine, and not for web pages", async () => {
  await expect(serve({ host: "0.0.0.0", port: 0, log: false })).rejects.toMatchObject({
    code: "ERR_IPA_INVALID_OPTION",
    option: "host",
  });
  await expect(serve({ keys: [{ name: "a", key: "short" }], log: false })).rejects.toMatchObject({ option: "keys[0]" });
  const server = await start();
  const origin = await server.call("/v1/models", undefined, { origin: "https://evil.example" });
  expect([origin.status, origin.json.error.code, origin.headers.get("access-control-allow-origin")]).toEqual([
    403,
    "unknown_origin",
    null,
  ]);
  // As after a change of a name's address: fetch() would not send such a header.
  const { stdout } = await promisify(execFile)("curl", ["-s", "-H", "host: evil.example", `${server.url}/v1/models`]);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: "unknown_host" } });
  expect((await server.call("/v1/models")).status).toBe(200);
  await server.close();
});

test("a hook refuses finished pictures, and so does its failure", async () => {
  const answers: unknown[] = [true, { allowed: false, reason: "no cats" }, false, new Error("down")];
  const asked: unknown[] = [];
  const server = await start({
    moderate: ({ image, prompt, model }) => {
      asked.push([image.width, prompt, model]);
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  const seen: unknown[] = [];
  for (let i = 0; i < 4; i++) {
    const { json } = await server.call("/v1/images/generations", { prompt: "a cat", num_inference_steps: 1 });
    seen.push(json.error === undefined ? "made" : [json.error.code, /no cats/.test(json.error.message)]);
  }
  expect(seen).toEqual([
    "made",
    ["moderation_blocked", true],
    ["moderation_blocked", false],
    ["internal_error", false],
  ]);
  expect(asked[0]).toEqual([128, "a cat", "mini"]);
  // Previews would show what the hook has not seen.
  const options = { prompt: "a cat", steps: 4, preview: { every: 1 } };
  const { json } = await server.call("/v1/jobs", { options });
  expect(await (await fetch(`${server.url}/v1/jobs/${json.id}/events`)).text()).not.toContain("event: preview");
  await server.close();
});

test.each([
  "127.0.0.1",
  "10.1.2.3",
  "172.20.0.1",
  "192.168.1.1",
  "169.254.169.254",
  "100.64.0.1",
  "0.0.0.0",
  "224.0.0.1",
  "::1",
  "::",
  "::ffff:127.0.0.1",
  "::ffff:8.8.8.8",
  "fe80::1",
  "fc00::1",
  "64:ff9b::7f00:1",
  "2002:7f00:1::",
  "2001::1",
  "name",
  "",
])("%p is not on the public internet", (address) => expect(isPublic(address)).toBe(false));
test.each(["8.8.8.8", "1.1.1.1", "2606:4700::1111"])("%p is", (address) => expect(isPublic(address)).toBe(true));

describe("pictures by URL", () => {
  const apple = readFileSync(join(ROOT, "examples/images/red-apple.png"));
  let web: HttpServer, port: string;
  const asked: string[] = [];
  beforeAll(async () => {
    web = createServer((request, response) => {
      asked.push(request.url ?? "");
      if (request.url === "/apple.png") response.end(apple);
      else if (request.url === "/large") response.end(Buffer.alloc(21 * 2 ** 20));
      else if (request.url === "/again") response.writeHead(302, { location: "/again" }).end();
      else if (request.url === "/moved") response.writeHead(302, { location: "/apple.png" }).end();
      else if (request.url === "/inside")
        response.writeHead(302, { location: `http://127.0.0.2:${port}/secret` }).end();
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => web.listen(0, "0.0.0.0", resolve));
    port = String((web.address() as AddressInfo).port);
  });
  afterAll(() => web.close());
  const { signal } = new AbortController();
  /** A stand-in for a public address. */
  const fetcher = (): ReturnType<typeof pictureFetcher> =>
    pictureFetcher({ hosts: undefined, ports: [port], mayConnect: (address) => address === "127.0.0.1" });
  const get = (path: string, host = "127.0.0.1"): Promise<Buffer> =>
    fetcher()(`http://${host}:${port}${path}`, "image", signal);

  test("are fetched, by names and over redirects", async () => {
    for (const path of ["/apple.png", "/moved"]) expect((await get(path)).equals(apple)).toBe(true);
  });

  test("are not fetched from inside, however the way there is hidden", async () => {
    asked.length = 0;
    const closed = pictureFetcher({ hosts: undefined, ports: [port] });
    for (const host of ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
      expect((await rejection(closed(`http://${host}:${port}/apple.png`, "image", signal))).message).toMatch(
        /does not fetch pictures from there/,
      );
    expect(asked).toEqual([]);
    expect((await rejection(get("/inside"))).message).toMatch(/does not fetch pictures from there/);
    expect(asked).toEqual(["/inside"]);
  });

  test("other ports, names, protocols, passwords and hosts are refused", async () => {
    const strict = pictureFetcher({ hosts: ["cdn.example"] });
    for (const url of [
      "http://example.com/a.png",
      "https://cdn.example:8443/a.png",
      "ftp://cdn.example/a",
      "https://me:pw@cdn.example/a.png",
      "https://",
    ])
      expect((await rejection(strict(url, "image", signal))).code).toBe("ERR_IPA_INVALID_OPTION");
  });

  test("what is too large, missing, or goes round in circles", async () => {
    expect((await rejection(get("/large"))).code).toBe("ERR_IPA_IMAGE_LIMIT");
    expect((await rejection(get("/none"))).message).toMatch(/404/);
    expect((await rejection(get("/again"))).message).toMatch(/redirects/);
  });
});

describe("the command", () => {
  let folder: string;
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "serve-"))));
  afterAll(() => rmSync(folder, { recursive: true }));
  const main = join(ROOT, "dist/cli/main.js");

  test("serves by its config and keys, hides prompts from its log, and lets jobs end on SIGTERM", async () => {
    const [config, keys, hook] = ["config.json", "keys", "hook.mjs"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(hook, "export default ({ prompt }) => prompt !== 'forbidden';");
    writeFileSync(
      config,
      JSON.stringify({
        models: [{ name: "small", aliases: ["gpt-image-1"] }],
        moderation: hook,
        limits: { steps: 60 },
      }),
    );
    writeFileSync(keys, `# who may\nann ${KEYS[0]!.key}\n`);
    const child = spawn(process.execPath, [main, "serve", "--port", "0", "--config", config, "--api-key-file", keys], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let log = "";
    child.stdout.on("data", (chunk: Buffer) => (log += chunk.toString()));
    const exited = new Promise((resolve) => child.once("exit", resolve));
    const url = await new Promise<string>((resolve) =>
      createInterface({ input: child.stderr }).on("line", (line) => {
        const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? [];
        if (found !== undefined) resolve(found);
      }),
    );
    const post = (body: object): Promise<Response> =>
      fetch(`${url}/v1/images/generations`, {
        method: "POST",
        body: JSON.stringify(body),
        headers: { ...bearer(0), "content-type": "application/json" },
      });
    while ((await fetch(`${url}/readyz`)).status !== 200) await new Promise(setImmediate);
    expect((await post({ prompt: "forbidden", model: "gpt-image-1", num_inference_steps: 1 })).status).toBe(400);
    expect((await post({ prompt: "a", model: "other" })).status).toBe(404);
    const metrics = async (): Promise<string> => (await fetch(`${url}/metrics`, { headers: bearer(0) })).text();
    const answer = post({ prompt: "sensitive words", model: "small", num_inference_steps: 60 });
    while (!(await metrics()).includes("jobs_running 1")) await new Promise(setImmediate);
    child.kill("SIGTERM");
    expect((await answer).status).toBe(200);
    expect(await exited).toBe(0);
    expect(log).toContain('"state":"succeeded"');
    expect(log).toMatch(/"model":"small","device":"cpu","dtype":"f32","msg":"model loaded"/);
    expect(log).not.toMatch(/sensitive|forbidden|0123456789abcdef/);
  });

  test("mistakes are named", async () => {
    const run = async (...args: string[]): Promise<string> => {
      const error = await rejection(promisify(execFile)(process.execPath, [main, "serve", ...args]));
      return (error as Error & { stderr: string }).stderr;
    };
    expect(await run("--host", "0.0.0.0")).toMatch(/--api-key-file/);
    expect(await run("--port", "many")).toMatch(/--port: expected a number/);
    expect(await run("--device", "cuda")).toMatch(
      /'--device': put it into the file of --config, as "device" in "load"/,
    );
    const config = join(folder, "bad.json");
    writeFileSync(config, '{ "limit": {} }');
    expect(await run("--config", config)).toMatch(/limits/);
    expect(await run("--config", join(folder, "none.json"))).toMatch(/cannot be read/);
  });
});

test("jobs of a stopped server have ended, one way or the other", async () => {
  const server = await start({ drainSeconds: 0, queue: { running: 1 } });
  const jobs = await Promise.all(
    ["a", "b"].map((id) => server.call("/v1/jobs", { id, options: { ...SHORT.options, steps: 100 } })),
  );
  expect(jobs.map(({ status }) => status)).toEqual([202, 202]);
  const states = Promise.all(["a", "b"].map(async (id) => (await fetch(`${server.url}/v1/jobs/${id}/events`)).text()));
  // The streams are there when their first event is.
  await server.call("/v1/jobs/a");
  await server.close();
  for (const text of await states.catch(() => [])) expect(text).toMatch(/"state":"cancelled"/);
});
