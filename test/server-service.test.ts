/** The service between jobs and engines: when it is ready, what a hook and an engine that broke do to jobs. Engines are stand-ins. */
import { CrashError, Pipeline, type PipelineInfo } from "../lib/index";
import { readConfig } from "../lib/server/config";
import type { Engine } from "../lib/server/models/engine";
import { ImageService, type Moderate } from "../lib/server/service";
import { rejection } from "./support/load";

const DEATH = { pid: 1, at: 0, reason: "it was ended by SIGKILL", output: "" };
const crash = (deaths: number): CrashError => new CrashError("/secret/path", Array<typeof DEATH>(deaths).fill(DEATH));

let info: PipelineInfo;
let made: Awaited<ReturnType<Pipeline["generate"]>>;
beforeAll(async () => {
  await using pipeline = await Pipeline.load();
  info = pipeline.info;
  made = await pipeline.generate({ steps: 1 });
});

interface StubParts {
  /** errors of the first loads */
  loads?: Error[];
  /** errors of the first calls */
  calls?: Error[];
  usable?: boolean;
  moderate?: Moderate;
  warmUp?: boolean;
}

function service({ loads = [], calls = [], usable = true, moderate, warmUp = true }: StubParts): ImageService {
  const generate = (): ReturnType<Engine["generate"]> => {
    const error = calls.shift();
    return error === undefined ? Promise.resolve(made) : Promise.reject(error);
  };
  const dispose = (): Promise<void> => Promise.resolve();
  const engine: Engine = { info, stats: [], memoryBytes: 1, usable, processes: undefined, generate, dispose };
  const load = (): Promise<Engine> => {
    const error = loads.shift();
    return error === undefined ? Promise.resolve(engine) : Promise.reject(error);
  };
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const settings = readConfig({ warmUp, drainSeconds: 0, collectSeconds: 0 });
  return new ImageService({ settings, sources: [{ name: "mini", aliases: [], load }], moderate, log });
}

const order = { owner: "ann", options: { prompt: "a cat", steps: 1 } };

test("a warm-up whose processes died is tried again", async () => {
  const [load, call] = [service({ loads: [crash(1)] }), service({ calls: [crash(2)] })];
  await Promise.all([load.warmUp(), call.warmUp()]);
  expect([load.ready, call.ready]).toEqual([true, true]);
});

test("a server that lost its GPU is not ready any more, and says that it has to be started anew", async () => {
  const lost = Object.assign(new Error("cuda:0 was lost"), { code: "ERR_IPA_DEVICE_LOST" });
  const server = service({ calls: [lost], warmUp: false });
  expect([server.ready, server.healthy]).toEqual([true, true]);
  const { job } = await server.order(order);
  await job.done;
  expect([server.ready, server.healthy]).toEqual([false, false]);
});

test("a model that is refused is not tried again, and the reason is the cause", async () => {
  const refused = service({ loads: [new Error("no such file")] });
  expect((await rejection(refused.warmUp())).cause).toMatchObject({ message: "no such file" });
  expect(refused.ready).toBe(false);
});

test("a server whose warm-up failed is ready with the first job that succeeds", async () => {
  const cold = service({ loads: [new Error("no memory")] });
  await rejection(cold.warmUp());
  const { job } = await cold.order(order);
  await job.done;
  expect([job.state, cold.ready]).toEqual(["succeeded", true]);
});

test("a hook that never answers keeps neither the place of a job nor the end of the server", async () => {
  let ask!: () => void;
  const asked = new Promise<void>((resolve) => (ask = resolve));
  const moderate = (): Promise<never> => (ask(), new Promise(() => undefined));
  const judged = service({ moderate, warmUp: false });
  const { job } = await judged.order(order);
  await asked;
  judged.jobs.cancel(job);
  while (judged.jobs.running > 0) await new Promise(setImmediate);
  const { job: next } = await judged.order(order);
  await judged.stop(false);
  expect(next.state).toBe("cancelled");
});

test("a job that only waited for an engine that broke is told to come again; one that broke it twice is not", async () => {
  const codes = [];
  for (const deaths of [0, 1, 2]) {
    const { job } = await service({ calls: [crash(deaths)], usable: false, warmUp: false }).order(order);
    await job.done;
    codes.push(job.error);
  }
  const waited = { status: 503, code: "model_unavailable", retryAfter: 30 };
  expect(codes).toMatchObject([waited, waited, { code: "ERR_IPA_CRASHED" }]);
});
