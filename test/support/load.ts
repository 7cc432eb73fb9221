import { join } from "node:path";

import { CallSite } from "../../lib/native/call";
import { Pipeline } from "../../lib/pipeline";
import type { LoadOptions } from "../../lib/types";
import { FakeAddon } from "./fake-addon";

export const ROOT = join(__dirname, "..", "..");
export const MINI = join(ROOT, "models", "mini");

/** A pipeline over the fake addon, with the shipped model's tokenizer. */
export async function loadFake(
  addon = new FakeAddon(),
  options: LoadOptions = {},
): Promise<{ addon: FakeAddon; pipeline: Pipeline }> {
  return { addon, pipeline: await Pipeline.loadWith(() => addon, options, new CallSite()) };
}

/** A call of a golden model that takes no time: its latents tell weights apart. */
export const SHORT_CALL = {
  prompt: "a cat",
  negativePrompt: "",
  steps: 2,
  seed: 3,
  width: 64,
  height: 64,
  output: "latents",
} as const;

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { code?: string; option?: string }> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error as Error & { code?: string };
  }
  throw new Error(`expected a rejection but got ${String(value)}`);
}

/** RGB noise that is the same every time. */
export function pixels(width: number, height: number, channels = 3): Uint8Array {
  let state = 12345;
  return Uint8Array.from(
    { length: width * height * channels },
    () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 24,
  );
}
