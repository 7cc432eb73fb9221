/** Pools of child processes: the bits of a lone pipeline, and what becomes of calls when children die. Needs `npm run build`. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, createReadStream, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";

import {
  CrashError,
  DisposedError,
  EnginePool,
  type GenerateOptions,
  type GenerateResult,
  OptionError,
  Pipeline,
  type ProgressEvent,
} from "../lib/index";
import { MINI, ROOT, pixels, rejection } from "./support/load";
import { randomBy } from "./support/random-calls";

// Many tests start processes that load the model.
jest.setTimeout(180_000);

const PNG = join(ROOT, "examples/images/red-apple.png");
const raw = { data: pixels(16, 16), width: 16, height: 16 };
const CALL = { prompt: "a cat", steps: 3, seed: 7 };

const running = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** All that callers see of a result, its files included. */
async function seen({ images, latents, seeds, latentShape }: GenerateResult): Promise<unknown> {
  const files = await Promise.all(images.map((image) => image.toPNG()));
  return { latents, seeds, latentShape, files, sizes: images.map(({ width, height, seed }) => [width, height, seed]) };
}

const pidsOf = (pool: EnginePool): number[] => pool.stats().children.flatMap(({ pid }) => pid ?? []);
const busyPid = (pool: EnginePool): number => pool.stats().children.find(({ active }) => active > 0)!.pid!;

/** Ends the child that has the only call. */
const killOnce = (pool: EnginePool, signal: NodeJS.Signals = "SIGKILL"): ((event: ProgressEvent) => void) => {
  let killed = false;
  return () => {
    if (!killed) process.kill(busyPid(pool), signal);
    killed = true;
  };
};

let pool: EnginePool, pipeline: Pipeline;
beforeAll(async () => {
  [pool, pipeline] = await Promise.all([EnginePool.create({ children: 2 }), Pipeline.load()]);
});
afterAll(() => Promise.all([pool.dispose(), pipeline.dispose()]));

