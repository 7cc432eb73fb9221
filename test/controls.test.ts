/** Structure controls through the public API, against the pipelines of diffusers. Needs `npm run build`. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  type ControlUse,
  type GenerateOptions,
  type ImagePrompt,
  Pipeline,
  type RawImage,
  inspect,
} from "../lib/index";
import { GOLDEN, relativeError } from "./support/golden";
import { pixels, rejection } from "./support/load";
import { readSafetensors } from "./support/safetensors";
import { type RawTensor, readRaw, writeRaw } from "./support/safetensors-parts";

const FOLDER = join(GOLDEN, "models/controls");

interface Case {
  name: string;
  network: string;
  model: string;
  /** null: the model's own */
  unet: string | null;
  /** with another first convolution, which reads nine channels */
  inpaint: boolean;
  prompt: string;
  negative_prompt: string | null;
  scheduler: NonNullable<GenerateOptions["scheduler"]>;
  steps: number;
  guidance: number;
  seed: number;
  width: number;
  height: number;
  image?: string;
  strength?: number;
  adapter: { file: string; scale: number; image?: string; face?: string } | null;
  files: string[];
  config: Record<string, unknown>;
  controls: (Omit<ControlUse, "image"> & { image?: string })[];
  inputs: { mask?: string; face?: string };
  outputs: { latents: string };
}
// tools/goldens/controls.py
const { cases: all } = JSON.parse(readFileSync(join(FOLDER, "golden.json"), "utf8")) as { cases: Case[] };
const cases = all.filter(({ network }) => network === "pipeline");
const golden = readSafetensors(join(FOLDER, "golden.safetensors"));
const find = (name: string): Case => cases.find((one) => one.name === name)!;

