/** Models of the server in processes of their own: what a crash, and an end of the server, leave of accepted jobs. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { Pipeline } from "../lib/index";
import { ROOT } from "./support/load";
import { enginesOf } from "./support/engines";
import { type TestServer, ended, start } from "./support/server";

const LONG = { prompt: "a cat", steps: 60, seed: 3 };

/** Processes of engines that this one has started. */
const engines = (): number[] => enginesOf(process.pid);

/** Until the steps that a job has done are such. */
async function atStep(server: TestServer, id: string, wanted: (step: number) => boolean): Promise<void> {
  while (!wanted((await server.call(`/v1/jobs/${id}`)).json.progress?.step ?? 0)) await new Promise(setImmediate);
}

test("a job whose engine is killed runs again, to the bits of the API", async () => {
  const server = await start();
  try {
    const { json } = await server.call("/v1/jobs", { options: LONG });
    await atStep(server, json.id, (step) => step > 0);
    const [engine] = engines();
    process.kill(engine!, "SIGKILL");
    const job = await ended(server, json.id);
    expect(job.state).toBe("succeeded");
    const metrics = (await server.call("/metrics")).bytes.toString();
    expect(metrics).toContain('node_ip_adapter_process_deaths_total{model="mini"} 1\n');
    expect(metrics).toContain('node_ip_adapter_reruns_total{model="mini"} 1\n');
    const { bytes } = await server.call(job.images[0].url);
    await using pipeline = await Pipeline.load();
    const [alone] = (await pipeline.generate(LONG)).images;
    expect(bytes.equals(await alone!.toPNG())).toBe(true);
  } finally {
    await server.close();
  }
  expect(engines()).toEqual([]);
});

test("a job that kills its engine twice fails by itself, and says so", async () => {
  const server = await start();
  try {
    const { json } = await server.call("/v1/jobs", { options: LONG });
    await atStep(server, json.id, (step) => step >= 20);
    process.kill(engines()[0]!, "SIGKILL");
    // It begins anew.
    await atStep(server, json.id, (step) => step > 0 && step < 20);
    process.kill(engines()[0]!, "SIGKILL");
    const { state, error } = await ended(server, json.id);
    expect([state, error.code, error.message]).toEqual([
      "failed",
      "ERR_IPA_CRASHED",
      "the engine crashed twice while it worked on this request",
    ]);
    const next = await server.call("/v1/jobs", { options: { ...LONG, steps: 2 } });
    expect((await ended(server, next.json.id)).state).toBe("succeeded");
  } finally {
    await server.close();
  }
});

