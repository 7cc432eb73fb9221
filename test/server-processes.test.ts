/** Models of the server in processes of their own: what a crash, and an end of the server, leave of accepted jobs. */
import { execFileSync } from "node:child_process";

import { Pipeline } from "../lib/index";
import { type TestServer, ended, start } from "./support/server";

const LONG = { prompt: "a cat", steps: 60, seed: 3 };

/** Processes of engines that this one has started. */
function engines(): number[] {
  const rows = execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" }).split("\n");
  return rows.flatMap((row) => {
    const [pid, parent, ...args] = row.trim().split(/\s+/);
    return Number(parent) === process.pid && args.some((word) => word.endsWith("child.js")) ? Number(pid) : [];
  });
}

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
