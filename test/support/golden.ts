/** The references that tools/goldens makes: a description of calls, and the tensors that diffusers gives for them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { GenerateOptions } from "../../lib/index";
import { ROOT } from "./load";
import { readSafetensors } from "./safetensors";

export const GOLDEN = join(ROOT, "test/golden");

interface Described<Case> {
  prompt: string;
  negative: string;
  steps: number;
  guidance: number;
  seed: number;
  /** of the adapter, where there is one */
  scale?: number;
  cases: Case[];
}

/** NAME.json and NAME.safetensors, and the options that every case's call has. */
export function readGolden<Case>(name: string) {
  const index = JSON.parse(readFileSync(join(GOLDEN, `${name}.json`), "utf8")) as Described<Case>;
  const { prompt, negative: negativePrompt, steps, guidance, seed } = index;
  return {
    index,
    golden: readSafetensors(join(GOLDEN, `${name}.safetensors`)),
    call: { prompt, negativePrompt, steps, guidance, seed, width: 64, height: 64 } satisfies GenerateOptions,
  };
}

/** The length of the difference by that of the reference. */
export const relativeError = (ours: Float32Array, theirs: Float32Array): number =>
  Math.hypot(...ours.map((value, i) => value - theirs[i]!)) / Math.hypot(...theirs);
