/** The jobs of the server: turns between owners, bounds, ends. No engine and no HTTP. */
import v8 from "node:v8";
import vm from "node:vm";

import { FairQueue } from "../lib/server/jobs/fair-queue";
import type { Job, JobImage, JobSpec, Work } from "../lib/server/jobs/job";
import { type JobLimits, Jobs } from "../lib/server/jobs/jobs";

const LIMITS: JobLimits = {
  running: 1,
  queue: 10,
  perOwner: 10,
  requestBytes: 1e9,
  keepSeconds: 600,
  keepJobs: 100,
  keepBytes: 1e9,
};
const picture = (size = 1): JobImage => ({
  seed: 1,
  width: 1,
  height: 1,
  type: "image/png",
  bytes: Buffer.alloc(size),
});

let serial = 0;
const spec = (work: Work, others: Partial<JobSpec> = {}): JobSpec => ({
  id: `job-${serial++}`,
  owner: "ann",
  model: "mini",
  fingerprint: "",
  deadline: 60_000,
  bytes: 0,
  work,
  ...others,
});

/** Work that ends when it is told to, or when its signal fires. */
function held(): { work: Work; begun: Promise<void>; release: (images?: JobImage[]) => void } {
  let release!: (images?: JobImage[]) => void, begin!: () => void;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const released = new Promise<JobImage[]>((resolve) => (release = (images = [picture()]) => resolve(images)));
  const work: Work = ({ signal }) => {
    begin();
    return Promise.race([
      released,
      new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    ]);
  };
  return { work, begun, release };
}

