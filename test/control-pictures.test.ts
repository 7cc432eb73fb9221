/** Pictures that a call preprocesses for its controls. Needs `npm run build`. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ControlUse, type GenerateOptions, Pipeline, type RawImage, preprocess } from "../lib/index";
import { parseControlImage } from "../lib/cli/file-flags";
import { GOLDEN, relativeError } from "./support/golden";
import { rejection } from "./support/load";
import { readRaw, writeRaw } from "./support/safetensors-parts";
import { readSafetensors } from "./support/safetensors";

const FOLDER = join(GOLDEN, "models/controls");
const golden = readSafetensors(join(FOLDER, "golden.safetensors"));
const PHOTO = join(GOLDEN, "images/wide-150x100.png");

interface Case {
  name: string;
  prompt: string;
  negative_prompt: string;
  scheduler: "ddim";
  steps: number;
  guidance: number;
  seed: number;
  controls: { scale: number }[];
  inputs: { mask: string };
}
const { cases } = JSON.parse(readFileSync(join(FOLDER, "golden.json"), "utf8")) as { cases: Case[] };
const inpainting = cases.find(({ name }) => name === "sd15-inpaint-one")!;

const scratch = mkdtempSync(join(tmpdir(), "control-pictures-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** The UNet whose first convolution reads a mask and a picture, too. */
function inpaintingUnet(): string {
  const folder = join(scratch, "unet");
  cpSync(join(FOLDER, "unet-sd15"), folder, { recursive: true });
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as Record<string, unknown>;
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...config, in_channels: 9 }));
  const file = join(folder, "diffusion_pytorch_model.safetensors");
  const tensors = readRaw(file);
  for (const name of ["conv_in.weight", "conv_in.bias"]) {
    const { shape, bytes } = golden.get(`inpaint.${name}`)!;
    tensors.set(name, { dtype: "F32", shape, bytes });
  }
  writeFileSync(file, writeRaw(tensors));
  return folder;
}

const load = (unet: string, controls = [join(FOLDER, "canny")]): Promise<Pipeline> =>
  Pipeline.load({ model: join(GOLDEN, "models/sd15"), unet, controls });

const call = (controls: ControlUse[]): GenerateOptions<"latents"> => ({
  prompt: inpainting.prompt,
  negativePrompt: inpainting.negative_prompt,
  scheduler: inpainting.scheduler,
  steps: inpainting.steps,
  guidance: inpainting.guidance,
  seed: inpainting.seed,
  width: 64,
  height: 64,
  controls,
  output: "latents",
});

function mask(): RawImage {
  const { shape, bytes } = golden.get(inpainting.inputs.mask)!;
  return { data: bytes, width: shape[1]!, height: shape[0]!, channels: 1 };
}

test("a preprocessor reads the picture in the size of the picture to make, as preprocess() does", async () => {
  await using pipeline = await load(join(FOLDER, "unet-sd15"));
  const latents = async (use: ControlUse): Promise<Float32Array> =>
    (await pipeline.generate({ ...call([use]), steps: 2 })).latents[0]!;
  const plain = await latents({ image: PHOTO });
  for (const how of ["canny", { blur: { sigma: 2 } }] as const) {
    const made = await preprocess(PHOTO, how, { width: 64, height: 64 });
    const written = await latents({ image: PHOTO, preprocess: how });
    expect(written).toEqual(await latents({ image: made }));
    expect(written).not.toEqual(plain);
  }
});

test("inpaint is diffusers' condition picture of the call's image and mask", async () => {
  await using pipeline = await load(inpaintingUnet());
  const { scale } = inpainting.controls[0]!;
  const options = { ...call([{ preprocess: "inpaint", scale }]), image: PHOTO, mask: mask() };
  const { latents } = await pipeline.generate(options);
  const wanted = readSafetensors(join(GOLDEN, "control_inpaint.safetensors")).get("latents")!.floats();
  expect(relativeError(latents[0]!, wanted)).toBeLessThan(3e-5);
  const estimate = await pipeline.estimateMemory(options);
  const other = await pipeline.estimateMemory({ ...options, controls: [{ image: PHOTO, scale }] });
  expect(estimate.working).toBeGreaterThanOrEqual(other.working);
});

test("what cannot be is an error that says so", async () => {
  await using pipeline = await load(join(FOLDER, "unet-sd15"), [join(FOLDER, "canny"), join(FOLDER, "t2i-light")]);
  const refused = async (use: ControlUse, others: GenerateOptions<"latents"> = {}): Promise<string> =>
    (await rejection(pipeline.generate({ ...call([use]), ...others }))).message;
  const faceKeypoints = Array.from({ length: 5 }, () => [1, 2] as const);
  expect(await refused({ preprocess: "inpaint" })).toBe(
    `controls[0].preprocess: "inpaint" is made of the call's image and mask: add them`,
  );
  expect(await refused({ preprocess: "inpaint", image: PHOTO })).toMatch(/: leave image of this control out$/);
  expect(await refused({ preprocess: { inpaint: {}, canny: {} } })).toMatch(/: expected inpaint alone/);
  expect(await refused({ preprocess: "canny", faceKeypoints })).toMatch(/: faceKeypoints are drawn as they are/);
  expect(await refused({ preprocess: "canny" })).toBe(
    "controls[0]: expected image, or faceKeypoints for InstantID, but received neither: add image",
  );
  expect(await refused({ image: PHOTO, preprocess: "depth" as "canny" })).toMatch(
    /^controls\[0\]\.preprocess\.depth: not one of the preprocessors: it takes a network/,
  );
  expect(await refused({ control: 1, preprocess: "inpaint" }, { image: PHOTO, mask: mask() })).toMatch(
    /^controls\[0\]\.preprocess: a T2I-Adapter reads no masked picture/,
  );
});

test("the command line names the preprocessor behind the picture", () => {
  expect(parseControlImage("photo.png:0.8,preprocess=canny,end=0.5", "--control-image", () => false)).toEqual({
    image: "photo.png",
    scale: 0.8,
    preprocess: { canny: {} },
    end: 0.5,
  });
});
