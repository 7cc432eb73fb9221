/** Text features in place of prompts. Needs `npm run build`. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Pipeline, type GenerateOptions, type PromptEmbeds, readMetadata } from "../lib/index";
import { loadAddon } from "../lib/native/load";
import { runCommand } from "./support/command";
import { GOLDEN, relativeError } from "./support/golden";
import { rejection } from "./support/load";
import { readSafetensors } from "./support/safetensors";

interface Case {
  model: "sd15" | "sdxl";
  given: (keyof PromptEmbeds)[];
  chunks: number;
  text?: boolean;
  guidance?: number;
  adapter?: boolean;
}
// tools/goldens/prompt_embeds.py
const index = JSON.parse(readFileSync(join(GOLDEN, "prompt-embeds.json"), "utf8")) as {
  negative: string;
  seed: number;
  steps: number;
  guidance: number;
  cases: Case[];
};
const golden = readSafetensors(join(GOLDEN, "prompt-embeds.safetensors"));
const options = { seed: index.seed, steps: index.steps, guidance: index.guidance, width: 64, height: 64 } as const;
const call = { ...options, steps: 2, output: "latents" } as const;

const embedsOf = (i: number): PromptEmbeds =>
  Object.fromEntries(index.cases[i]!.given.map((name) => [name, golden.get(`${i}.${name}`)!.floats()])) as never;

const models = new Map<string, Promise<Pipeline>>();
function load(model: string): Promise<Pipeline> {
  const folder = join(GOLDEN, "models", model);
  if (!models.has(model))
    models.set(model, Pipeline.load({ model: folder, adapters: [join(folder, "adapters/base.safetensors")] }));
  return models.get(model)!;
}
afterAll(async () => {
  for (const pipeline of models.values()) await (await pipeline).dispose();
});

describe("on the command line", () => {
  const folder = mkdtempSync(join(tmpdir(), "prompt-embeds-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string): string => join(folder, name);
  const cli = (...args: string[]): ReturnType<typeof runCommand> => runCommand(args, loadAddon);

  test.each([
    ["sd15", { prompt_embeds: [1, 32, 32], negative_prompt_embeds: [1, 32, 32] }],
    ["sdxl", { pooled_prompt_embeds: [1, 40], negative_pooled_prompt_embeds: [1, 40] }],
  ])("encode --prompt writes what generate --prompt-embeds reads: %s", async (model, shapes) => {
    const texts = ["--prompt", "a (red:1.3) fox BREAK at night", "--negative-prompt", "a dog", "--clip-skip", "1"];
    const from = ["--model", join(GOLDEN, "models", model)];
    const embeds = file(`${model}.safetensors`);
    const encoded = await cli("encode", ...from, ...texts, "--output", embeds);
    expect(encoded).toMatchObject({ code: 0, out: expect.stringContaining(`${embeds}: prompt_embeds (1, `) });
    const written = readSafetensors(embeds);
    for (const [name, shape] of Object.entries(shapes)) expect(written.get(name)!.shape).toEqual(shape);
    const paint = async (name: string, ...args: string[]): Promise<Buffer> => {
      const size = ["--width", "64", "--height", "64", "--steps", "1", "--seed", "1"];
      const output = file(`${model}-${name}.png`);
      const made = await cli("generate", ...from, ...args, ...size, "--output", output, "--no-metadata");
      expect([made.code, made.err]).toEqual([0, expect.not.stringContaining("error")]);
      return readFileSync(output);
    };
    expect(await paint("features", "--prompt-embeds", embeds)).toEqual(await paint("words", ...texts));
  });
});

describe("promptEmbeds", () => {
  test.each(index.cases.map((one, i) => [`${one.model}, ${JSON.stringify(one)}`, one, i] as const))(
    "as in diffusers: %s",
    async (_, { model, text, guidance, adapter }, i) => {
      const pipeline = await load(model);
      const { latents } = await pipeline.generate({
        ...options,
        scheduler: "ddim",
        output: "latents",
        promptEmbeds: embedsOf(i),
        ...(text === true ? { negativePrompt: index.negative } : {}),
        ...(guidance === undefined ? {} : { guidance }),
        ...(adapter === true ? { imagePrompts: [{ image: join(GOLDEN, "images/square-64.png"), scale: 0.8 }] } : {}),
      });
      expect(relativeError(latents[0]!, golden.get(`${i}.latents`)!.floats())).toBeLessThan(3e-5);
    },
  );

  const long = `a (red:1.3) cat BREAK ${"in the rain, ".repeat(12)}`;
  test.each<[string, string, string, Partial<GenerateOptions<"latents">>]>([
    ["sd15", "plain", "a cat", {}],
    ["sd15", "weights and chunks", long, { negativePrompt: "a [dog]" }],
    ["sd15", "a long negative prompt", "a cat", { negativePrompt: long }],
    ["sd15", "clip skip", long, { clipSkip: 1, negativePrompt: "x" }],
    ["sd15", "no guidance", "a cat", { guidance: 1 }],
    ["sd15", "brackets as text", "a (cat)", { promptSyntax: "plain" }],
    ["sdxl", "zeros for no negative prompt", long, {}],
    ["sdxl", "pooled features of both", long, { negativePrompt: "a dog" }],
  ])("of encodePrompt() give the bits of the prompt: %s, %s", async (model, _, prompt, others) => {
    const pipeline = await load(model);
    const { negativePrompt, promptSyntax, clipSkip, ...rest } = others;
    const promptEmbeds = await pipeline.encodePrompt(prompt, { negativePrompt, promptSyntax, clipSkip });
    const own = await pipeline.generate({ ...call, prompt, ...others });
    expect((await pipeline.generate({ ...call, ...rest, promptEmbeds })).latents).toEqual(own.latents);
  });

  test("regions have them too, with the call's negative prompt as text or as features", async () => {
    const pipeline = await load("sd15");
    const mask = { data: new Uint8Array(64).fill(255, 0, 32), width: 8, height: 8, channels: 1 } as const;
    const negativePrompt = "a dog";
    const text = { ...call, prompt: "a cat", negativePrompt };
    const own = await pipeline.generate({ ...text, regions: [{ mask, prompt: "a red hat" }] });
    const { prompt } = await pipeline.encodePrompt("a red hat");
    const region = { mask, promptEmbeds: { prompt } };
    expect((await pipeline.generate({ ...text, regions: [region] })).latents).toEqual(own.latents);
    const promptEmbeds = await pipeline.encodePrompt("a cat", { negativePrompt });
    const embedded = { ...call, promptEmbeds };
    expect((await pipeline.generate({ ...embedded, regions: [region] })).latents).toEqual(own.latents);
    const said = await pipeline.generate({ ...embedded, regions: [{ mask, prompt: "a red hat" }] });
    expect(said.latents).toEqual(own.latents);
  });

  test("what they hold is read before the call returns", async () => {
    const pipeline = await load("sd15");
    const embeds = await pipeline.encodePrompt("a cat");
    const [first, second] = [pipeline.generate({ ...call, promptEmbeds: embeds }), embeds.prompt.fill(0)];
    expect(second.length).toBeGreaterThan(0);
    expect((await first).latents).toEqual((await pipeline.generate({ ...call, prompt: "a cat" })).latents);
  });

  test("their memory is counted", async () => {
    const pipeline = await load("sd15");
    const { prompt } = await pipeline.encodePrompt("a cat");
    const chunks = 32;
    const long = new Float32Array(prompt.length * chunks).fill(0.1);
    const one = await pipeline.estimateMemory({ ...call, promptEmbeds: { prompt, negative: prompt } });
    const many = await pipeline.estimateMemory({ ...call, promptEmbeds: { prompt: long, negative: long } });
    expect(many.working - one.working).toBeGreaterThan(2 * 4 * (long.length - prompt.length));
  });

  test("pictures keep small ones, and say of large ones that they are missing", async () => {
    const pipeline = await load("sd15");
    const promptEmbeds = await pipeline.encodePrompt("a cat");
    const picture = { ...options, steps: 1 };
    const { images } = await pipeline.generate({ ...picture, promptEmbeds });
    const { settings } = await readMetadata(await images[0]!.toBuffer("png"));
    expect(settings!.generate.promptEmbeds).toEqual(promptEmbeds);
    // What was given in memory is not in the picture, whether or not an option needs it.
    const mask = { data: new Uint8Array(64).fill(255), width: 8, height: 8, channels: 1 } as const;
    const { images: masked } = await pipeline.generate({ ...picture, regions: [{ mask, prompt: "b" }] });
    expect((await readMetadata(await masked[0]!.toBuffer("png"))).settings!.generate.regions).toEqual([
      { prompt: "b" },
    ]);
    const large = new Float32Array(promptEmbeds.prompt.length * 40).fill(0.1);
    const { images: others } = await pipeline.generate({
      ...picture,
      promptEmbeds: { prompt: large, negative: large },
    });
    const bytes = await others[0]!.toBuffer("png");
    const missing = (await readMetadata(bytes)).settings!;
    expect(missing.generate.promptEmbeds).toEqual({});
    expect(missing.files).toContainEqual({ option: "promptEmbeds.prompt", sha256: expect.any(String) });
    expect(await rejection(readMetadata(bytes, { verify: true }))).toMatchObject({
      code: "ERR_IPA_NOT_FOUND",
      message: expect.stringMatching(/^promptEmbeds\.prompt: it was given in memory/),
    });
  });
});

describe("errors", () => {
  const floats = (count: number): Float32Array => new Float32Array(count).fill(0.5);
  // A chunk of the small models: 16 tokens of 32, with SDXL of 48 numbers.
  test.each<[string, "sd15" | "sdxl", (size: number, pooled: number) => GenerateOptions, string, RegExp]>([
    ["a prompt beside", "sd15", (n) => ({ prompt: "a", promptEmbeds: { prompt: floats(n) } }), "prompt", /leave one/],
    [
      "a negative prompt twice",
      "sd15",
      (n) => ({ negativePrompt: "a", promptEmbeds: { prompt: floats(n), negative: floats(n) } }),
      "negativePrompt",
      /leave one/,
    ],
    ["nothing", "sd15", () => ({ promptEmbeds: {} as never }), "promptEmbeds.prompt", /missing/],
    ["no floats", "sd15", () => ({ promptEmbeds: { prompt: "x" as never } }), "promptEmbeds.prompt", /Float32Array/],
    ["another size", "sd15", (n) => ({ promptEmbeds: { prompt: floats(n + 1) } }), "promptEmbeds.prompt", /each chunk/],
    ["none", "sd15", () => ({ promptEmbeds: { prompt: floats(0) } }), "promptEmbeds.prompt", /each chunk/],
    ["too many", "sd15", (n) => ({ promptEmbeds: { prompt: floats(65 * n) } }), "promptEmbeds.prompt", /at most/],
    [
      "not finite",
      "sd15",
      (n) => ({ promptEmbeds: { prompt: floats(n).fill(NaN, 3, 4) } }),
      "promptEmbeds.prompt[3]",
      /finite/,
    ],
    [
      "halves of two lengths",
      "sd15",
      (n) => ({ promptEmbeds: { prompt: floats(n), negative: floats(2 * n) } }),
      "promptEmbeds",
      /as many chunks as prompt, 1, but received 2/,
    ],
    [
      "a negative prompt that is longer",
      "sd15",
      (n) => ({ negativePrompt: "a BREAK b", promptEmbeds: { prompt: floats(n) } }),
      "negativePrompt",
      /1, but it has 2: shorten it/,
    ],
    [
      "pooled features of a model that has none",
      "sd15",
      (n) => ({ promptEmbeds: { prompt: floats(n), pooled: floats(4) } }),
      "promptEmbeds.pooled",
      /leave it out/,
    ],
    ["no pooled features", "sdxl", (n) => ({ promptEmbeds: { prompt: floats(n) } }), "promptEmbeds.pooled", /add/],
    [
      "no pooled features of the negative prompt",
      "sdxl",
      (n, pooled) => ({ promptEmbeds: { prompt: floats(n), pooled: floats(pooled), negative: floats(n) } }),
      "promptEmbeds.negativePooled",
      /add/,
    ],
    [
      "pooled features of another size",
      "sdxl",
      (n) => ({ promptEmbeds: { prompt: floats(n), pooled: floats(3) } }),
      "promptEmbeds.pooled",
      /expected \d+ numbers but received 3/,
    ],
    [
      "pooled features without their prompt",
      "sdxl",
      (n, pooled) => ({ promptEmbeds: { prompt: floats(n), pooled: floats(pooled), negativePooled: floats(pooled) } }),
      "promptEmbeds.negativePooled",
      /add negative/,
    ],
    [
      "maps of words",
      "sd15",
      (n) => ({ attentionMaps: {}, promptEmbeds: { prompt: floats(n) } }),
      "attentionMaps",
      /leave one/,
    ],
    [
      "clip skip",
      "sd15",
      (n) => ({ clipSkip: 1, promptEmbeds: { prompt: floats(n) } }),
      "clipSkip",
      /encodePrompt\(\)/,
    ],
    [
      "a region's prompt beside",
      "sd15",
      (n) => ({ regions: [{ mask: "m.png", prompt: "a", promptEmbeds: { prompt: floats(n) } }] }),
      "regions[0].prompt",
      /leave one/,
    ],
  ])("%s", async (_, model, optionsOf, option, message) => {
    const pipeline = await load(model);
    const { textSize, pooledSize, textEncoders } = pipeline.info;
    const given = optionsOf(textSize * textEncoders[0]!.contextLength, pooledSize);
    expect(await rejection(pipeline.generate({ ...options, ...given }))).toMatchObject({
      code: "ERR_IPA_INVALID_OPTION",
      option,
      message: expect.stringMatching(message),
    });
  });

  test("encodePrompt() checks and cancels as other calls do", async () => {
    const pipeline = await load("sd15");
    expect(await rejection(pipeline.encodePrompt(5 as never))).toMatchObject({ option: "prompt" });
    expect(await rejection(pipeline.encodePrompt("<lora:x:1>"))).toMatchObject({ option: "prompt" });
    expect(await rejection(pipeline.encodePrompt("a", { clipSkip: 60 }))).toMatchObject({ option: "clipSkip" });
    expect(await rejection(pipeline.encodePrompt("a", { signal: AbortSignal.abort() }))).toMatchObject({
      name: "AbortError",
    });
  });
});
