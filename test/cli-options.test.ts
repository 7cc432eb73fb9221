/** Every option of the API has a form on the command line. On the fake addon. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Command } from "commander";

import { flagOf } from "../lib/cli/flag-names";
import { addGenerateFlags } from "../lib/cli/generate-flags";
import { GenerateSchema } from "../lib/options/generate-schema";
import type { Schema } from "../lib/options/json-schema";
import { LoadSchema } from "../lib/options/load-schema";
import { type CommandRun, runCommand } from "./support/command";
import { FakeAddon } from "./support/fake-addon";
import { ROOT } from "./support/load";

/** Options whose flags have other names. */
const OTHER_NAMES: Record<string, string> = {
  imagePrompts: "--image-prompt",
  negativeImagePrompts: "--negative-image-prompt",
  controls: "--control-image",
  regions: "--region",
  output: "--save-latents",
  metadata: "--no-metadata",
  adapters: "--adapter",
  loras: "--lora",
  embeddings: "--embedding",
  inpaint: "--inpaint-head",
  devices: "--unet-device",
};
/** What a command has no use for: limits for servers, and the token, which no command line should show. */
const NONE = ["images", "maxPixels", "maxQueue", "concurrency", "maxBatch", "priority", "token"];

const image = join(ROOT, "test/golden/images/rgb.png");
let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "cli-options-"))));
afterEach(() => {
  rmSync(folder, { recursive: true });
  process.exitCode = undefined;
});

const generate = (args: string[], addon: FakeAddon): Promise<CommandRun> =>
  runCommand(["generate", "--steps", "1", "--output", join(folder, "out.png"), ...args], () => addon);

describe("flags", () => {
  const command = new Command();
  addGenerateFlags(command);
  const flags = command.options.map(({ long }) => long);
  const isCallback = ({ "x-kind": kind = "path" }: Schema): boolean => ["function", "signal"].includes(kind);
  const options = Object.entries<Schema>({ ...LoadSchema.properties, ...GenerateSchema.properties });

  test.each(options.filter(([name, rule]) => !isCallback(rule) && !NONE.includes(name)).map(([name]) => name))(
    "%s has one",
    (name) => expect(flags).toContain(OTHER_NAMES[name] ?? flagOf(name)),
  );
});

test("all of an image prompt in JSON", async () => {
  const addon = new FakeAddon();
  const scale = { mid: 0.5, up: { block_0: [0, 1, 0] } };
  const entries = [
    { image, scale, curve: [[0, 1], [1, 0]], weight: 0.5, imageMask: image },
    { embeds: "e.safetensors", scale: [1, 2, 3, 4, 5, -1] },
  ]; // prettier-ignore
  const flags = entries.flatMap((entry) => ["--image-prompt", JSON.stringify(entry)]);
  expect(await generate(flags, addon)).toMatchObject({ code: 0 });
  const [first, second] = addon.requests[0]!.branches;
  expect([...first!.layers!]).toEqual([0, 0, 0.5, 0, 1, 0]);
  expect([...first!.curve!]).toEqual([0, 1, 1, 0]);
  expect(first!.images[0]).toMatchObject({ weight: 0.5, imageMask: { rgb: expect.any(Uint8Array) } });
  expect([...second!.layers!]).toEqual([1, 2, 3, 4, 5, -1]);
  expect(second!.images.map(({ embeds }) => embeds?.length)).toEqual([256, 256]);
});

test("JSON and files keep the --adapter before them", async () => {
  const addon = new FakeAddon();
  addon.info.adapters = [...addon.info.adapters, ...addon.info.adapters];
  const adapter = { file: join(ROOT, "models/mini/ip-adapter.safetensors"), loraWeight: 0.5 };
  const both = ["--adapter", adapter.file, "--adapter", JSON.stringify(adapter)];
  const prompts = ["--image-prompt", JSON.stringify({ image }), "--negative-image-prompt", image];
  const model = ["--model", join(ROOT, "models/mini")];
  expect(
    await generate([...model, ...both, ...prompts, "--image-prompt", JSON.stringify({ image, adapter: 0 })], addon),
  ).toMatchObject({ code: 0 });
  expect(addon.loads[0]!.adapters).toMatchObject([{ loraWeight: 1 }, adapter]);
  expect(addon.requests[0]!.branches.map((branch) => branch.adapter)).toEqual([1, 0]);
  expect(addon.requests[0]!.negativeImages.map((negative) => negative.adapter)).toEqual([1]);
});

