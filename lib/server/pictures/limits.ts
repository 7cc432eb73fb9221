/** The operator's limits, before a job is accepted. */
import { OptionError, type GenerateOptions } from "../../index";
import { ESTIMATED } from "../../options/estimate-schema";
import type { Settings } from "../config";
import { pictureSize } from "./size";

/** Steps that a call runs which names none. */
export const STEPS = ESTIMATED.steps.default;

/** Which of the operator's limits holds for which field of a request: the options' names, and OpenAI's. */
export const LIMITED: Readonly<Record<string, "images" | "steps" | "priority">> = {
  count: "images",
  n: "images",
  steps: "steps",
  sigmas: "steps",
  timesteps: "steps",
  num_inference_steps: "steps",
  priority: "priority",
};

/** @param at what stands in front of the options' names in messages, such as "options." @throws OptionError */
export function checkCounts(options: GenerateOptions, { limits }: Settings, at: string): void {
  const refuse = (name: string, what: string, most: number): never => {
    throw new OptionError(`${at}${name}`, `this server allows ${what} up to ${most}`);
  };
  const { count = 1, priority = 0 } = options;
  if (count > limits.images) refuse("count", "pictures", limits.images);
  if (priority > limits.priority) refuse("priority", "a priority", limits.priority);
  for (const name of ["steps", "sigmas", "timesteps"] as const) {
    const given = options[name];
    const steps = Array.isArray(given) ? given.length : given;
    if (typeof steps === "number" && steps > limits.steps) refuse(name, "steps", limits.steps);
  }
}

/** A model's own size, in pixels. */
export interface OwnSize {
  width: number;
  height: number;
}

/**
 * The size of what is made. Sides that a call leaves to the model are not looked at before it is loaded.
 * @param own undefined: not loaded yet
 * @throws OptionError, ImageError
 */
export async function checkSize(
  options: GenerateOptions,
  { limits }: Settings,
  own: OwnSize | undefined,
  at: string,
): Promise<void> {
  const size = await sizeOf(options, own);
  // Nobody asked for more than the operator's model makes by itself.
  const scale = options.hires?.scale ?? 1;
  const asked = scale > 1 || size?.asked === true;
  if (size === undefined || !asked || size.width * size.height * scale ** 2 <= limits.pixels) return;
  throw new OptionError(
    `${at}width`,
    `this server allows pixels (width times height, of the second pass where there is one) up to ${limits.pixels}`,
  );
}

async function sizeOf(
  options: GenerateOptions,
  own: OwnSize | undefined,
): Promise<(OwnSize & { asked: boolean }) | undefined> {
  const { width, height, image, outpaint } = options;
  if (width !== undefined && height !== undefined) return { width, height, asked: true };
  const { left = 0, right = 0, top = 0, bottom = 0 } = outpaint ?? {};
  const given = image === undefined ? own : await pictureSize(image as Buffer);
  if (given === undefined) return undefined;
  return {
    width: width ?? given.width + left + right,
    height: height ?? given.height + top + bottom,
    asked: image !== undefined || width !== undefined || height !== undefined,
  };
}

/** How many steps a call runs that names none: the engine's default, within the limit. */
export function defaultSteps(options: GenerateOptions, { limits }: Settings): { steps?: number } {
  const named = options.steps ?? options.sigmas ?? options.timesteps;
  return named === undefined && limits.steps < STEPS ? { steps: limits.steps } : {};
}

/** Bytes of the pictures and numbers that a request holds. */
export function requestBytes(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce<number>((sum, member) => sum + requestBytes(member), 0);
}
