import type { NativeStep } from "./native/contract";
import { readFloat32Array } from "./options/read-floats";
import type { StepCallback } from "./types";

/**
 * Hands a step's latents to a caller's onStep, and its answer to the engine.
 * @param fail called with what it throws, or what its promise rejects with
 */
export async function answerStep(
  onStep: StepCallback,
  { image, step, steps, timestep, latents, reply }: NativeStep,
  seeds: readonly number[],
  fail: (reason: unknown) => void,
): Promise<void> {
  try {
    const info = { image, seed: seeds[image] ?? 0, step, total: steps, timestep };
    const given: unknown = await onStep(new Float32Array(latents), info);
    reply(given === undefined ? undefined : readFloat32Array(given, "onStep"));
  } catch (error) {
    fail(error);
  }
}