const scratch = mkdtempSync(join(tmpdir(), "controls-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** A copy of a control's folder whose configuration says otherwise. */
function withConfig(file: string, config: Record<string, unknown>): string {
  const copy = mkdtempSync(join(scratch, "net-"));
  cpSync(file, copy, { recursive: true });
  const own = JSON.parse(readFileSync(join(file, "config.json"), "utf8")) as Record<string, unknown>;
  writeFileSync(join(copy, "config.json"), JSON.stringify({ ...own, ...config }));
  return copy;
}

const controlsOf = ({ files, config }: Case): string[] =>
  files
    .map((file) => join(FOLDER, file))
    .map((file) => (Object.keys(config).length > 0 ? withConfig(file, config) : file));

/** A copy of a UNet whose first convolution reads a mask and a picture, too. */
function withMask(unet: string): string {
  const copy = withConfig(unet, { in_channels: 9 });
  const file = join(copy, "diffusion_pytorch_model.safetensors");
  const tensors = readRaw(file);
  for (const name of ["conv_in.weight", "conv_in.bias"]) {
    const { shape, bytes } = golden.get(`inpaint.${name}`)!;
    tensors.set(name, { dtype: "F32", shape, bytes });
  }
  writeFileSync(file, writeRaw(tensors));
  return copy;
}

const load = (one: Case, controls: readonly string[] = controlsOf(one)): Promise<Pipeline> =>
  Pipeline.load({
    model: join(GOLDEN, "models", one.model),
    unet: one.unet === null ? undefined : one.inpaint ? withMask(join(FOLDER, one.unet)) : join(FOLDER, one.unet),
    adapters: one.adapter === null ? [] : [join(FOLDER, one.adapter.file)],
    controls,
  });

function greyOf(tensor: string): RawImage {
  const { shape, bytes } = golden.get(tensor)!;
  return { data: bytes, width: shape[1]!, height: shape[0]!, channels: 1 };
}

const promptOf = ({ inputs }: Case, { image, scale }: NonNullable<Case["adapter"]>): ImagePrompt =>
  inputs.face === undefined
    ? { image: join(GOLDEN, image!), scale }
    : { faceEmbeds: golden.get(inputs.face)!.floats(), scale };

const optionsOf = (one: Case) =>
  ({
    prompt: one.prompt,
    negativePrompt: one.negative_prompt ?? undefined,
    scheduler: one.scheduler,
    steps: one.steps,
    guidance: one.guidance,
    seed: one.seed,
    width: one.width,
    height: one.height,
    strength: one.strength,
    image: one.image === undefined ? undefined : join(GOLDEN, one.image),
    mask: one.inputs.mask === undefined ? undefined : greyOf(one.inputs.mask),
    controls: one.controls.map(({ image, ...use }) => ({ ...use, ...(image && { image: join(GOLDEN, image) }) })),
    imagePrompts: one.adapter === null ? [] : [promptOf(one, one.adapter)],
    output: "latents",
  }) satisfies GenerateOptions;

const errorOf = (latents: Float32Array, one: Case): number =>
  relativeError(latents, golden.get(one.outputs.latents)!.floats());

test.each(cases)("the latents of the reference: $name", async (one) => {
  await using pipeline = await load(one);
  const { latents } = await pipeline.generate(optionsOf(one));
  expect(errorOf(latents[0]!, one)).toBeLessThan(1e-4);
});

describe("files that say nothing but their tensors", () => {
  const weightsOf = (net: string): string => join(FOLDER, net, "diffusion_pytorch_model.safetensors");
  const alone = (net: string): string => {
    const file = join(mkdtempSync(join(scratch, "file-")), "net.safetensors");
    cpSync(weightsOf(net), file);
    return file;
  };

  test.each([
    ["sd15-one", "controlnet", 0],
    ["sdxl-one", "controlnet", 0],
    ["sdxl-sizes", "controlnet", 0],
    ["sdxl-union-two", "controlnet-union", 6],
    ["sd15-t2i-two", "t2i-adapter", 0],
  ])("with the names of diffusers: %s", async (name, kind, modes) => {
    const one = find(name);
    await using pipeline = await load(one, one.files.map(alone));
    const { latents } = await pipeline.generate(optionsOf(one));
    expect(errorOf(latents[0]!, one)).toBeLessThan(1e-4);
    expect(pipeline.info.controls).toEqual(one.files.map(() => ({ kind, modes })));
  });

  /** The names that T2I-Adapters were published with: the blocks of all levels numbered through. */
  const publishedName = (name: string, layers: number, light: boolean): string =>
    name
      .replace(/^adapter\./, "")
      .replace(/^body\.(\d+)\.resnets\.(\d+)\./, (_, level: string, layer: string) =>
        light ? `body.${level}.body.${layer}.` : `body.${Number(level) * layers + Number(layer)}.`,
      )
      .replace(/^body\.(\d+)\.in_conv\./, (all, level: string) =>
        light ? all : `body.${Number(level) * layers}.in_conv.`,
      );

  test.each([
    ["sd15-t2i-full", "t2i-full", 2],
    ["sd15-t2i-light", "t2i-light", 1],
  ])("with the names that T2I-Adapters were published with: %s", async (name, net, layers) => {
    const light = net === "t2i-light";
    const file = join(mkdtempSync(join(scratch, "file-")), "t2i.safetensors");
    const published = [...readRaw(weightsOf(net))].map(([own, tensor]): [string, RawTensor] => [
      publishedName(own, layers, light),
      tensor,
    ]);
    writeFileSync(file, writeRaw(new Map(published)));
    // Two levels of one width look like one: no published file has them, so the configuration says it.
    if (!light) cpSync(join(FOLDER, net, "config.json"), join(file, "../config.json"));
    expect(await inspect(file)).toMatchObject({ kind: "t2i-adapter" });
    const one = find(name);
    await using pipeline = await load(one, [file]);
    const { latents } = await pipeline.generate(optionsOf(one));
    expect(errorOf(latents[0]!, one)).toBeLessThan(1e-4);
  });

  test.each(["control_model.", ""])("with the original names behind %j", async (prefix) => {
    const names = JSON.parse(readFileSync(join(FOLDER, "original-names.json"), "utf8")) as Record<string, string>;
    const original = new Map([...readRaw(weightsOf("canny"))].map(([name, tensor]) => [prefix + names[name]!, tensor]));
    if (prefix !== "") original.set("model.diffusion_model.out.2.bias", [...original.values()][0]!);
    const file = join(mkdtempSync(join(scratch, "file-")), "original.safetensors");
    writeFileSync(file, writeRaw(original));
    const one = find("sd15-one");
    await using pipeline = await load(one, [file]);
    const { latents } = await pipeline.generate(optionsOf(one));
    expect(errorOf(latents[0]!, one)).toBeLessThan(1e-4);
    expect(await inspect(file)).toMatchObject({ kind: "controlnet", family: "sd1" });
  });

  test("a tensor that nothing knows is an error", async () => {
    const tensors = readRaw(weightsOf("canny"));
    tensors.set("controlnet_down_blocks.9.weight", tensors.get("controlnet_mid_block.weight")!);
    const file = join(mkdtempSync(join(scratch, "file-")), "more.safetensors");
    writeFileSync(file, writeRaw(tensors));
    expect(await rejection(load(find("sd15-one"), [file]))).toMatchObject({
      code: "ERR_IPA_UNSUPPORTED",
      message: expect.stringContaining("controlnet_down_blocks.9.weight"),
    });
  });
});

describe("what a call says of controls", () => {
  const one = find("sd15-one");
  let pipeline: Pipeline;
  beforeAll(async () => {
    pipeline = await load(find("sd15-two"));
  });
  afterAll(() => pipeline.dispose());
  const latentsOf = async (options: GenerateOptions): Promise<Float32Array> =>
    (await pipeline.generate({ ...optionsOf(one), ...options, output: "latents" })).latents[0]!;
  const [use] = optionsOf(one).controls as [ControlUse];

  test("scale 0, or a window without a step, is as no control, bit for bit", async () => {
    const none = await latentsOf({ controls: [] });
    expect(await latentsOf({ controls: [{ ...use, scale: 0 }] })).toEqual(none);
    expect(await latentsOf({ controls: [{ ...use, start: 0.55, end: 0.6 }] })).toEqual(none);
    expect(await latentsOf({ controls: [use] })).not.toEqual(none);
  });

  test("a cached step runs of a control what it runs of the UNet", async () => {
    const cached = { every: 3, depth: 1 };
    const whole = await latentsOf({ featureCache: cached });
    const none = await latentsOf({ featureCache: cached, controls: [] });
    expect(relativeError(whole, none)).toBeGreaterThan(1e-2);
    expect(await latentsOf({ featureCache: cached, controls: [{ ...use, scale: 0 }] })).toEqual(none);
    // Where guidance comes and goes, each kind of step has its own.
    const interval: [number, number] = [0.3, 0.8];
    const parts = await latentsOf({ featureCache: cached, guidanceInterval: interval });
    expect(relativeError(parts, whole)).toBeGreaterThan(1e-3);
  });

  test("the size is that of width and height, not the picture's", async () => {
    const { latentShape } = await pipeline.generate({ controls: [use], steps: 1, output: "latents" });
    expect(latentShape).toEqual([4, pipeline.info.height / 8, pipeline.info.width / 8]);
  });

  test("the same bits with other pictures of the call, and after another call", async () => {
    const alone = await latentsOf({ seed: 5 });
    const { latents } = await pipeline.generate({ ...optionsOf(one), seed: 4, count: 2 });
    expect(latents[1]).toEqual(alone);
  });

  test("the estimate is what a call with controls takes", async () => {
    const options = { ...optionsOf(one), width: 256, height: 256 };
    const with1 = await pipeline.estimateMemory(options);
    const without = await pipeline.estimateMemory({ ...options, controls: [] });
    expect(with1.working).toBeGreaterThan(without.working);
  });

  test("mistakes are named", async () => {
    const image = { data: pixels(16, 16), width: 16, height: 16 };
    expect(await rejection(pipeline.generate({ controls: [{ image, control: 2 }] }))).toMatchObject({
      option: "controls[0].control",
      message: expect.stringContaining("between 0 and 1"),
    });
    expect(await rejection(pipeline.generate({ controls: [{ image, start: 0.5, end: 0.5 }] }))).toMatchObject({
      option: "controls[0].start",
    });
    expect(await rejection(pipeline.generate({ controls: [{}] }))).toMatchObject({
      option: "controls[0]",
      message: expect.stringContaining("add image"),
    });
    expect(await rejection(pipeline.generate({ controls: [{ image, mode: "depth" }] }))).toMatchObject({
      option: "controls[0].mode",
      message: expect.stringContaining("ControlNet-Union"),
    });
    const faceKeypoints: [number, number][] = [0, 1, 2, 3, 4].map((i) => [i, i]);
    expect(await rejection(pipeline.generate({ controls: [{ faceKeypoints }] }))).toMatchObject({
      option: "controls[0].faceKeypoints",
      message: expect.stringContaining("faceEmbeds"),
    });
    expect(await rejection(pipeline.generate({ controlnet_conditioning_scale: 1 } as GenerateOptions))).toMatchObject({
      message: expect.stringContaining("controls"),
    });
  });
});

test("pictures of a ControlNet-Union in other calls of a batch do not matter", async () => {
  const one = find("sdxl-union-two");
  await using pipeline = await load(one);
  const { latents } = await pipeline.generate({ ...optionsOf(one), count: 2 });
  expect(errorOf(latents[0]!, one)).toBeLessThan(1e-4);
  const [first, second] = optionsOf(one).controls as [ControlUse, ControlUse];
  const refused = (controls: ControlUse[]): Promise<unknown> => rejection(pipeline.generate({ controls }));
  expect(await refused([first, { ...second, end: 0.5 }])).toMatchObject({ option: "controls[1]" });
  expect(await refused([{ ...first, mode: undefined }])).toMatchObject({ option: "controls[0].mode" });
  expect(await refused([{ ...first, mode: "inpaint" }])).toMatchObject({
    option: "controls[0].mode",
    message: expect.stringContaining("6 modes"),
  });
});

test("InstantID's ControlNet reads the face whatever the scale of its image prompt", async () => {
  const one = find("sdxl-instantid");
  await using pipeline = await load(one);
  const latentsAt = async (face: number): Promise<Float32Array> => {
    const options = optionsOf(one);
    const [prompt] = options.imagePrompts as [ImagePrompt];
    const faceEmbeds = Float32Array.from(golden.get(one.inputs.face!)!.floats(), (value) => face * value);
    return (await pipeline.generate({ ...options, imagePrompts: [{ ...prompt, faceEmbeds, scale: 0 }] })).latents[0]!;
  };
  expect(relativeError(await latentsAt(1), await latentsAt(-1))).toBeGreaterThan(1e-3);
});

test("a Control-LoRA is for the UNet that it was made of", async () => {
  const file = join(FOLDER, "control-lora.safetensors");
  expect(await inspect(file)).toMatchObject({ kind: "control-lora" });
  await using pipeline = await load(find("sdxl-one"), []);
  expect(await rejection(pipeline.setControls([file]))).toMatchObject({
    code: expect.stringMatching(/ERR_IPA_(?:MISMATCH|SHAPE|MISSING_TENSOR|UNSUPPORTED)/),
    message: expect.stringContaining("control-lora.safetensors"),
  });
});

describe("setControls", () => {
  test("replaces all of them, and nothing on an error", async () => {
    const one = find("sd15-one");
    await using pipeline = await load(one, []);
    expect(await rejection(pipeline.generate(optionsOf(one)))).toMatchObject({
      option: "controls[0]",
      message: expect.stringContaining("no control is loaded"),
    });
    const { memoryBytes } = pipeline.info;
    await pipeline.setControls([join(FOLDER, "canny")]);
    expect(pipeline.info.controls).toHaveLength(1);
    expect(pipeline.info.memoryBytes).toBeGreaterThan(memoryBytes);
    const { latents } = await pipeline.generate(optionsOf(one));
    expect(errorOf(latents[0]!, one)).toBeLessThan(1e-4);
    // Of another family.
    expect(await rejection(pipeline.setControls([join(FOLDER, "canny"), join(FOLDER, "xl")]))).toMatchObject({
      code: "ERR_IPA_MISMATCH",
      message: expect.stringContaining("sdxl"),
    });
    expect((await pipeline.generate(optionsOf(one))).latents[0]).toEqual(latents[0]);
    await pipeline.setControls([]);
    expect(pipeline.info).toMatchObject({ controls: [], memoryBytes });
  });

  test.each(["bf16", "int16", "int8"] as const)("the net multiplies in the UNet's type: %s", async (dtype) => {
    const one = find("sd15-one");
    await using pipeline = await Pipeline.load({
      model: join(GOLDEN, "models", one.model),
      unet: join(FOLDER, one.unet!),
      controls: controlsOf(one),
      dtype,
    });
    const { latents } = await pipeline.generate(optionsOf(one));
    expect(errorOf(latents[0]!, one)).toBeLessThan(dtype === "int16" ? 1e-2 : 0.2);
  });
});
