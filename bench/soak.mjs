// Does memory stay flat? `npm run soak [-- --generations 1000 --rounds 200]` makes many pictures with one pipeline, then
// loads and disposes of many pipelines, and prints the resident memory over time with its slope over the second half.
import { parseArgs } from "node:util";
import { Pipeline } from "node-ip-adapter";

const { values } = parseArgs({
  options: {
    generations: { type: "string", default: "1000" },
    rounds: { type: "string", default: "200" },
    steps: { type: "string", default: "4" },
    /** growth in KiB a round that counts as a leak */
    limit: { type: "string", default: "20" },
  },
});
const image = new URL("../examples/images/red-apple.png", import.meta.url);
const request = { prompt: "on a blue background", imagePrompts: [{ image }], steps: Number(values.steps) };

/** Resident memory in KiB, after the collector has run when Node offers it (--expose-gc). */
function residentKiB() {
  globalThis.gc?.();
  return process.memoryUsage.rss() / 1024;
}

/** Least-squares slope of y over x. */
function slope(points) {
  const mean = (pick) => points.reduce((sum, point) => sum + pick(point), 0) / points.length;
  const mx = mean((p) => p.x);
  const my = mean((p) => p.y);
  const covariance = points.reduce((sum, p) => sum + (p.x - mx) * (p.y - my), 0);
  return covariance / points.reduce((sum, p) => sum + (p.x - mx) ** 2, 0);
}

async function watch(name, count, round) {
  const points = [];
  const every = Math.max(1, Math.floor(count / 20));
  for (let i = 1; i <= count; ++i) {
    await round(i);
    if (i % every !== 0) continue;
    const y = residentKiB();
    points.push({ x: i, y });
    console.log(`${name} ${String(i).padStart(5)}  resident ${(y / 1024).toFixed(1)} MiB`);
  }
  const late = points.slice(Math.floor(points.length / 2));
  const growth = late.length < 2 ? 0 : slope(late);
  console.log(`${name}: slope over the second half ${growth.toFixed(2)} KiB a round\n`);
  return growth;
}

const pipeline = await Pipeline.load();
const generations = await watch("generate", Number(values.generations), (seed) =>
  pipeline.generate({ ...request, seed }),
);
await pipeline.dispose();

const rounds = await watch("load and dispose", Number(values.rounds), async (seed) => {
  const fresh = await Pipeline.load();
  await fresh.generate({ ...request, seed, steps: 1 });
  await fresh.dispose();
});

const limit = Number(values.limit);
const flat = generations <= limit && rounds <= limit;
console.log(`memory ${flat ? "is flat" : "grows"}: limit ${limit} KiB a round`);
process.exitCode = flat ? 0 : 1;
