/** What generate() is asked for, as the engine takes it: options checked against the loaded model. */
import { types } from "node:util";

import { OptionError } from "./errors";
import { MOST_SIDE, leastSide } from "./image/limits";
import { lazily } from "./load-failure";
import type { NativeGenerateRequest, NativePrompts, PipelineInfo } from "./native/contract";
import { describe } from "./options/describe";
import { readFloat32Array } from "./options/read-floats";
import { readList } from "./options/read-list";
import { typedLength } from "./options/read-memory";
import { isList } from "./options/read-property";
import { MAX_SEED } from "./options/parts-schema";
import { plainOptions } from "./options/plain-options";
import type { PromptEncoder } from "./prompt/encode";
import type { ReadEstimateOptions } from "./read-options";

const crypto = lazily(() => require("node:crypto") as typeof import("node:crypto"));
const prompts = lazily(() => require("./prompt/encode") as typeof import("./prompt/encode"));
const embedded = lazily(() => require("./prompt/prompt-embeds") as typeof import("./prompt/prompt-embeds"));

/** What no picture has a part in. */
export type PlainRequest = Omit<NativeGenerateRequest, "branches" | "regions" | "negativeImages">;

/** The request for these options, its pictures aside. */
export function generateRequest(
  read: ReadEstimateOptions,
  info: PipelineInfo,
  encoders: readonly PromptEncoder[],
): PlainRequest {
  const { count = 1, seed = crypto().randomInt(2 ** 32), scheduler = "", sigmas = "", timesteps } = read;
  if (seed > MAX_SEED - (count - 1))
    throw new OptionError("seed", `seed + count - 1 passes ${MAX_SEED}: use ${MAX_SEED - count + 1} or less`);
  if ((read.variation?.seed ?? 0) > MAX_SEED - (count - 1))
    throw new OptionError(
      "variation.seed",
      `variation.seed + count - 1 passes ${MAX_SEED}: use ${MAX_SEED - count + 1} or less`,
    );
  if (read.outpaint !== undefined) checkOutpaint(read);
  const { defaults } = info;
  checkSupported(read, info);
  const [start, end] = read.guidanceInterval ?? [0, 1];
  if (start > end)
    throw new OptionError(
      "guidanceInterval",
      `expected the start before the end but received [${start}, ${end}]: use [${end}, ${start}]`,
    );
  if (read.vaeTile !== undefined) checkTile(read.vaeTile, info);
  const width = checkSide(read.width ?? info.width, "width", info);
  const height = checkSide(read.height ?? info.height, "height", info);
  const request: PlainRequest = {
    ...plainOptions(read),
    ...readPrompts(read, info, encoders),
    scheduler,
    sigmas: typeof sigmas === "string" ? sigmas : "",
    steps: read.steps ?? timesteps?.length ?? (typeof sigmas === "string" ? defaults.steps : sigmas.length),
    guidance: read.guidance ?? defaults.guidance,
    eta: readEta(read, info),
    seeds: Array.from({ length: count }, (_, i) => (read.variation === undefined ? seed + i : seed)),
    width,
    height,
    latents: startLatents(read, width, height, count, info),
  };
  if (timesteps !== undefined) request.timesteps = Int32Array.from(timesteps);
  if (typeof sigmas !== "string") request.sigmaValues = Float32Array.from(sigmas);
  return request;
}

function readPrompts(
  { prompt, negativePrompt, promptSyntax = "weighted", promptEmbeds, clipSkip, regions = [] }: ReadEstimateOptions,
  info: PipelineInfo,
  encoders: readonly PromptEncoder[],
): NativePrompts {
  if (promptEmbeds !== undefined) {
    const zeros = negativePrompt === undefined && info.defaults.negativePrompt === "zeros";
    if ((clipSkip ?? 0) > 0 && regions.length === 0)
      throw new OptionError("clipSkip", "promptEmbeds were made with it or without: pass it to encodePrompt()");
    const given = { prompt, negativePrompt, promptSyntax, promptEmbeds };
    const { negative, ...texts } = embedded().embeddedPrompts(given, { info, encoders, at: "", pooled: true });
    return zeros || negative === undefined ? texts : { ...texts, negative };
  }
  return prompts().encodeCallTexts({ prompt, negativePrompt, promptSyntax }, info, encoders);
}

