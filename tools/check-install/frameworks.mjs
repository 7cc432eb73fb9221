// The examples for other frameworks, as they stand, with the installed package: Express, and Next.js with its standalone output.
import fs from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { root } from "../build/paths.mjs";
import { assert, binOf, makeProject, node, npmInstall } from "./harness.mjs";
import { withServer } from "./serving.mjs";

const apple = () => fs.readFileSync(path.join(root, "examples/images/red-apple.png"));
const isPng = (bytes) => bytes.subarray(1, 4).toString() === "PNG";

async function expectStatus(response, status) {
  const text = response.status === status ? "" : await response.text();
  assert(
    response.status === status,
    `${response.url} answers ${response.status}, not ${status}: ${text.slice(0, 500)}`,
  );
}

/** Next.js takes no port 0. */
function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function express(context) {
  const folder = makeProject(context.temporary, "express");
  await npmInstall(folder, [context.tarball, "express@5", "fastify@5"]);
  fs.copyFileSync(path.join(root, "examples/express-server.mjs"), path.join(folder, "server.mjs"));
  await withServer([process.execPath, "server.mjs"], { cwd: folder, env: { PORT: "0" } }, async (url) => {
    await expectStatus(await fetch(`${url}/`), 200);
    await expectStatus(await fetch(`${url}/other`), 404);
    const response = await fetch(`${url}/images/v1/images/generations`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt: "a cat", num_inference_steps: 2 }),
    });
    await expectStatus(response, 200);
    const { data } = await response.json();
    assert(isPng(Buffer.from(data[0].b64_json, "base64")), "the picture is no PNG");
    while ((await fetch(`${url}/images/readyz`)).status !== 200) await new Promise(setImmediate);
  });
}

async function nextjs(context) {
  const folder = makeProject(context.temporary, "nextjs");
  fs.cpSync(path.join(root, "examples/nextjs"), folder, { recursive: true });
  const manifest = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
  delete manifest.dependencies["node-ip-adapter"];
  fs.writeFileSync(path.join(folder, "package.json"), JSON.stringify(manifest));
  await npmInstall(folder, [context.tarball]);
  await node([binOf(folder, "next"), "build"], { cwd: folder, env: { NEXT_TELEMETRY_DISABLED: "1" } });
  // Away from the project, nothing is found beside it.
  const standalone = path.join(context.temporary, "standalone");
  fs.cpSync(path.join(folder, ".next/standalone"), standalone, { recursive: true, verbatimSymlinks: true });
  fs.rmSync(folder, { recursive: true });
  const env = { PORT: String(await freePort()), HOSTNAME: "127.0.0.1", NEXT_TELEMETRY_DISABLED: "1" };
  // Next.js ends with 128 + 15 at SIGTERM.
  await withServer([process.execPath, "server.js"], { cwd: standalone, env, endsWith: 143 }, async (url) => {
    const post = (parts) => {
      const form = new FormData();
      for (const [name, value] of Object.entries(parts)) form.append(name, value);
      return fetch(`${url}/api/images`, { method: "POST", body: form });
    };
    const response = await post({ prompt: "on snow", image: new Blob([apple()], { type: "image/png" }) });
    await expectStatus(response, 200);
    assert(isPng(Buffer.from(await response.arrayBuffer())), "the picture is no PNG");
    await expectStatus(await post({ image: "/etc/passwd" }), 400);
    await expectStatus(await post({ image: new Blob(["no picture"]) }), 400);
  });
}

export const cases = [
  { name: "Express", run: express },
  { name: "Next.js", run: nextjs },
];