describe("calls", () => {
  test("have the bits of a lone pipeline and the same files, whatever form their pictures have", async () => {
    const embeds = await pipeline.encodeImage(PNG);
    const promptEmbeds = await pipeline.encodePrompt("a red apple");
    const calls: GenerateOptions[] = [
      { ...CALL, count: 2, guidance: 3, scheduler: "dpm++2m" },
      { ...CALL, imagePrompts: [PNG, { image: raw, scale: { down: 0.2, up: 0.5 } }] },
      { ...CALL, imagePrompts: [embeds], hires: { scale: 2 } },
      { ...CALL, image: new Uint8Array(readFileSync(PNG)), strength: 0.6 },
      { ...CALL, image: pathToFileURL(PNG), mask: raw, scheduler: "euler", sigmas: [9, 2, 0.4], steps: 3 },
      { steps: 3, seed: 8, promptEmbeds },
      { ...CALL, metadata: false, width: 64, height: 96 },
    ];
    const alone: unknown[] = [];
    for (const call of calls) alone.push(await seen(await pipeline.generate(call)));
    const pooled = await Promise.all(calls.map(async (call) => seen(await pool.generate(call))));
    expect(pooled).toEqual(alone);
    expect(pool.stats().children.every(({ active }) => active === 0)).toBe(true);
  });

  test("take Blobs and streams, and the prompt in front", async () => {
    const expected = await pipeline.generate("a cat", { ...CALL, prompt: undefined, image: PNG, metadata: false });
    for (const image of [new Blob([new Uint8Array(readFileSync(PNG))]), createReadStream(PNG)]) {
      const made = await pool.generate("a cat", { ...CALL, prompt: undefined, image, metadata: false });
      expect(await seen(made)).toEqual(await seen(expected));
    }
    const { latents, images } = await pool.generate({ ...CALL, output: "latents" });
    expect([images, latents]).toEqual([[], (await pipeline.generate({ ...CALL, output: "latents" })).latents]);
  });

  test("report progress and previews as a pipeline does", async () => {
    const watch = async (engine: Pick<EnginePool, "generate">): Promise<unknown[]> => {
      const events: unknown[] = [];
      const onProgress = ({ preview, ...event }: ProgressEvent): unknown =>
        events.push({ ...event, preview: preview && Buffer.from(preview.data).toString("base64") });
      await engine.generate({ ...CALL, count: 2, preview: { every: 2 }, onProgress });
      return events;
    };
    expect(await watch(pool)).toEqual(await watch(pipeline));
  });

  test("without a seed have a random one, which gives the picture again", async () => {
    const { images, seeds } = await pool.generate({ prompt: "a cat", steps: 2 });
    const again = await pipeline.generate({ prompt: "a cat", steps: 2, seed: seeds[0]! });
    expect(images[0]!.data).toEqual(again.images[0]!.data);
    expect((await pool.generate({ prompt: "a cat", steps: 2 })).seeds).not.toEqual(seeds);
  });

  test("fail with the error of a pipeline, whose stack leads to the caller", async () => {
    for (const call of [
      { steps: 0 },
      { width: 63 },
      { imagePrompts: ["/none.png"] },
      { imagePrompts: [{ adapter: 3, image: raw }] },
      { stepz: 3 },
    ]) {
      const [pooled, alone] = [await rejection(pool.generate(call)), await rejection(pipeline.generate(call))];
      const parts = ({ name, code, message, option }: typeof pooled): unknown => ({ name, code, message, option });
      expect(parts(pooled)).toEqual(parts(alone));
      expect(pooled.constructor).toBe(alone.constructor);
      expect(pooled.stack).toContain("pool.test.ts");
    }
  });

  test.each([
    ["onStep", () => undefined],
    ["attentionMaps", {}],
  ])("%s is refused, and what to use instead is said", async (option, value) => {
    const error = await rejection(pool.generate({ ...CALL, [option]: value }));
    expect(error).toBeInstanceOf(OptionError);
    expect(error).toMatchObject({ option, message: expect.stringContaining("use a Pipeline") });
  });

  test("an abort ends a call in its child; what onProgress throws does, too; a deadline", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const stopped = pool.generate({
      ...CALL,
      steps: 900,
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    });
    expect(await rejection(stopped)).toBe(reason);
    const thrown = new Error("no more");
    expect(
      await rejection(
        pool.generate({
          ...CALL,
          steps: 900,
          onProgress: () => {
            throw thrown;
          },
        }),
      ),
    ).toBe(thrown);
    expect(await rejection(pool.generate({ ...CALL, steps: 900, deadline: 50 }))).toMatchObject({
      code: "ERR_IPA_DEADLINE",
    });
    // Their seats are free again: the children are done with them long before 900 steps.
    await pool.generate(CALL);
    while (pool.stats().active > 0) await pause(10);
    expect(pool.stats()).toMatchObject({ deaths: 0, queued: 0, active: 0 });
  });
});

