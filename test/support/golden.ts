/** The references that tools/goldens makes: a description of calls, and the tensors that diffusers gives for them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Pipeline, type GenerateOptions } from "../../lib/index";
import { ROOT } from "./load";
import { readSafetensors } from "./safetensors";

export const GOLDEN = join(ROOT, "test/golden");

interface DescribedCall {
  prompt: string;
  negative: string;
  steps: number;
  guidance: number;
  seed: number;
}

interface Described<Case> extends DescribedCall {
  /** of the adapter, where there is one */
  scale?: number;
  cases: Case[];
}

/** What is described, as options. */
export const describedCall = ({ prompt, negative: negativePrompt, steps, guidance, seed }: DescribedCall) =>
  ({ prompt, negativePrompt, steps, guidance, seed, width: 64, height: 64 }) satisfies GenerateOptions;

/** NAME.json and NAME.safetensors, and the options that every case's call has. */
export function readGolden<Case>(name: string) {
  const index = JSON.parse(readFileSync(join(GOLDEN, `${name}.json`), "utf8")) as Described<Case>;
  return { index, golden: readSafetensors(join(GOLDEN, `${name}.safetensors`)), call: describedCall(index) };
}

/** Tests of cases by the small model and the adapters that they take, each group with one pipeline. */
export function describeSmallModels<Case extends { model: string; adapters: readonly string[] }>(
  cases: readonly Case[],
  tests: (pipeline: () => Pipeline, cases: readonly Case[]) => void,
): void {
  const groups = new Map<string, Case[]>();
  for (const entry of cases) {
    const key = `${entry.model} with ${entry.adapters.join(" and ")}`;
    groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  describe.each([...groups])("the small model %s", (_, group) => {
    let pipeline: Pipeline;
    beforeAll(async () => {
      const { model, adapters } = group[0]!;
      const folder = join(GOLDEN, "models", model);
      pipeline = await Pipeline.load({
        model: folder,
        adapters: adapters.map((name) => join(folder, `adapters/${name}.safetensors`)),
      });
    });
    afterAll(() => pipeline.dispose());
    tests(() => pipeline, group);
  });
}

/** The length of the difference by that of the reference. */
export const relativeError = (ours: Float32Array, theirs: Float32Array): number =>
  Math.hypot(...ours.map((value, i) => value - theirs[i]!)) / Math.hypot(...theirs);
