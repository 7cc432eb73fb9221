// What the evaluations share: their flags, Python, and two pipelines that work through a list.
import { execFileSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Pipeline } from "node-ip-adapter";

import { PICTURE } from "./raw.mjs";

export const STEPS = 30;
export const HERE = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(HERE, "../..");

/** The common flags of the evaluations, with the default of --count, and folders below the repository for flags that one of them has. */
export function readFlags({ count, ...folders }) {
  const text = (value) => ({ type: "string", default: value });
  const below = (folder) => text(path.join(root, folder));
  const { values: flags } = parseArgs({
    options: {
      work: below("build/mini"),
      python: text("python3"),
      model: below("models/mini"),
      ...Object.fromEntries(Object.entries(folders).map(([name, folder]) => [name, below(folder)])),
      count: text(count),
      rows: text(""),
      guidance: text("4"),
    },
  });
  const work = path.resolve(flags.work);
  return {
    flags,
    work,
    /** the names of `--rows`; none: all */
    wanted: flags.rows.split(",").filter(Boolean),
    file: (name) => path.join(work, name),
    python: (...args) =>
      execFileSync(flags.python, args, {
        stdio: "inherit",
        env: { ...process.env, PYTHONPATH: HERE, PYTHONWARNINGS: "ignore" },
      }),
  };
}

/** One pipeline a core, each on one thread: small networks scale better so than by sharing a thread pool. */
export const loadPair = (options) => Promise.all([0, 1].map(() => Pipeline.load({ ...options, threads: 1 })));

export async function inTurn(pipelines, items, work) {
  let next = 0;
  await Promise.all(
    pipelines.map(async (pipeline) => {
      while (next < items.length) await work(pipeline, items[next++]);
    }),
  );
}

/** @returns the pictures of the requests, `bytes` each, one behind the other */
export async function paint(pipelines, requests, bytes = PICTURE) {
  const out = Buffer.alloc(requests.length * bytes);
  await inTurn(pipelines, [...requests.entries()], async (pipeline, [i, request]) => {
    const { images } = await pipeline.generate({ steps: STEPS, ...request });
    out.set(images[0].data, i * bytes);
  });
  return out;
}
