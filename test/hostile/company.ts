/**
 * `npm run check:company -- [--sessions 10000] [--seed N] [--dtype T]`: random calls alone, and the same in the company of others, in batches of a
 * hundred. Exits with 1 where a bit differs. Needs `npm run build`.
 */
import { parseArgs } from "node:util";

import { RandomCalls, compareInCompany, loadSmall, randomBy } from "../support/random-calls";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sessions: { type: "string", default: "10000" },
      seed: { type: "string", default: "1" },
      dtype: { type: "string", default: "f32" },
    },
  });
  const sessions = Number(values.sessions);
  const random = randomBy(Number(values.seed));
  const make = new RandomCalls(random);
  const pipeline = await loadSmall({ concurrency: 12, dtype: values.dtype as "f32" });
  const sums = { sessions: 0, different: 0, aborted: 0, failed: 0 };
  while (sums.sessions < sessions) {
    const calls = Array.from({ length: Math.min(100, sessions - sums.sessions) }, () => make.next());
    const { different, aborted, failed } = await compareInCompany(pipeline, calls, { random, together: 16 });
    for (const call of different)
      console.log(
        "differs:",
        JSON.stringify(call, (_, value: unknown) => (value instanceof Uint8Array ? "…" : value)),
      );
    sums.sessions += calls.length;
    sums.different += different.length;
    sums.aborted += aborted;
    sums.failed += failed;
    if (sums.sessions % 1000 === 0) console.log(JSON.stringify({ ...sums, batches: pipeline.stats().batches }));
  }
  await pipeline.dispose();
  process.exitCode = sums.different > 0 ? 1 : 0;
}

void main();
