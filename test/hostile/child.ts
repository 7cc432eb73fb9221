/** Runs one case, in a process that runner.ts started: child.ts TOPIC CASE SCRATCH. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";

import { type Report, casesOf } from "./case";

async function main(topic: string, name: string, scratch: string): Promise<void> {
  const chosen = casesOf(topic)[name];
  if (chosen === undefined) throw new Error(`no case ${name} in ${topic}`);
  chosen.prepare?.(scratch);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await sleep(10);
  delay.reset();
  const report: Report = { blocked: 0 };
  try {
    await chosen.run(scratch);
  } catch (error) {
    report.error = inspect(error);
  }
  // Listeners that were left behind, and rejections that nobody waits for, come to light.
  await sleep(20);
  report.blocked = Math.round(delay.max / 1e6);
  process.send?.(report);
  process.disconnect();
}

const [topic = "", name = "", scratch = ""] = process.argv.slice(2);
void main(topic, name, scratch);
