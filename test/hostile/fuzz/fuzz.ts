import { fuzzPrompt } from "./prompts";
import { Random } from "./random";
import { fuzzTokenizer } from "./tokenizers";
import { fuzzValues } from "./values";

const FUZZERS = { tokenizers: fuzzTokenizer, prompts: fuzzPrompt, values: fuzzValues } satisfies Record<
  string,
  (random: Random, scratch: string) => Promise<void>
>;
/** Milliseconds for one input; a bound, as machines go. */
const MOST_TIME = 10_000;

export const isFuzzer = (name: string): name is keyof typeof FUZZERS => Object.hasOwn(FUZZERS, name);

/** Inputs of the seeds `seed`, `seed + 1`, … for so many seconds. @throws what is wrong, with the seed that gives it again */
export async function fuzz(
  which: keyof typeof FUZZERS,
  seconds: number,
  seed: number,
  scratch: string,
): Promise<{ inputs: number; slowest: number }> {
  const end = performance.now() + seconds * 1000;
  let [inputs, slowest] = [0, 0];
  for (; performance.now() < end; inputs++) {
    const started = performance.now();
    try {
      await FUZZERS[which](new Random(seed + inputs), scratch);
    } catch (error) {
      throw new Error(`seed ${seed + inputs} of ${which}`, { cause: error });
    }
    // The event loop is watched: other inputs' time is not this one's.
    await new Promise(setImmediate);
    slowest = Math.max(slowest, performance.now() - started);
    if (slowest > MOST_TIME) throw new Error(`seed ${seed + inputs} of ${which} took ${slowest.toFixed(0)} ms`);
  }
  return { inputs, slowest };
}
