/** What a pool makes of a call's options before a child gets them. */
import { randomInt } from "node:crypto";

import { OptionError } from "../errors";
import type { PipelineInfo } from "../native/info";
import type { GenerateOptions } from "../types";
import type { PlainOptions } from "./messages";

/** @throws OptionError */
export function refuseWhatCannotCross({
  onStep,
  attentionMaps,
}: Pick<GenerateOptions, "onStep" | "attentionMaps">): void {
  if (onStep !== undefined)
    throw new OptionError(
      "onStep",
      "it changes latents inside the engine's process, and the children of a pool are others: use a Pipeline",
    );
  if (attentionMaps !== undefined)
    throw new OptionError(
      "attentionMaps",
      "maps are read with what is loaded, and the children of a pool are other processes: use a Pipeline",
    );
}

/** The seed is fixed when a call is taken, so that another child makes the same bits. */
export function fixSeed(options: PlainOptions): PlainOptions {
  return options["seed"] === undefined ? { ...options, seed: randomInt(2 ** 32) } : options;
}

/** How much work a call is, in steps times pixels: enough to tell children apart. */
export function workOf(options: GenerateOptions, { width, height, defaults }: PipelineInfo): number {
  const { steps = defaults.steps, count = 1, hires } = options;
  const pixels = (options.width ?? width) * (options.height ?? height) * (hires?.scale ?? 1) ** 2;
  return steps * count * pixels;
}