test("negative image prompts and regions", async () => {
  const addon = new FakeAddon();
  const region = { mask: image, prompt: "a cat", scale: 0.5, imagePrompts: [{ image, scale: 0.25 }] };
  const flags = ["--negative-image-prompt", `${image},kind=gaussian,strength=0.5,weight=2`];
  flags.push("--negative-image-prompt", JSON.stringify({ kind: "black" }), "--region", JSON.stringify(region));
  flags.push("--image-prompt", image, "--image-prompt", image);
  expect(await generate(flags, addon)).toMatchObject({ code: 0 });
  const { negativeImages, regions, branches } = addon.requests[0]!;
  expect(negativeImages).toMatchObject([{ weight: 2 }, { rgb: new Uint8Array(64 * 64 * 3) }]);
  expect(regions).toMatchObject([{ scale: 0.5, mask: { width: 128, height: 128 } }]);
  expect(branches).toMatchObject([{ scale: 1 }, { scale: 0.25, region: 0 }]);
});

test("a control's picture in JSON has the numbers of its preprocessor", async () => {
  const addon = new FakeAddon();
  const entry = { image, scale: 0.5, preprocess: { canny: { low: 10, high: 20 } } };
  const run = await generate(["--control-image", JSON.stringify(entry)], addon);
  // The fake model has none, which is said only once the options are fine.
  expect(run.err).toMatch(/--control-image: .*no (structure )?control/);
});

test("--options are those of the API, under the other flags", async () => {
  const addon = new FakeAddon();
  const file = join(folder, "options.json");
  const options = { prompt: "a cat", seed: 5, guidance: 3, imagePrompts: [{ embeds: "e.safetensors", scale: 0.3 }] };
  writeFileSync(file, JSON.stringify({ ...options, variation: { seed: 9, strength: 0.5 }, preview: { every: 1 } }));
  expect(await generate(["--options", file, "--guidance", "4"], addon)).toMatchObject({ code: 0 });
  expect(addon.requests[0]).toMatchObject({
    seeds: [5],
    guidance: 4,
    variation: { seed: 9, strength: 0.5 },
    branches: [{ scale: 0.3 }],
  });
});

test("text features come from a file, of a call and of a region", async () => {
  const addon = new FakeAddon();
  addon.tensor = { shape: [1, 20, 192], data: new Float32Array(20 * 192).fill(0.5).buffer };
  const names = ["prompt_embeds", "negative_prompt_embeds"];
  addon.listTensors = (_path, done) => {
    done(null, names.map((name) => ({ name, shape: [1, 20, 192] }))); // prettier-ignore
    return { cancel: () => undefined };
  };
  const region = { mask: image, promptEmbeds: "p.safetensors" };
  const flags = ["--prompt-embeds", "p.safetensors", "--region", JSON.stringify(region)];
  expect(await generate(flags, addon)).toMatchObject({ code: 0 });
  const features = new Float32Array(20 * 192).fill(0.5);
  const both = { promptEmbeds: { features }, negativeEmbeds: { features } };
  expect(addon.requests[0]).toMatchObject({ ...both, regions: [both] });
  names.shift();
  expect((await generate(flags, addon)).err).toContain("--prompt-embeds: expected a tensor prompt_embeds, which");
});

test.each<[string[], string]>([
  [["--region", "left.png"], '--region: expected JSON such as {"mask":"left.png","prompt":"a cat"}'],
  [["--region", '{"mask":'], "--region: expected an object in JSON, but it is none: "],
  [["--region", '{"prompt":"a cat"}'], "--region, mask: expected an image but it is missing"],
  [["--region", '{"mask":"a.png","promt":"a cat"}'], '"prompt"'],
  [["--image-prompt", '{"image":"a.png","scale":{"up":9}}'], "--image-prompt, scale.up: expected"],
  [["--image-prompt", '{"image":"a.png","curve":[[0,9]]}'], "--image-prompt, curve[0][1]: expected"],
  [["--negative-image-prompt", "a.png:0.5"], "--negative-image-prompt: it has no scale"],
  [["--negative-image-prompt", "a.png,strength=high"], "--negative-image-prompt, strength: expected a number"],
  [["--negative-image-prompt", '{"strength":2,"kind":"black"}'], "--negative-image-prompt: expected"],
  [["--options", "none.json"], "--options: file not found"],
])("%j says what is wrong", async (flags, says) => {
  const { code, err } = await generate(flags, new FakeAddon());
  expect([code, err]).toEqual([flags[0] === "--options" ? 1 : 2, expect.stringContaining(says)]);
});

test("options in a file that the command cannot have", async () => {
  const file = join(folder, "options.json");
  writeFileSync(file, '{"output":"latents"}');
  expect((await generate(["--options", file], new FakeAddon())).err).toContain("use --save-latents");
  writeFileSync(file, "[1]");
  expect((await generate(["--options", file], new FakeAddon())).err).toContain("--options: expected an object in JSON");
  const deep = 100_000;
  writeFileSync(file, `{"regions":[${"[".repeat(deep)}${"]".repeat(deep)}]}`);
  expect(await generate(["--options", file], new FakeAddon())).toMatchObject({
    code: 2,
    err: expect.stringContaining("--region: expected an object but received an array"),
  });
});