test("deaths and reruns are counted for the life of the server, whatever is loaded", async () => {
  const server = await start({ models: [{ name: "a" }, { name: "b" }], memoryBudget: 1 });
  const counted = async (): Promise<string[]> =>
    (await server.call("/metrics")).bytes.toString().match(/(?:process_deaths|reruns)_total\{.*/g) ?? [];
  const make = async (model: string): Promise<string> => {
    const { json } = await server.call("/v1/jobs", { model, options: { ...LONG, steps: 1 } });
    return (await ended(server, json.id)).state as string;
  };
  try {
    const { json } = await server.call("/v1/jobs", { model: "a", options: LONG });
    await atStep(server, json.id, (step) => step > 0);
    process.kill(engines()[0]!, "SIGKILL");
    expect((await ended(server, json.id)).state).toBe("succeeded");
    const once = ['process_deaths_total{model="a"} 1', 'reruns_total{model="a"} 1'];
    expect(await counted()).toEqual(once);
    // There is room for one of them.
    expect(await make("b")).toBe("succeeded");
    const both = [once[0], 'process_deaths_total{model="b"} 0', once[1], 'reruns_total{model="b"} 0'];
    expect(await counted()).toEqual(both);
    expect(await make("a")).toBe("succeeded");
    expect(await counted()).toEqual(both);
  } finally {
    await server.close();
  }
});

test("while a server stops, accepted jobs end and can be fetched; it is gone when they have been", async () => {
  const server = await start({ collectSeconds: 60 });
  const { json } = await server.call("/v1/jobs", { options: LONG });
  await atStep(server, json.id, (step) => step > 0);
  const closed = server.close();
  const refused = await server.call("/v1/jobs", { options: LONG });
  expect([refused.status, refused.json.error.code]).toEqual([503, "stopping"]);
  const job = await ended(server, json.id);
  expect(job.state).toBe("succeeded");
  const { bytes } = await server.call(job.images[0].url);
  expect(bytes.subarray(1, 4).toString()).toBe("PNG");
  await closed;
  await expect(server.call("/healthz")).rejects.toThrow();
});

/** Until an engine has been started. */
async function engine(): Promise<number> {
  for (;;) {
    const [pid] = engines();
    if (pid !== undefined) return pid;
    await new Promise(setImmediate);
  }
}

test("a process that dies while it loads the model is replaced: jobs that wait for it run, and the server gets ready", async () => {
  const server = await start({ warmUp: true, collectSeconds: 0 });
  try {
    const first = await engine();
    const { json } = await server.call("/v1/jobs", { options: { ...LONG, steps: 2 } });
    process.kill(first, "SIGKILL");
    expect((await ended(server, json.id)).state).toBe("succeeded");
    await Promise.all([server.warm, server.ready()]);
    const metrics = (await server.call("/metrics")).bytes.toString();
    expect(metrics).toContain('node_ip_adapter_process_deaths_total{model="mini"} 1\n');
  } finally {
    await server.close();
  }
});

describe("a hub that never answers", () => {
  const hub = createServer();
  let folder: string;
  let asked: Promise<void>;
  const names = ["HF_ENDPOINT", "HF_HOME"] as const;
  const before = names.map((name) => process.env[name]);
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "far-"));
    asked = new Promise((resolve) => hub.once("request", () => resolve()));
    await new Promise<void>((resolve) => hub.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(hub.address() as AddressInfo).port}`;
    Object.assign(process.env, { HF_ENDPOINT: url, HF_HOME: folder });
  });
  afterEach(async () => {
    for (const [i, name] of names.entries())
      if (before[i] === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = before[i];
    hub.closeAllConnections();
    await new Promise((resolve) => hub.close(resolve));
    rmSync(folder, { recursive: true });
  });
  const far = (processes: number): object => ({
    name: "far",
    processes,
    load: { model: "team/far" },
  });

  test.each([0, 1])("holds up neither other models nor the end of the server (processes: %d)", async (processes) => {
    const server = await start({
      collectSeconds: 0,
      models: [{ name: "mini", processes }, far(processes) as { name: string }],
    });
    const job = async (model: string, deadline: number): Promise<{ state: string; error?: { code: string } }> => {
      const { json } = await server.call("/v1/jobs", { model, options: { ...LONG, steps: 2, deadline } });
      return (await ended(server, json.id)) as { state: string };
    };
    const late = job("far", 2000);
    await asked;
    expect(await Promise.all([late, job("mini", 60_000)])).toMatchObject([
      { state: "failed", error: { code: "ERR_IPA_DEADLINE" } },
      { state: "succeeded" },
    ]);
    await server.close();
    expect(engines()).toEqual([]);
  });

  test("does not hold up the command's end", async () => {
    const config = join(folder, "config.json");
    writeFileSync(config, JSON.stringify({ models: [far(1)], collectSeconds: 0 }));
    const main = join(ROOT, "dist/cli/main.js");
    const child = spawn(process.execPath, [main, "serve", "--port", "0", "--quiet", "--config", config], {
      env: { ...process.env },
    });
    const exited = new Promise((resolve) => child.once("close", resolve));
    await asked;
    child.kill("SIGTERM");
    expect(await exited).toBe(0);
  });

  test("a second SIGTERM ends the command at once", async () => {
    const config = join(folder, "config.json");
    writeFileSync(config, JSON.stringify({ models: [far(1)], warmUp: false, drainSeconds: 3600 }));
    const main = join(ROOT, "dist/cli/main.js");
    const child = spawn(process.execPath, [main, "serve", "--port", "0", "--quiet", "--config", config], {
      env: { ...process.env },
    });
    const exited = new Promise((resolve) => child.once("close", resolve));
    const lines = createInterface({ input: child.stderr });
    const line = (wanted: RegExp): Promise<string> =>
      new Promise((resolve) => {
        lines.on("line", (text) => {
          const [, found] = wanted.exec(text) ?? [];
          if (found !== undefined) resolve(found);
        });
      });
    const url = await line(/serving on ([^,]+)/);
    await fetch(`${url}/v1/jobs`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ options: LONG }),
    });
    await asked;
    const stopping = line(/(a second signal ends them)/);
    child.kill("SIGTERM");
    await stopping;
    child.kill("SIGTERM");
    expect(await exited).toBe(143);
  });
});
