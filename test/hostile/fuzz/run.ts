/**
 * npm run fuzz:js [-- tokenizers|prompts|values [SECONDS [SEED]]]: tries inputs that a seed makes, until the time is over or one gives a
 * wrong answer, which then is named by its seed. In a process with a small heap; one input may take a few seconds.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { fuzz, isFuzzer } from "./fuzz";

async function main(which = "tokenizers", seconds = "60", seed = "1"): Promise<void> {
  if (!isFuzzer(which)) throw new Error(`${which}: expected tokenizers, prompts or values`);
  const scratch = mkdtempSync(join(tmpdir(), "fuzz-"));
  try {
    const { inputs, slowest } = await fuzz(which, Number(seconds), Number(seed), scratch);
    console.log(
      `${which}: ${inputs} inputs from seed ${seed} on, slowest ${slowest.toFixed(0)} ms, ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`,
    );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

void main(...process.argv.slice(2));