describe("when children die", () => {
  test("at random moments, every call has its bits or an error, once", async () => {
    const random = randomBy(5);
    const before = pool.stats();
    const calls = Array.from({ length: 30 }, (_, seed) => ({ prompt: "a cat", steps: 4, seed }));
    const alone: unknown[] = [];
    for (const call of calls) alone.push((await pipeline.generate(call)).images[0]!.data);
    let kills = 0;
    const onProgress = (): void => {
      const pids = pidsOf(pool);
      if (kills >= 10 || random() > 0.3 || pids.length === 0) return;
      kills++;
      process.kill(pids[Math.floor(random() * pids.length)]!, "SIGKILL");
    };
    const settled = await Promise.allSettled(calls.map((call) => pool.generate({ ...call, onProgress })));
    for (const [i, one] of settled.entries())
      if (one.status === "fulfilled") expect(one.value.images[0]!.data).toEqual(alone[i]);
      else expect(one.reason).toBeInstanceOf(CrashError);
    const { accepted, succeeded, failed, aborted, deaths, late } = pool.stats();
    expect(kills).toBe(10);
    expect(deaths - before.deaths).toBeGreaterThan(0);
    expect(accepted - before.accepted).toBe(30);
    expect([succeeded - before.succeeded, failed - before.failed]).toEqual([
      settled.filter(({ status }) => status === "fulfilled").length,
      settled.filter(({ status }) => status === "rejected").length,
    ]);
    expect([aborted, late]).toEqual([before.aborted, before.late]);
  });

  test("a call that is there at two deaths fails and is listed; calls beside it do not suffer", async () => {
    const own = await EnginePool.create({ children: 1, concurrency: 4, coresPerChild: 1 });
    const kill = (): void => void process.kill(busyPid(own), "SIGKILL");
    const beside = [1, 2, 3].map((seed) => own.generate({ ...CALL, steps: 40, seed }));
    const poison = rejection(own.generate({ ...CALL, steps: 40, onProgress: kill }));
    const error = await poison;
    expect(error).toBeInstanceOf(CrashError);
    expect(error).toMatchObject({ code: "ERR_IPA_CRASHED", message: expect.stringMatching(/twice.*SIGKILL/) });
    expect((error as unknown as CrashError).deaths).toHaveLength(2);
    expect(own.failures).toEqual([{ at: expect.any(Number), error }]);
    for (const [i, made] of (await Promise.all(beside)).entries()) {
      const alone = await pipeline.generate({ ...CALL, steps: 40, seed: i + 1 });
      expect(made.images[0]!.data).toEqual(alone.images[0]!.data);
    }
    expect(own.stats()).toMatchObject({ accepted: 4, succeeded: 3, failed: 1, rerun: 4, deaths: 2 });
    await own.dispose();
  });

  test("a child whose event loop stands still is killed, and another does its call", async () => {
    const own = await EnginePool.create({ children: 1, heartbeatTimeout: 4000 });
    const made = await own.generate({ ...CALL, steps: 30, onProgress: killOnce(own, "SIGSTOP") });
    expect(made.images[0]!.data).toEqual((await pipeline.generate({ ...CALL, steps: 30 })).images[0]!.data);
    const { lastDeath } = await own.health();
    expect(lastDeath!.reason).toContain("had not answered for 4000 ms");
    expect(running(lastDeath!.pid!)).toBe(false);
    await own.dispose();
  });

  test("one that cannot start again is given up, and the pool says so", async () => {
    const folder = mkdtempSync(join(tmpdir(), "pool-"));
    cpSync(MINI, folder, { recursive: true });
    const own = await EnginePool.create({ model: folder, children: 1, maxRestarts: 1 });
    rmSync(folder, { recursive: true });
    const error = await rejection(own.generate({ ...CALL, steps: 200, onProgress: killOnce(own) }));
    expect(error).toBeInstanceOf(CrashError);
    expect(error.message).toMatch(/given up.*could not load the model.*not found/);
    expect(await own.health()).toMatchObject({ ok: false, state: "failed" });
    expect(await rejection(own.generate(CALL))).toBeInstanceOf(CrashError);
    await own.dispose();
  });
});

describe("memory", () => {
  test("calls that do not fit together run one after the other; one that never fits is refused", async () => {
    // As many threads as the child has: each has working memory of its own.
    const one = await Pipeline.load({ threads: 1 });
    const { weights, working } = await one.estimateMemory(CALL);
    await one.dispose();
    const memoryPerChild = Math.ceil(weights + 1.5 * working);
    const own = await EnginePool.create({ children: 1, coresPerChild: 1, memoryPerChild });
    expect(own.stats().memoryPerChild).toBe(memoryPerChild);
    const order: number[] = [];
    await Promise.all([0, 1, 2].map((i) => own.generate({ ...CALL, steps: 5, onProgress: () => order.push(i) })));
    expect([...order].sort()).toEqual(order);
    const refused = await rejection(own.generate({ ...CALL, width: 256, height: 256, vaeTiling: "off" }));
    expect(refused).toMatchObject({ code: "ERR_IPA_NO_MEMORY", message: expect.stringMatching(/^memoryPerChild: /) });
    await own.dispose();
  });

  test("a model that does not fit is refused", async () => {
    const error = await rejection(EnginePool.create({ children: 1, memoryPerChild: 1000 }));
    expect(error).toMatchObject({
      code: "ERR_IPA_NO_MEMORY",
      message: expect.stringContaining("memoryPerChild: the weights need"),
    });
  });
});

