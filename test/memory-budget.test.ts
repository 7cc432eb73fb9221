/** A call is refused below the memory that its estimate names, and passes with it, whatever it holds. Needs `npm run build`. */
import { join } from "node:path";

import { type GenerateOptions, Pipeline } from "../lib/index";
import { GOLDEN } from "./support/golden";
import { pixels, rejection } from "./support/load";

const CONTROLS = join(GOLDEN, "models/controls");
const raw = (width: number, height: number, channels: 1 | 3 = 3) => ({
  data: pixels(width, height, channels),
  width,
  height,
  channels,
});
// As files, so that their sizes are unknown until they are read.
const photo = join(GOLDEN, "images/wide-150x100.png");
const square = join(GOLDEN, "images/square-64.png");
const mask = join(GOLDEN, "images/mask-64.png");
const left = join(GOLDEN, "images/mask-left.png");

const CALL = {
  prompt: "a cat",
  negativePrompt: "blurry",
  width: 64,
  height: 64,
  steps: 2,
  seed: 1,
  vaeTiling: "off",
} as const satisfies GenerateOptions;
const own = { width: undefined, height: undefined };
const large = { width: 128, height: 128 };
const region = { mask: left, prompt: "a dog" };

const CASES: [string, GenerateOptions][] = [
  ["nothing but a prompt", {}],
  ["several pictures, previews", { count: 3, preview: { every: 1 } }],
  ["latents to start from", { latents: new Float32Array(4 * 8 * 8).fill(0.5) }],
  ["image", { image: photo, ...large }],
  ["image in its own size", { image: photo, ...own }],
  ["mask", { image: photo, mask, ...large }],
  ["maskFill", { image: photo, mask, maskFill: "blur", strength: 0.5, ...large }],
  ["maskCrop", { image: raw(300, 200), mask: raw(300, 200, 1), maskCrop: 8 }],
  ["maskCrop of a file", { image: photo, mask, maskCrop: 8 }],
  ["outpaint", { image: photo, outpaint: { left: 40, bottom: 17 }, ...own }],
  ["image prompts", { imagePrompts: [{ image: photo, mask: left }, square], ...large }],
  ["imageMask", { imagePrompts: [{ image: square, imageMask: mask }] }],
  ["tiles of a wide picture", { imagePrompts: [{ image: photo, fit: "tile" }] }],
  ["tiles of a square picture, masked", { imagePrompts: [{ image: square, fit: "tile", mask: left }], ...large }],
  ["a negative image prompt", { imagePrompts: [square], negativeImagePrompts: [{ image: photo, kind: "fade" }] }],
  ["a black one", { imagePrompts: [square], negativeImagePrompts: [{ kind: "black" }] }],
  ["one beside embeds", { imagePrompts: [{ embeds: pixelsOfEmbeds() }], negativeImagePrompts: [{ kind: "black" }] }],
  ["embeds for both", embedsForBoth()],
  ["a region", { regions: [region], ...large }],
  ["regions with image prompts and maps", { regions: [{ ...region, imagePrompts: [photo] }], attentionMaps: {} }],
  ["a control", { controls: [{ image: photo }], ...large }],
  ["controls", { controls: [{ image: photo }, { image: square, control: 1 }, { image: photo, control: 2 }], ...large }],
  ["the masked picture for a control", { image: photo, mask, controls: [{ preprocess: "inpaint" }] }],
  ["hires", { hires: { scale: 2 } }],
  ["hires, several pictures", { hires: { scale: 2 }, count: 3 }],
  ["hires, latents alone", { hires: { scale: 2 }, count: 3, output: "latents" }],
  ["hires, edges that meet", { hires: { scale: 2 }, seamless: "both" }],
  [
    "hires of a picture with all else",
    { hires: { scale: 1.5 }, image: photo, regions: [region], controls: [{ image: photo }], attentionMaps: {} },
  ],
];

/** As many as the adapter's encoder gives for a picture. */
function pixelsOfEmbeds(): Float32Array {
  return new Float32Array(24).fill(0.1);
}
function embedsForBoth(): GenerateOptions {
  const embeds = pixelsOfEmbeds();
  return { imagePrompts: [{ embeds }], negativeImagePrompts: [{ embeds }] };
}

describe("memoryBudget is what estimateMemory says", () => {
  let pipeline: Pipeline;
  beforeAll(async () => {
    pipeline = await Pipeline.load({
      model: join(GOLDEN, "models/sd15"),
      unet: join(CONTROLS, "unet-sd15"),
      adapters: [join(CONTROLS, "adapters/sd15-base.safetensors")],
      controls: ["canny", "depth", "t2i-full"].map((name) => join(CONTROLS, name)),
    });
  });
  afterAll(() => pipeline.dispose());

  test.each(CASES)("%s", async (_, given) => {
    const options = { ...CALL, ...given } as GenerateOptions;
    const { weights, working, total } = await pipeline.estimateMemory(options);
    expect(total).toBe(weights + working);
    const onProgress = (): void => undefined; // sees the previews
    const within = (memoryBudget: number) => pipeline.generate({ ...options, onProgress, memoryBudget });
    expect(await rejection(within(total - 1))).toMatchObject({ code: "ERR_IPA_NO_MEMORY" });
    await within(total);
  });
});
