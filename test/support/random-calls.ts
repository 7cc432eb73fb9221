/** Random calls of small models, and what becomes of each alone and in the company of others. */
import { createHash } from "node:crypto";
import { join } from "node:path";

import { type GenerateOptions, type ImagePrompt, type LoadOptions, Pipeline, type RawImage } from "../../lib/index";
import { SCHEDULERS } from "../../lib/options/names";
import { GOLDEN } from "./golden";

const SD15 = join(GOLDEN, "models/sd15");
const CONTROLS = join(GOLDEN, "models/controls");

/** A small model with an adapter twice, a ControlNet and a T2I-Adapter. */
export function loadSmall(options: Pick<LoadOptions, "concurrency" | "maxBatch" | "threads" | "dtype"> = {}) {
  return Pipeline.load({
    model: SD15,
    unet: join(CONTROLS, "unet-sd15"),
    adapters: [0, 1].map(() => join(CONTROLS, "adapters/sd15-base.safetensors")),
    controls: ["canny", "t2i-full"].map((name) => join(CONTROLS, name)),
    ...options,
  });
}

/** Numbers from 0 to 1 by the seed (SplitMix32). */
export function randomBy(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let value = state;
    value = Math.imul(value ^ (value >>> 16), 0x21f0aaad);
    value = Math.imul(value ^ (value >>> 15), 0x735a2d97);
    return ((value ^ (value >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** Random bytes of three channels. */
export function noise(width: number, height: number, seed: number): Uint8Array {
  const random = randomBy(seed);
  return Uint8Array.from({ length: width * height * 3 }, () => random() * 256);
}

export class RandomCalls {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  #one<T>(values: readonly T[]): T {
    return values[this.#below(values.length)]!;
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }

  #picture(width: number, height: number): RawImage {
    return { data: noise(width, height, this.#below(1000)), width, height };
  }

  #mask(width: number, height: number): RawImage {
    const edge = 16 + this.#below(width - 32);
    const data = Uint8Array.from({ length: width * height * 3 }, (_, i) =>
      Math.floor(i / 3) % width < edge ? 255 : 0,
    );
    return { data, width, height };
  }

  #imagePrompt(adapter: number, width: number, height: number): ImagePrompt {
    const scale = this.#chance(0.7) ? this.#random() : { down: this.#random(), up: 0.5 };
    const mask = this.#chance(0.3) ? { mask: this.#mask(width, height) } : {};
    const window = this.#chance(0.2) ? { start: 0, end: 0.6 } : {};
    return { image: this.#picture(40, 40), adapter, scale, ...mask, ...window };
  }

  #extras(width: number, height: number): GenerateOptions {
    const extras: GenerateOptions = {};
    // Many alike: their runs are merged.
    if (this.#chance(0.4)) return extras;
    if (this.#chance(0.5)) extras.imagePrompts = [this.#imagePrompt(this.#below(2), width, height)];
    if (this.#chance(0.1)) extras.imagePrompts = [0, 1].map((adapter) => this.#imagePrompt(adapter, width, height));
    if (this.#chance(0.3))
      extras.controls = [{ control: this.#below(2), image: this.#picture(width, height), scale: this.#random() }];
    else if (this.#chance(0.15)) extras.featureCache = { every: 2 };
    const begins = this.#random();
    if (begins < 0.3) extras.image = this.#picture(width, height);
    if (begins < 0.15) extras.strength = 0.7;
    else if (begins < 0.3) extras.mask = this.#mask(width, height);
    if (this.#chance(0.1)) extras.tokenMerging = 0.4;
    if (this.#chance(0.1)) extras.seamless = "x";
    return extras;
  }

  next(): GenerateOptions {
    const [width, height] = this.#one([
      [64, 64],
      [64, 64],
      [96, 64],
    ] as const);
    return {
      prompt: this.#one(["", "a cat", "a red apple on a table", "photo ".repeat(90)]),
      negativePrompt: this.#chance(0.5) ? "photo" : "",
      steps: 1 + this.#below(5),
      guidance: this.#one([1, 4, 7.5]),
      scheduler: this.#one(SCHEDULERS),
      seed: this.#below(1000),
      count: this.#chance(0.1) ? 2 : 1,
      width,
      height,
      ...this.#extras(width, height),
    };
  }
}

/** A hash of the latents and pictures that a call makes, or its error. */
export async function outcome(pipeline: Pipeline, options: GenerateOptions): Promise<string> {
  const hash = createHash("sha256");
  try {
    const { images } = await pipeline.generate(options);
    for (const image of images) hash.update(image.data);
    return hash.digest("hex");
  } catch (error) {
    return String(error);
  }
}

/**
 * Runs each call alone, then all of them with `together` at a time, of which some are aborted on their way.
 * @returns the calls whose result was another in company, and how many were aborted
 */
export async function compareInCompany(
  pipeline: Pipeline,
  calls: readonly GenerateOptions[],
  { random, together }: { random: () => number; together: number },
): Promise<{ different: GenerateOptions[]; aborted: number; failed: number }> {
  const alone: string[] = [];
  for (const call of calls) alone.push(await outcome(pipeline, call));
  const different: GenerateOptions[] = [];
  let [at, aborted] = [0, 0];
  const worker = async (): Promise<void> => {
    while (at < calls.length) {
      const index = at++;
      const call = calls[index]!;
      if (random() < 0.15) {
        const controller = new AbortController();
        const steps = Math.floor(random() * 3);
        const doomed = outcome(pipeline, {
          ...call,
          signal: controller.signal,
          onProgress: ({ step }) => step > steps && controller.abort(new Error("aborted")),
        });
        if (random() < 0.5) controller.abort(new Error("aborted"));
        if ((await doomed) === "Error: aborted") aborted++;
      }
      if ((await outcome(pipeline, { ...call, priority: Math.floor(random() * 5) - 2 })) !== alone[index])
        different.push(call);
    }
  };
  await Promise.all(Array.from({ length: together }, worker));
  return { different, aborted, failed: alone.filter((one) => !/^[0-9a-f]{64}$/.test(one)).length };
}
