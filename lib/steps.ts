import type { CallRecord } from "./metadata/call-record";
import type { NativeStep } from "./native/contract";
import { readFloat32Array } from "./options/read-floats";
import type { StepCallback } from "./types";

/**
 * Hands a step's latents to a caller's onStep, and its answer to the engine.
 * @param fail called with what it throws, or what its promise rejects with
 * @param record is told when the latents are changed
 */
export async function answerStep(
  onStep: StepCallback,
  { image, step, steps, timestep, latents, reply }: NativeStep,
  seeds: readonly number[],
  fail: (reason: unknown) => void,
  record?: Pick<CallRecord, "latentsChanged">,
): Promise<void> {
  try {
    const info = { image, seed: seeds[image] ?? 0, step, total: steps, timestep };
    const given: unknown = await onStep(new Float32Array(latents), info);
    const changed = given === undefined ? undefined : readFloat32Array(given, "onStep");
    if (changed !== undefined) record?.latentsChanged(image);
    reply(changed);
  } catch (error) {
    fail(error);
  }
}
