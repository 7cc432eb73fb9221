/** Clients that go away at random moments: from answers, which ends the work, and from the events of a job, which does not. */
import { randomBy } from "../../support/random-calls";
import { type Kind, Tally, kindOf, submit } from "./calls";
import { ServerProcess } from "./process";

/** Clients at a time, the share of those that only watch a job, and the milliseconds within which they go. */
const [TOGETHER, WATCHERS, SOON] = [8, 0.25, 60];

export async function checkDisconnects(
  kinds: readonly Kind[],
  count: number,
  seed: number,
): Promise<Record<string, number>> {
  const random = randomBy(seed);
  const server = await ServerProcess.start({ queue: { running: 4, perKey: 1000 } });
  const sums = { disconnects: 0, inTime: 0, refused: 0, left: 0 };
  const tally = new Tally();
  let begun = 0;
  const watcher = async (): Promise<void> => {
    const { options, alone } = kindOf(kinds, random);
    const job = await submit(server.url, { options });
    if (job === undefined) {
      sums.refused++;
      return;
    }
    const gone = await goneFrom(`${server.url}/v1/jobs/${job.id}/events`, {}, random() * SOON);
    sums[gone ? "disconnects" : "inTime"]++;
    // Somebody else, or the same one later.
    await tally.follow(server.url, job, alone);
  };
  const asker = async (): Promise<void> => {
    const stream = random() < 0.5;
    const body = { prompt: "a dog", size: "64x64", num_inference_steps: 30, stream, partial_images: stream ? 2 : 0 };
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    const gone = await goneFrom(`${server.url}/v1/images/generations`, init, random() * SOON);
    sums[gone ? "disconnects" : "inTime"]++;
  };
  const worker = async (): Promise<void> => {
    while (begun++ < count) await (random() < WATCHERS ? watcher() : asker());
  };
  await Promise.all(Array.from({ length: TOGETHER }, worker));
  sums.left = await leftOver(server);
  const ended = await server.metrics();
  await server.stop();
  return { ...sums, ...tally.sums, cancelledByServer: ended.get('jobs_ended_total{state="cancelled"}') ?? 0 };
}

/** @returns whether the answer was cut */
async function goneFrom(url: string, init: RequestInit, after: number): Promise<boolean> {
  const signal = AbortSignal.timeout(Math.ceil(after));
  try {
    const response = await fetch(url, { ...init, signal });
    await response.text();
    return false;
  } catch (error) {
    if (!signal.aborted) throw error;
    return true;
  }
}

/** Jobs that are still there when nobody waits for any: none, or the engine would paint for nobody. Asked until it is so. */
async function leftOver(server: ServerProcess): Promise<number> {
  const until = performance.now() + 30_000;
  for (;;) {
    const metrics = await server.metrics();
    const left = (metrics.get("jobs_running") ?? 0) + (metrics.get("jobs_queued") ?? 0);
    if (left === 0 || performance.now() > until) return left;
    await new Promise(setImmediate);
  }
}
