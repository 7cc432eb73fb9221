/** dtype "bf16", "int16" and "int8": nearly the pictures of f32, with the same promises. Needs `npm run build`. */
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

let exact: Pipeline;
beforeAll(async () => (exact = await Pipeline.load()));
afterAll(() => exact.dispose());

const paint = async (pipeline: Pipeline, call: GenerateOptions): Promise<Uint8Array> =>
  (await pipeline.generate({ steps: 20, guidance: 4, ...call })).images[0]!.data;

/** dB between two pictures */
function psnr(a: Uint8Array, b: Uint8Array): number {
  const squares = a.reduce((sum, v, i) => sum + (v - b[i]!) ** 2, 0);
  return 10 * Math.log10(255 ** 2 / (squares / a.length));
}

describe.each([
  { dtype: "bf16", least: 35, memory: 1.01 },
  { dtype: "int16", least: 50, memory: 1.01 },
  { dtype: "int8", least: 28, memory: 0.85 },
] as const)("$dtype", ({ dtype, least, memory }) => {
  let rounded: Pipeline;
  beforeAll(async () => (rounded = await Pipeline.load({ dtype })));
  afterAll(() => rounded.dispose());

  test.each(CALLS)(`the picture of f32 within ${least} dB: $prompt, seed $seed`, async (call) => {
    const [a, b] = await Promise.all([paint(exact, call), paint(rounded, call)]);
    if (process.env["SHOW_PSNR"]) console.log(dtype, psnr(a, b).toFixed(1));
    expect(psnr(a, b)).toBeGreaterThan(least);
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

  test("takes no more memory than f32, int8 less; parameters are as many", () => {
    expect(rounded.info.memoryBytes).toBeLessThan(memory * exact.info.memoryBytes);
    expect(rounded.info.parameters).toBe(exact.info.parameters);
  });
});

test("another name is no type", async () => {
  expect(await rejection(Pipeline.load({ dtype: "int4" as "int8" }))).toBeInstanceOf(OptionError);
});
