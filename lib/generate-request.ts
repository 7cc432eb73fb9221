/** Parts of a generation's request that depend on the loaded model. */
import { types } from "node:util";

import { OptionError } from "./errors";
import type { NativeGenerateRequest, NativePipelineInfo } from "./native/contract";
import { describe } from "./options/describe";
import type { GenerateOptions } from "./types";

/** SDXL's size conditions: 0 stands for the picture's own size. */
export function sizeConditions(read: GenerateOptions, info: NativePipelineInfo): NativeGenerateRequest["conditions"] {
  const { originalSize, targetSize, cropOffset, aestheticScore, negativeAestheticScore } = read;
  const given = { originalSize, targetSize, cropOffset, aestheticScore, negativeAestheticScore };
  for (const [option, value] of Object.entries(given)) {
    if (value === undefined) continue;
    if (info.family !== "sdxl") throw new OptionError(option, `only SDXL models were trained with it, this is ${info.family}: leave it out`);
    const scores = option.toLowerCase().includes("score");
    if (scores && !info.refiner) throw new OptionError(option, "only SDXL's refiner was trained with it: leave it out");
    if (option === "targetSize" && info.refiner) throw new OptionError(option, "SDXL's refiner has aestheticScore in its place: leave it out");
  }
  const [originalWidth, originalHeight] = originalSize ?? [0, 0];
  const [targetWidth, targetHeight] = targetSize ?? [0, 0];
  const [cropLeft, cropTop] = cropOffset ?? [0, 0];
  return {
    originalWidth,
    originalHeight,
    targetWidth,
    targetHeight,
    cropLeft,
    cropTop,
    aestheticScore: aestheticScore ?? 6,
    negativeAestheticScore: negativeAestheticScore ?? 2.5,
  };
}

/** Copies of the latents to start from: none, one for all pictures, or one each. */
export function startLatents(read: GenerateOptions, width: number, height: number, count: number, info: NativePipelineInfo): Float32Array[] {
  const { latents, denoisingStart = 0, denoisingEnd = 1 } = read;
  if (denoisingStart >= denoisingEnd) throw new OptionError("denoisingStart", `expected less than denoisingEnd (${denoisingEnd}) but received ${denoisingStart}`);
  if (latents === undefined) {
    if (denoisingStart > 0) throw new OptionError("denoisingStart", "expected latents to go on from: pass those of the call that ended there (denoisingEnd, output: \"latents\")");
    return [];
  }
  const list: unknown[] = types.isFloat32Array(latents) ? [latents] : Array.isArray(latents) ? latents : [];
  if (list.length !== 1 && list.length !== count) {
    throw new OptionError("latents", `expected a Float32Array, or an array of one for each of the ${count} pictures, but received ${Array.isArray(latents) ? `${list.length}` : describe(latents)}`);
  }
  const shape = [info.latentChannels, height / info.vaeScale, width / info.vaeScale];
  const size = shape.reduce((product, side) => product * side, 1);
  // A picture to change may decide the size; the engine then knows it.
  const sized = read.image === undefined || (read.width !== undefined && read.height !== undefined);
  return list.map((value, i) => {
    const option = list.length === 1 ? "latents" : `latents[${i}]`;
    if (!types.isFloat32Array(value)) throw new OptionError(option, `expected a Float32Array but received ${describe(value)}`);
    if (sized && value.length !== size) throw new OptionError(option, `expected ${size} floats (${shape.join(" x ")}) for ${width} x ${height} pixels but received ${value.length}`);
    const bad = value.findIndex((number) => !Number.isFinite(number));
    if (bad >= 0) throw new OptionError(`${option}[${bad}]`, "expected a finite number");
    return value.slice();
  });
}
