/**
 * `npm run check:server -- [--kills 100] [--drains 50] [--disconnects 1000] [--jobs 20000] [--seed N] [--short]`: a server whose engines are
 * killed, that is told to stop, whose clients go away, and that runs for long. Counts accepted jobs that were lost (neither result nor
 * error), delivered twice, or have other bits than alone; exits with 1 where there is any, or where memory grows by more than 1 MiB by
 * thousand jobs. Needs `npm run build`.
 */
import { parseArgs } from "node:util";

import { makeKinds } from "./calls";
import { checkDisconnects } from "./disconnects";
import { checkDrains } from "./drains";
import { checkKills } from "./kills";
import { checkSoak } from "./soak";

const FULL = { kills: 100, drains: 50, disconnects: 1000, jobs: 20_000 };
const SHORT = { kills: 6, drains: 3, disconnects: 80, jobs: 300 };
/** Pixels along a side. */
const SIDE = 64;
/** MiB by thousand jobs. */
const MOST_SLOPE = 1;
/** Counts that have to be zero. */
const FAULTS = ["lost", "twice", "different", "failed", "wrong", "left", "unanswered", "badExits"];

async function main(): Promise<void> {
  const number = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      kills: number,
      drains: number,
      disconnects: number,
      jobs: number,
      seed: number,
      short: { type: "boolean" },
    },
  });
  const { kills, drains, disconnects, jobs } = { ...(values.short === true ? SHORT : FULL), ...values };
  const seed = Number(values.seed ?? 1);
  const kinds = await makeKinds(SIDE);
  const parts = {
    kills: () => checkKills(kinds, Number(kills), seed),
    drains: () => checkDrains(kinds, Number(drains), seed),
    disconnects: () => checkDisconnects(kinds, Number(disconnects), seed),
    soak: () => checkSoak(kinds, Number(jobs), seed),
  };
  const faults: string[] = [];
  for (const [name, check] of Object.entries(parts)) {
    const sums: Record<string, number | undefined> = await check();
    console.log(`${name}: ${JSON.stringify(sums)}`);
    for (const fault of FAULTS) if ((sums[fault] ?? 0) > 0) faults.push(`${name}: ${sums[fault]} ${fault}`);
    if (values.short !== true && (sums.slope ?? 0) > MOST_SLOPE) faults.push(`${name}: memory grows`);
  }
  console.log(faults.length === 0 ? "no fault" : faults.join("\n"));
  process.exitCode = faults.length === 0 ? 0 : 1;
}

void main();
