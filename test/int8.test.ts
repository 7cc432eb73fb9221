/** dtype "int8": nearly the pictures of f32, in less memory, with the same promises. Needs `npm run build:all`. */
import { join } from "node:path";

import { OptionError, Pipeline, setThreads, systemInfo, type GenerateOptions } from "../lib/index";
import { ROOT, rejection } from "./support/load";

const APPLE = join(ROOT, "examples/images/red-apple.png");
const CALLS: GenerateOptions[] = [
  { prompt: "a flat cat on a yellow background", seed: 1 },
  { prompt: "a small dog on the left on a green background", seed: 2 },
  { prompt: "on a blue background", seed: 3, imagePrompts: [{ image: APPLE }] },
  { prompt: "a glossy house on a purple background", seed: 4, imagePrompts: [{ image: APPLE, scale: 0.4 }] },
];

let exact: Pipeline, rounded: Pipeline;
beforeAll(async () => ([exact, rounded] = await Promise.all([Pipeline.load(), Pipeline.load({ dtype: "int8" })])));
afterAll(() => Promise.all([exact.dispose(), rounded.dispose()]));

const paint = async (pipeline: Pipeline, call: GenerateOptions): Promise<Uint8Array> => (await pipeline.generate({ steps: 20, guidance: 4, ...call })).images[0]!.data;

/** dB between two pictures */
function psnr(a: Uint8Array, b: Uint8Array): number {
  const squares = a.reduce((sum, v, i) => sum + (v - b[i]!) ** 2, 0);
  return 10 * Math.log10(255 ** 2 / (squares / a.length));
}

test.each(CALLS)("the picture of f32 within 28 dB: $prompt, seed $seed", async (call) => {
  const [a, b] = await Promise.all([paint(exact, call), paint(rounded, call)]);
  expect(psnr(a, b)).toBeGreaterThan(28);
  expect(psnr(a, b)).toBeLessThan(Infinity);
});

test("the same seed gives the same bits, whatever the number of threads", async () => {
  const before = systemInfo().threads;
  const reference = await paint(rounded, CALLS[2]!);
  for (const threads of [1, 3]) {
    await setThreads(threads);
    expect(Buffer.compare(await paint(rounded, CALLS[2]!), reference)).toBe(0);
  }
  await setThreads(before);
});

test("the UNet takes less memory; its parameters are as many", () => {
  expect(rounded.info.memoryBytes).toBeLessThan(0.85 * exact.info.memoryBytes);
  expect(rounded.info.parameters).toBe(exact.info.parameters);
});

test("another name is no type", async () => {
  expect(await rejection(Pipeline.load({ dtype: "int4" as "int8" }))).toBeInstanceOf(OptionError);
});
