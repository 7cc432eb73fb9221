/** A picture of the shipped model on a GPU beside the CPU's. */
import { messageOf } from "../errors";
import { CallSite } from "../native/call";
import { Pipeline } from "../pipeline";
import { shippedModel } from "../package-root";
import type { Environment } from "./environment";

export interface PictureCheck {
  ok: boolean;
  /** what the GPU's UNet multiplied in */
  dtype: string;
  /** the largest difference of the latents, over the CPU's largest latent */
  latents: number;
  allowedLatents: number;
  /** decibels of the picture */
  psnr: number;
  leastPsnr: number;
  /** why there is no picture; absent where there is one */
  problem?: string;
}

/** What roundings to 16 bits in every op become in the latents of so few steps, and in the picture. */
const ALLOWED = { latents: 1e-2, psnr: 40 };

/** Errors of the GPU are in the result. */
export async function checkPicture(
  environment: Environment,
  device: `cuda:${number}`,
  quick: boolean,
): Promise<PictureCheck> {
  const limits = { allowedLatents: ALLOWED.latents, leastPsnr: ALLOWED.psnr };
  const expected = await make(environment, "cpu", quick);
  try {
    const found = await make(environment, device, quick);
    const latents = largestDifference(found.latents, expected.latents);
    const psnr = psnrOf(found.pixels, expected.pixels);
    const ok = latents <= ALLOWED.latents && psnr >= ALLOWED.psnr;
    return { ok, dtype: found.dtype, latents, psnr, ...limits };
  } catch (error) {
    if (environment.signal.aborted) throw error;
    return { ok: false, dtype: "none", latents: Infinity, psnr: 0, ...limits, problem: messageOf(error) };
  }
}

interface Made {
  latents: Float32Array;
  pixels: Uint8Array;
  dtype: string;
}

async function make(environment: Environment, device: "cpu" | `cuda:${number}`, quick: boolean): Promise<Made> {
  const { model, adapter } = shippedModel();
  await using pipeline = await Pipeline.loadWith(
    environment.addon,
    { model, adapters: [{ file: adapter }], device, signal: environment.signal },
    new CallSite(),
  );
  const embeds = Float32Array.from({ length: pipeline.info.adapters[0]?.embedSize ?? 0 }, (_, i) => Math.sin(i));
  const { images, latents } = await pipeline.generate({
    prompt: "a cat on a yellow background",
    imagePrompts: [{ embeds, scale: 0.6 }],
    scheduler: "ddim",
    steps: quick ? 2 : 8,
    seed: 1,
    ...(quick && { width: 64, height: 64 }),
    signal: environment.signal,
  });
  return {
    latents: latents[0] ?? new Float32Array(),
    pixels: images[0]?.data ?? new Uint8Array(),
    dtype: pipeline.info.dtype,
  };
}

function largestDifference(actual: Float32Array, expected: Float32Array): number {
  let [most, largest] = [0, 0];
  for (const [i, value] of expected.entries()) {
    const difference = Math.abs((actual[i] ?? NaN) - value);
    if (!Number.isFinite(difference)) return Infinity;
    most = Math.max(most, difference);
    largest = Math.max(largest, Math.abs(value));
  }
  return most === 0 ? 0 : most / largest;
}

/** Of 8 bits. 99 for pictures that are the same. */
function psnrOf(actual: Uint8Array, expected: Uint8Array): number {
  if (actual.length !== expected.length || expected.length === 0) return 0;
  const squares = expected.reduce((sum, value, i) => sum + (value - (actual[i] ?? 0)) ** 2, 0);
  return squares === 0 ? 99 : 10 * Math.log10(255 ** 2 / (squares / expected.length));
}
