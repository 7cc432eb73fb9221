/** A few seconds of every fuzzer; `npm run fuzz:js` runs one for longer. */
import type { HostileCases } from "./case";
import { fuzz } from "./fuzz/fuzz";

const SEED = 20_260_000;

const short =
  (which: "tokenizers" | "prompts" | "values") =>
  async (scratch: string): Promise<void> => {
    await fuzz(which, 8, SEED, scratch);
  };

export const cases: HostileCases = {
  tokenizers: { memory: 350, seconds: 60, run: short("tokenizers") },
  prompts: { memory: 350, seconds: 60, run: short("prompts") },
  "values of options": { memory: 500, seconds: 60, run: short("values") },
};
