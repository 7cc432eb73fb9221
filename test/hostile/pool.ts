/**
 * `npm run check:pool -- [--kills 100] [--seed N]`: calls of a pool whose children are ended and stopped at random moments, some of them
 * aborted. Counts what was lost (neither result nor error), delivered twice, or has other bits than alone; exits with 1 where there is
 * any. Needs `npm run build`.
 */
import { createHash } from "node:crypto";
import { parseArgs } from "node:util";

import { CrashError, EnginePool, type GenerateOptions, Pipeline } from "../../lib/index";
import { noise, randomBy } from "../support/random-calls";

/** Calls at a time. */
const TOGETHER = 12;
/** Different calls; each is made many times. */
const KINDS = 24;
/** Share of the steps after which a child is killed, and of the calls that are aborted. */
const [KILLED, ABORTED] = [0.02, 0.1];

const sums = {
  calls: 0,
  succeeded: 0,
  crashed: 0,
  aborted: 0,
  otherErrors: 0,
  lost: 0,
  twice: 0,
  different: 0,
  kills: 0,
};
type Sum = keyof typeof sums;

function callOf(kind: number): GenerateOptions {
  const image = { data: noise(40, 40, kind), width: 40, height: 40 };
  const prompts = kind % 3 === 0 ? { imagePrompts: [{ image, scale: 0.6 }] } : {};
  return {
    prompt: `a cat ${kind}`,
    seed: kind,
    steps: 2 + (kind % 3),
    count: 1 + (kind % 2),
    metadata: false,
    ...prompts,
  };
}

async function hashOf(engine: Pick<EnginePool, "generate">, call: GenerateOptions): Promise<string> {
  const hash = createHash("sha256");
  for (const { data } of (await engine.generate(call)).images) hash.update(data);
  return hash.digest("hex");
}

class Killer {
  readonly #pool: EnginePool;
  readonly #random: () => number;
  readonly #most: number;

  constructor(pool: EnginePool, random: () => number, most: number) {
    this.#pool = pool;
    this.#random = random;
    this.#most = most;
  }

  get done(): boolean {
    return sums.kills >= this.#most;
  }

  /** Now and then ends a child, or stops it so that the heartbeat has to. */
  maybe(): void {
    if (this.done || this.#random() > KILLED) return;
    const pids = this.#pool.stats().children.flatMap(({ pid }) => pid ?? []);
    const pid = pids[Math.floor(this.#random() * pids.length)];
    if (pid === undefined) return;
    process.kill(pid, this.#random() < 0.05 ? "SIGSTOP" : "SIGKILL");
    sums.kills++;
  }
}

/** What becomes of one call. Whatever is heard of it when it has its result or error is a second delivery. */
async function outcome(pool: EnginePool, call: GenerateOptions, alone: string): Promise<Sum> {
  const { onProgress } = call;
  let settled = false;
  const watched: GenerateOptions["onProgress"] = (event) => {
    if (settled) sums.twice++;
    else onProgress?.(event);
  };
  try {
    const hash = await hashOf(pool, { ...call, onProgress: watched });
    return hash === alone ? "succeeded" : "different";
  } catch (error) {
    if (error instanceof CrashError) return "crashed";
    return (error as Error).message === "aborted" ? "aborted" : "otherErrors";
  } finally {
    settled = true;
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { kills: { type: "string", default: "100" }, seed: { type: "string", default: "1" } },
  });
  const random = randomBy(Number(values.seed));
  const lone = await Pipeline.load();
  const alone: string[] = [];
  for (let kind = 0; kind < KINDS; kind++) alone.push(await hashOf(lone, callOf(kind)));
  await lone.dispose();
  const pool = await EnginePool.create({ children: 2, heartbeatTimeout: 5000 });
  const killer = new Killer(pool, random, Number(values.kills));
  const worker = async (): Promise<void> => {
    while (!killer.done) {
      const kind = Math.floor(random() * KINDS);
      const controller = new AbortController();
      const doomed = random() < ABORTED;
      const onProgress = (): void => {
        killer.maybe();
        if (doomed) controller.abort(new Error("aborted"));
      };
      sums.calls++;
      sums[await outcome(pool, { ...callOf(kind), signal: controller.signal, onProgress }, alone[kind] ?? "")]++;
      if (sums.calls % 200 === 0) console.log(JSON.stringify(sums));
    }
  };
  await Promise.all(Array.from({ length: TOGETHER }, worker));
  await pool.drain();
  const { accepted, succeeded, failed, aborted, rerun, deaths, late } = pool.stats();
  const counted = succeeded + failed + aborted;
  sums.lost = accepted - counted;
  if (counted > accepted || pool.failures.length > sums.crashed) sums.twice++;
  await pool.dispose();
  console.log(JSON.stringify({ ...sums, pool: { accepted, succeeded, failed, aborted, rerun, deaths, late } }));
  const settled = sums.succeeded + sums.crashed + sums.aborted + sums.otherErrors;
  process.exitCode = sums.lost + sums.twice + sums.different + sums.otherErrors > 0 || settled !== accepted ? 1 : 0;
}

void main();