describe("from beginning to end", () => {
  test("create() fails as load() does, and leaves no child", async () => {
    const error = await rejection(EnginePool.create({ model: "/no/such/model" }));
    expect(error).toMatchObject({ code: "ERR_IPA_NOT_FOUND", message: expect.stringContaining("/no/such/model") });
    expect(await rejection(EnginePool.create({ childs: 2 } as never))).toMatchObject({ option: "childs" });
    expect(await rejection(EnginePool.create({ signal: AbortSignal.abort(new Error("no")) }))).toMatchObject({
      message: "no",
    });
  });

  test("maxQueue bounds what waits; drain() lets it end and refuses more; dispose() ends the children", async () => {
    const own = await EnginePool.create({ children: 1, concurrency: 1, maxQueue: 1 });
    const pids = pidsOf(own);
    const calls = [own.generate({ ...CALL, steps: 20 }), own.generate(CALL)];
    expect(own.stats()).toMatchObject({ active: 1, queued: 1 });
    expect(await rejection(own.generate(CALL))).toMatchObject({
      code: "ERR_IPA_BUSY",
      message: expect.stringContaining("this pool is busy"),
    });
    const drained = own.drain();
    expect(await rejection(own.generate(CALL))).toBeInstanceOf(DisposedError);
    await drained;
    expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
    expect(own.stats()).toMatchObject({ accepted: 2, succeeded: 2, queued: 0, active: 0 });
    expect(await own.health()).toMatchObject({ ok: false, state: "draining" });
    await own.dispose();
    expect(pids.map(running)).toEqual([false]);
  });

  test("dispose() ends running and waiting calls", async () => {
    const own = await EnginePool.create({ children: 1, concurrency: 1 });
    const calls = [1, 2].map(() => rejection(own.generate({ ...CALL, steps: 900 })));
    await Promise.all([own.dispose(), own.dispose()]);
    for (const error of await Promise.all(calls))
      expect(error).toMatchObject({ code: "ERR_IPA_DISPOSED", message: expect.stringContaining("this pool") });
    expect(await rejection(own.generate(CALL))).toBeInstanceOf(DisposedError);
    expect(own.stats()).toMatchObject({ accepted: 2, aborted: 2, deaths: 0 });
  });

  test.each(["import", "require"])("an idle pool lets a program end that has it by %s", async (how) => {
    const use = `const pool = await EnginePool.create({ children: 1 }); console.log((await pool.generate({ steps: 1, seed: 1 })).seeds[0]);`;
    const args =
      how === "import"
        ? ["--input-type=module", "-e", `import { EnginePool } from "node-ip-adapter"; ${use}`]
        : ["-e", `(async () => { const { EnginePool } = require("node-ip-adapter"); ${use} })()`];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
    expect(stdout).toBe("1\n");
  });

  test("children end when the program is killed, and not by the signals that it gets", async () => {
    const code = `const { EnginePool } = require("node-ip-adapter");
      (async () => {
        const pool = await EnginePool.create({ children: 1 });
        const [{ pid }] = pool.stats().children;
        process.kill(pid, "SIGTERM");
        process.kill(pid, "SIGINT");
        const { ok } = await pool.health();
        console.log(ok, pid);
        await pool.generate({ steps: 1000 });
      })()`;
    const parent = spawn(process.execPath, ["-e", code], { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(createInterface({ input: parent.stdout }), "line")) as [string];
    const pid = Number(/^true (\d+)$/.exec(line)![1]);
    expect(running(pid)).toBe(true);
    parent.kill("SIGKILL");
    while (running(pid)) await pause(20);
  });
});