const code = (run: () => unknown): unknown => {
  try {
    run();
    return "no error";
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
};

test("owners take turns, however many entries one of them has", () => {
  const queue = new FairQueue<string>();
  for (const entry of ["a1", "a2", "a3", "b1", "c1", "c2"]) queue.push(entry[0]!, entry);
  const ahead = ["a1", "a2", "a3", "b1", "c1", "c2"].map((entry) => queue.ahead(entry[0]!, entry));
  const order = Array.from({ length: 6 }, () => queue.shift());
  expect(order).toEqual(["a1", "b1", "c1", "a2", "c2", "a3"]);
  expect(ahead).toEqual(["a1", "a2", "a3", "b1", "c1", "c2"].map((entry) => order.indexOf(entry)));
  expect(queue.shift()).toBeUndefined();
});

test("a newcomer's job runs before the second job of who asked for many", async () => {
  const jobs = new Jobs(LIMITS);
  const order: string[] = [];
  const say = (name: string, owner: string): Job =>
    jobs.submit(spec(() => Promise.resolve((order.push(name), [])), { owner })).job;
  const first = held();
  jobs.submit(spec(first.work));
  const all = [say("ann 1", "ann"), say("ann 2", "ann"), say("bob 1", "bob")];
  expect(all.map((job) => [job.state, jobs.ahead(job)])).toEqual([
    ["queued", 0],
    ["queued", 2],
    ["queued", 1],
  ]);
  first.release();
  await Promise.all(all.map(({ done }) => done));
  expect(order).toEqual(["ann 1", "bob 1", "ann 2"]);
});

test("states, progress and pictures of a job, as its watchers see them", async () => {
  const jobs = new Jobs({ ...LIMITS, running: 1 });
  const blocker = held();
  jobs.submit(spec(blocker.work));
  const { job } = jobs.submit(
    spec(({ report }) => {
      report({ step: 1, total: 2, image: 0, seed: 5 });
      return Promise.resolve([picture()]);
    }),
  );
  const seen: string[] = [];
  job.watch(({ type }) => seen.push(`${type} ${job.state} ${job.progress?.step ?? "-"}`));
  blocker.release();
  await job.done;
  expect(seen).toEqual(["state running -", "progress running 1", "state succeeded 1"]);
  expect(job.images).toHaveLength(1);
  expect(jobs.ended).toEqual({ succeeded: 2, failed: 0, cancelled: 0 });
});

test("creating twice with one id makes one job; another request with it is refused; other owners do not see it", async () => {
  const jobs = new Jobs(LIMITS);
  let runs = 0;
  const work: Work = () => Promise.resolve([picture(++runs)]);
  const { job, created } = jobs.submit(spec(work, { id: "x", fingerprint: "same" }));
  const again = jobs.submit(spec(work, { id: "x", fingerprint: "same" }));
  expect([created, again.created, again.job === job]).toEqual([true, false, true]);
  expect(code(() => jobs.submit(spec(work, { id: "x", fingerprint: "other" })))).toBe("id_in_use");
  expect(jobs.get("bob", "x")).toBeUndefined();
  await jobs.submit(spec(work, { id: "x", owner: "bob", fingerprint: "other" })).job.done;
  expect(runs).toBe(2);
  // Also when it is over.
  expect(jobs.submit(spec(work, { id: "x", fingerprint: "same" })).job).toBe(job);
});

test("cancelling ends a job that waits or runs, once, and frees its place", async () => {
  const jobs = new Jobs(LIMITS);
  const [running, waiting, next] = [held(), held(), held()];
  const one = jobs.submit(spec(running.work)).job;
  const two = jobs.submit(spec(waiting.work)).job;
  const three = jobs.submit(spec(next.work)).job;
  await running.begun;
  expect([jobs.cancel(two), jobs.cancel(two), jobs.cancel(one), jobs.cancel(one)]).toEqual([true, false, true, false]);
  await next.begun;
  expect([one.state, two.state, three.state, jobs.queued]).toEqual(["cancelled", "cancelled", "running", 0]);
  next.release();
  await three.done;
  expect(jobs.cancel(three)).toBe(false);
  expect(three.state).toBe("succeeded");
});

test("the place of a cancelled job is free when its work has stopped, not before", async () => {
  const jobs = new Jobs(LIMITS);
  let stop!: () => void;
  const stubborn = jobs.submit(spec(() => new Promise((resolve) => (stop = () => resolve([picture()]))))).job;
  const next = held();
  jobs.submit(spec(next.work));
  jobs.cancel(stubborn);
  await stubborn.done;
  expect([jobs.running, jobs.queued]).toEqual([1, 1]);
  stop();
  await next.begun;
  // What came late does not count.
  expect([stubborn.state, stubborn.images]).toEqual(["cancelled", []]);
  next.release();
});

test("refusals: a full queue, too many of one owner, and how long to wait", async () => {
  const jobs = new Jobs({ ...LIMITS, queue: 2, perOwner: 2 });
  const work = held();
  jobs.submit(spec(work.work));
  const second = jobs.submit(spec(work.work)).job;
  expect(code(() => jobs.submit(spec(work.work)))).toBe("too_many_jobs");
  jobs.submit(spec(work.work, { owner: "bob" }));
  try {
    jobs.submit(spec(work.work, { owner: "eve" }));
    throw new Error("accepted");
  } catch (error) {
    expect(error).toMatchObject({ status: 429, code: "queue_full" });
    expect((error as { retryAfter: number }).retryAfter).toBeGreaterThanOrEqual(1);
  }
  jobs.cancel(second);
  await second.done;
  expect(code(() => jobs.submit(spec(work.work)))).toBe("no error");
  work.release();
});

test("a job that is not done in time fails, running or waiting", async () => {
  const jobs = new Jobs(LIMITS);
  const [slow, behind] = [held(), held()];
  const one = jobs.submit(spec(slow.work, { deadline: 30 })).job;
  const two = jobs.submit(spec(behind.work, { deadline: 1 })).job;
  await Promise.all([one.done, two.done]);
  expect([one.state, two.state]).toEqual(["failed", "failed"]);
  expect(two.error).toMatchObject({ code: "ERR_IPA_DEADLINE" });
  expect(two.started).toBeUndefined();
});

test("ended jobs are kept by count, bytes and time; the last one is always there", async () => {
  const run = async (jobs: Jobs, id: string): Promise<void> =>
    jobs.submit(spec(() => Promise.resolve([picture(10)]), { id })).job.done;
  const ids = async (limits: Partial<JobLimits>): Promise<string> => {
    const jobs = new Jobs({ ...LIMITS, ...limits });
    for (const id of ["a", "b", "c"]) await run(jobs, id);
    return ["a", "b", "c"].filter((id) => jobs.get("ann", id) !== undefined).join("");
  };
  expect(await ids({})).toBe("abc");
  expect(await ids({ keepJobs: 2 })).toBe("bc");
  expect(await ids({ keepBytes: 15 })).toBe("c");
  expect(await ids({ keepBytes: 1 })).toBe("c");
  expect(await ids({ keepSeconds: 0 })).toBe("");
});

test("draining refuses new jobs, lets the others end, and cancels those that do not", async () => {
  const jobs = new Jobs({ ...LIMITS, running: 2 });
  const [quick, slow, waiting] = [held(), held(), held()];
  const one = jobs.submit(spec(quick.work)).job;
  const two = jobs.submit(spec(slow.work)).job;
  const three = jobs.submit(spec(waiting.work)).job;
  const drained = jobs.drain(0.05);
  expect(code(() => jobs.submit(spec(quick.work)))).toBe("stopping");
  quick.release();
  await drained;
  expect([one.state, two.state, three.state]).toEqual(["succeeded", "cancelled", "cancelled"]);
  expect([jobs.running, jobs.queued]).toEqual([0, 0]);
});

test("work that never returns, of a job that is over, does not hold up the end", async () => {
  jest.useFakeTimers();
  try {
    const jobs = new Jobs(LIMITS);
    const { job } = jobs.submit(spec(() => new Promise(() => undefined)));
    const drained = jobs.drain(1);
    await jest.advanceTimersByTimeAsync(60_000);
    await drained;
    expect(job.state).toBe("cancelled");
  } finally {
    jest.useRealTimers();
  }
});

test("after draining, owners have time to fetch what ended, and no longer than they need", async () => {
  const jobs = new Jobs(LIMITS);
  const two = jobs.submit(spec(() => Promise.resolve([picture(), picture()]))).job;
  const none = jobs.submit(spec(() => Promise.reject(new Error("no")))).job;
  await jobs.drain(60);
  let over = false;
  const handedOut = jobs.handOut(60).then(() => (over = true));
  for (const step of [() => two.handedOut([1]), () => none.handedOut([]), () => two.handedOut([])]) {
    step();
    await new Promise(setImmediate);
    expect(over).toBe(false);
  }
  two.handedOut([0]);
  await handedOut;
  // Nobody comes.
  const left = new Jobs(LIMITS);
  left.submit(spec(() => Promise.resolve([picture()])));
  await left.drain(60);
  await left.handOut(0.01);
});

test("what a job holds of its request goes with it when it is over", async () => {
  v8.setFlagsFromString("--expose-gc");
  const collect = vm.runInNewContext("gc") as () => void;
  const jobs = new Jobs({ ...LIMITS, queue: 3, requestBytes: 100 });
  const first = held();
  jobs.submit(spec(first.work, { bytes: 60 }));
  const waiting = (): { job: Job; held: WeakRef<Uint8Array> } => {
    const pictures = new Uint8Array(40);
    const work: Work = () => Promise.resolve([picture(pictures.length)]);
    return { job: jobs.submit(spec(work, { bytes: 40 })).job, held: new WeakRef(pictures) };
  };
  const { job, held: pictures } = waiting();
  expect(code(() => jobs.submit(spec(first.work, { bytes: 1 })))).toBe("queue_full");
  jobs.cancel(job);
  await job.done;
  await new Promise(setImmediate);
  collect();
  expect(pictures.deref()).toBeUndefined();
  expect(code(() => jobs.submit(spec(first.work, { bytes: 40 })))).toBe("no error");
  first.release();
});
