/** examples/fastify-server.mjs as it stands, over HTTP. Needs `npm run build`. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Interface, createInterface } from "node:readline";

import { ROOT } from "./support/load";

const file = join(ROOT, "examples/images/red-apple.png");

let server: ChildProcess, log: Interface, ended: Promise<number | null>, address: string;
beforeAll(async () => {
  server = spawn(process.execPath, [join(ROOT, "examples/fastify-server.mjs")], {
    cwd: ROOT,
    env: { ...process.env, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  ended = new Promise((resolve) => server.once("exit", resolve));
  log = createInterface({ input: server.stdout! });
  address = await logged(/http:\/\/127\.0\.0\.1:\d+/);
});
afterAll(() => {
  server.kill("SIGKILL");
});

/** What of the server's log matches, when it has so many times from now on. */
function logged(what: RegExp, times = 1): Promise<string> {
  return new Promise((resolve) => {
    const onLine = (line: string): void => {
      const [found] = what.exec(line) ?? [];
      if (found === undefined || --times > 0) return;
      log.off("line", onLine);
      resolve(found);
    };
    log.on("line", onLine);
  });
}

const paint = (query: string, body: string | Uint8Array<ArrayBuffer> | undefined, type?: string): Promise<Response> =>
  fetch(`${address}/paint?${query}`, {
    method: "POST",
    body: body ?? null,
    headers: type === undefined ? {} : { "content-type": type },
  });

test("a picture's bytes are painted after", async () => {
  const response = await paint("prompt=a%20cat&steps=1&seed=1", new Uint8Array(readFileSync(file)), "image/png");
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "image/png"]);
  expect(
    Buffer.from(await response.arrayBuffer())
      .subarray(1, 4)
      .toString(),
  ).toBe("PNG");
});

test.each([
  ["text", "text/plain", file],
  ["a JSON string", "application/json", JSON.stringify(file)],
  ["a JSON object like a URL", "application/json", JSON.stringify({ href: `file://${file}`, protocol: "file:" })],
  ["a form", "application/x-www-form-urlencoded", `image=${file}`],
  ["no type", "", file],
])("a path is never read: %s", async (_name, type, body) => {
  const answers = await Promise.all(
    [body, body.replace(".png", ".none")].map(async (posted) => {
      const response = await paint("steps=1", new TextEncoder().encode(posted), type);
      return [response.status, (await response.text()).replaceAll(".none", ".png")];
    }),
  );
  expect(answers[0]![0]).toBe(415);
  // Nor is it told whether the file is there.
  expect(answers[1]).toEqual(answers[0]);
});

test("a path that claims to be a picture, and no body", async () => {
  expect((await paint("steps=1", file, "image/png")).status).toBe(400);
  expect((await paint("steps=1", undefined)).status).toBe(415);
});

test("SIGTERM ends calls that run and wait", async () => {
  const picture = new Uint8Array(readFileSync(file));
  const arrived = logged(/incoming request/, 4);
  const calls = Array.from({ length: 4 }, () => paint("steps=100&seed=1", picture, "image/png"));
  const stopped = calls.map(async (call) => {
    const answer = await call;
    return [answer.status, await answer.json()] as unknown;
  });
  await arrived;
  server.kill("SIGTERM");
  const error = { code: "ERR_IPA_DISPOSED", message: "the server stops: try again later" };
  expect(await Promise.all(stopped)).toEqual(Array(4).fill([503, { error }]));
  expect(await ended).toBe(0);
});
