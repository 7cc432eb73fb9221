/** Many short jobs, some aborted, some wrong, and a model loaded anew now and then, while the memory of the server is watched. */
import { randomBy } from "../../support/random-calls";
import { type Kind, follow, kindOf, submit } from "./calls";
import { ServerProcess } from "./process";

const TOGETHER = 8;
const [ABORTED, BAD] = [0.3, 0.1];
/** Jobs between two loads of another model. */
const RELOAD = 500;

export interface Soak {
  jobs: number;
  /** MiB by thousand jobs, over the second half; undefined: too few jobs to tell */
  slope: number | undefined;
  [count: string]: number | undefined;
}

export async function checkSoak(kinds: readonly Kind[], jobs: number, seed: number): Promise<Soak> {
  const random = randomBy(seed);
  // Two models of which one fits at a time: who asks for the other has it loaded, and the first unloaded. In the process of the
  // server, where what leaks stays.
  const server = await ServerProcess.start({
    models: ["mini", "other"].map((name) => ({ name, processes: 0 })),
    memoryBudget: 1,
    queue: { running: 4, perKey: 1000 },
  });
  const sums = { succeeded: 0, aborted: 0, bad: 0, wrong: 0, reloads: 0 };
  const memory: [jobs: number, mebibytes: number][] = [];
  let begun = 0;
  let model = "mini";
  const one = async (index: number): Promise<void> => {
    if (index % RELOAD === 0) {
      model = model === "mini" ? "other" : "mini";
      sums.reloads++;
    }
    if (index % Math.ceil(jobs / 40) === 0) memory.push([index, await mebibytes(server)]);
    const { options, alone } = kindOf(kinds, random);
    const what = random();
    if (what < BAD) {
      const refused = await submit(server.url, { model, options: { ...options, steps: 0 } });
      sums[refused === undefined ? "bad" : "wrong"]++;
      return;
    }
    const job = await submit(server.url, { model, options });
    if (job === undefined) {
      sums.wrong++;
      return;
    }
    if (what < BAD + ABORTED) await fetch(`${server.url}/v1/jobs/${job.id}/cancel`, { method: "POST" });
    const { outcome } = await follow(server.url, job.id, alone);
    if (outcome === "succeeded") sums.succeeded++;
    else sums[outcome === "cancelled" && what < BAD + ABORTED ? "aborted" : "wrong"]++;
  };
  const worker = async (): Promise<void> => {
    while (begun < jobs) await one(begun++);
  };
  await Promise.all(Array.from({ length: TOGETHER }, worker));
  memory.push([jobs, await mebibytes(server)]);
  await server.stop();
  console.log(`MiB by jobs: ${memory.map(([at, size]) => `${at} ${size.toFixed(0)}`).join(", ")}`);
  return { jobs, ...sums, slope: slopeOf(memory.slice(Math.ceil(memory.length / 2))) };
}

const mebibytes = async (server: ServerProcess): Promise<number> =>
  ((await server.metrics()).get("resident_bytes") ?? 0) / 2 ** 20;

/** Least squares, by thousand jobs. */
function slopeOf(points: readonly [number, number][]): number | undefined {
  if (points.length < 5) return undefined;
  const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const [x, y] = [mean(points.map(([jobs]) => jobs)), mean(points.map(([, size]) => size))];
  const across = points.reduce((sum, [jobs, size]) => sum + (jobs - x) * (size - y), 0);
  return (1000 * across) / points.reduce((sum, [jobs]) => sum + (jobs - x) ** 2, 0);
}