/** Of the options that only some models take, those that are plain values; whether it takes pictures the engine says. */
function checkSupported(read: ReadEstimateOptions, { refusals }: PipelineInfo): void {
  const { strength, imageGuidance, originalSize, targetSize, cropOffset, aestheticScore, negativeAestheticScore } =
    read;
  const given = {
    strength,
    imageGuidance,
    originalSize,
    targetSize,
    cropOffset,
    aestheticScore,
    negativeAestheticScore,
  };
  for (const option of Object.keys(given) as (keyof typeof given)[]) {
    const refusal = refusals[option];
    if (given[option] !== undefined && refusal !== undefined) throw new OptionError(option, refusal);
  }
}

/** A picture that grows keeps its size. */
function checkOutpaint(read: ReadEstimateOptions): void {
  if (!Object.values(read.outpaint ?? {}).some((margin) => margin > 0))
    throw new OptionError(
      "outpaint",
      "it has no margin to paint: add left, top, right or bottom, in pixels, or leave outpaint out",
    );
  const given = (["width", "height", "latents"] as const).find((option) => read[option] !== undefined);
  if (given !== undefined)
    throw new OptionError(given, "with outpaint, image keeps its size and grows by its margins: leave it out");
}

function readEta({ eta, scheduler }: ReadEstimateOptions, { defaults, ...info }: PipelineInfo): number {
  const sampler = scheduler ?? info.scheduler;
  const usual = defaults.eta[sampler];
  if (usual !== undefined || (eta ?? 0) === 0) return eta ?? usual ?? 0;
  const names = Object.keys(defaults.eta).join(" and ");
  throw new OptionError("eta", `only the ${names} schedulers add noise by eta, this is ${sampler}: leave eta out`);
}

/** Copies of the latents to start from: none, one for all pictures, or one each. */
function startLatents(
  read: ReadEstimateOptions,
  width: number,
  height: number,
  count: number,
  info: PipelineInfo,
): Float32Array[] {
  const { latents, denoisingStart = 0, denoisingEnd = 1 } = read;
  if (denoisingStart >= denoisingEnd)
    throw new OptionError(
      "denoisingStart",
      `expected less than denoisingEnd (${denoisingEnd}) but received ${denoisingStart}`,
    );
  if (latents === undefined) {
    if (denoisingStart > 0 && read.image === undefined)
      throw new OptionError(
        "denoisingStart",
        'expected latents or image to go on from: pass the latents of the call that ended there (denoisingEnd, output: "latents")',
      );
    return [];
  }
  const array = !types.isFloat32Array(latents) && isList(latents, "latents");
  const list: unknown[] = array
    ? readList(latents, "latents", { maximum: 64 })
    : types.isFloat32Array(latents)
      ? [latents]
      : [];
  if (list.length !== 1 && list.length !== count) {
    throw new OptionError(
      "latents",
      `expected a Float32Array, or an array of one for each of the ${count} pictures, but received ${array ? `${list.length}` : describe(latents)}`,
    );
  }
  const shape = [info.latentChannels, height / info.vaeScale, width / info.vaeScale];
  const size = shape.reduce((product, side) => product * side, 1);
  // A picture to change may decide the size; the engine then knows it.
  const sized = read.image === undefined || (read.width !== undefined && read.height !== undefined);
  return list.map((value, i) => {
    const option = list.length === 1 ? "latents" : `latents[${i}]`;
    const length = types.isFloat32Array(value) ? typedLength(value) : size;
    if (sized && length !== size)
      throw new OptionError(
        option,
        `expected ${size} floats (${shape.join(" x ")}) for ${width} x ${height} pixels but received ${length}`,
      );
    return readFloat32Array(value, option);
  });
}

function checkSide(value: number, option: "width" | "height", info: PipelineInfo): number {
  const unit = info.vaeScale;
  const minimum = leastSide(unit);
  if (value % unit === 0 && value >= minimum) return value;
  const low = Math.max(minimum, Math.floor(value / unit) * unit);
  const high = Math.max(minimum, Math.ceil(value / unit) * unit);
  const fix = low === high ? `${low}` : `${low} or ${high}`;
  throw new OptionError(
    option,
    `expected a multiple of ${unit} between ${minimum} and ${MOST_SIDE} for this model but received ${value}: use ${fix}`,
  );
}

function checkTile(value: number, info: PipelineInfo): void {
  const unit = info.vaeScale;
  if (value % unit === 0) return;
  const low = Math.floor(value / unit) * unit;
  throw new OptionError(
    "vaeTile",
    `expected a multiple of ${unit} for this model but received ${value}: use ${low} or ${low + unit}`,
  );
}
