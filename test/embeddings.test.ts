/** Textual inversion files: the same tokens and latents as diffusers has with them, and clear refusals. Needs `npm run build`. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Pipeline, inspect } from "../lib/index";
import { encodePrompts } from "../lib/prompt/encode";
import { ClipTokenizer } from "../lib/tokenizer";
import { ROOT, rejection } from "./support/load";
import { readSafetensors, writeSafetensors, type Tensors } from "./support/safetensors";

const GOLDEN = join(ROOT, "test/golden");
const file = (name: string): string => join(GOLDEN, "embeddings", name);
const model = (name: string): string => join(GOLDEN, "models", name);

interface Golden {
  steps: number;
  guidance: number;
  seed: number;
  loaded: Record<string, { file: string; token?: string }[]>;
  cases: { name: string; model: string; prompt: string; negative: string }[];
}
// tools/goldens/embeddings.py
const index = JSON.parse(readFileSync(join(GOLDEN, "embeddings.json"), "utf8")) as Golden;
const golden = readSafetensors(join(GOLDEN, "embeddings.safetensors"));

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "embeddings-"))));
afterAll(() => rmSync(folder, { recursive: true }));

const made = (tensors: Tensors): string => {
  const path = join(folder, "made.safetensors");
  writeFileSync(path, writeSafetensors(tensors));
  return path;
};

const open = (name: string): Promise<Pipeline> =>
  Pipeline.load({
    model: model(name),
    embeddings: index.loaded[name]!.map(({ file: name, ...token }) => ({ file: file(name), ...token })),
  });

test.each(index.cases)("the latents that diffusers makes: $name", async ({ name, model: folder, prompt, negative }) => {
  await using pipeline = await open(folder);
  const { steps, guidance, seed } = index;
  const { latents } = await pipeline.generate({
    prompt,
    negativePrompt: negative,
    steps,
    guidance,
    seed,
    scheduler: "ddim",
    output: "latents",
    width: 64,
    height: 64,
  });
  const theirs = golden.get(`${name}.latents`)!.floats();
  expect(Math.hypot(...latents[0]!.map((v, i) => v - theirs[i]!)) / Math.hypot(...theirs)).toBeLessThan(1e-4);
});

test("tokens are named by the option, the file, or the file's name", async () => {
  await using pipeline = await open("sd15");
  expect(pipeline.info.embeddings.map(({ token, vectors }) => [token, vectors])).toEqual([
    ["<cat-toy>", [1]],
    ["<my-style>", [3]],
    ["bad-pictures", [4]],
    ["<half>", [2]],
  ]);
  await using other = await Pipeline.load({
    model: model("sd15"),
    embeddings: [{ file: file("halves.safetensors") }, { file: file("style.safetensors"), token: "<other>" }],
  });
  expect(other.info.embeddings.map(({ token }) => token)).toEqual(["halves", "<other>"]);
});

test("inspect tells a textual inversion and its family", async () => {
  for (const name of ["learned_embeds.bin", "style.safetensors", "bad-pictures.pt", "halves.safetensors"])
    expect(await inspect(file(name))).toMatchObject({ kind: "embedding", family: "" });
  expect(await inspect(file("xl.safetensors"))).toMatchObject({ kind: "embedding", family: "sdxl" });
  expect(await inspect(made({ emb_params: { shape: [1, 768], data: new Float32Array(768) } }))).toMatchObject({
    kind: "embedding",
    family: "sd1",
  });
  expect(await inspect(made({ style: { shape: [1, 768], data: new Float32Array(768) } }))).toMatchObject({
    kind: "tensors",
  });
});

describe("in prompts", () => {
  let tokenizer: ClipTokenizer;
  beforeAll(async () => {
    tokenizer = await ClipTokenizer.load(join(model("sd15"), "tokenizer"));
    tokenizer.addToken("<my-style>", 2000, 3, "token");
    tokenizer.addToken("<My-Style>s", 2003, 1, "token");
    tokenizer.addToken("Easy(Neg.)", 2004, 2, "token");
  });
  const learned = (text: string): number[] => tokenizer.encode(text).filter((id) => id >= 2000);

  test.each<[string, number[]]>([
    ["a <my-style> b", [2000, 2001, 2002]],
    ["<MY-STYLE>", [2000, 2001, 2002]],
    ["x<my-style>sy", [2003]],
    ["<my-style>_2, <my-style>_1", [2002, 2001]],
    ["easy(neg.) EASY(NEG.)", [2004, 2005, 2004, 2005]],
    ["my-style", []],
  ])("%s", (text, ids) => expect(learned(text)).toEqual(ids));

  test("text around a token is what it is without it", () => {
    expect(tokenizer.encode("red<my-style>cat")).toEqual([
      ...tokenizer.encode("red"),
      2000,
      2001,
      2002,
      ...tokenizer.encode("cat"),
    ]);
  });

  const chunks = (prompt: string, contextLength: number): number[][] => {
    const {
      prompt: [text],
    } = encodePrompts(prompt, "", "weighted", [{ tokenizer, contextLength }]);
    const ids = [...text!.ids];
    return Array.from({ length: ids.length / contextLength }, (_, i) =>
      ids.slice(i * contextLength, (i + 1) * contextLength).filter((id) => id >= 2000),
    );
  };
  test("its vectors stay in one chunk where they fit in one", () => {
    expect(chunks("a a a a <my-style>", 8)).toEqual([[], [2000, 2001, 2002]]);
    expect(chunks("a a a <my-style>", 8)).toEqual([[2000, 2001, 2002]]);
    expect(chunks("<my-style>", 4)).toEqual([[2000, 2001], [2002]]);
  });
  test("a weight holds for all of its vectors", () => {
    const {
      prompt: [text],
    } = encodePrompts("a (<my-style>:1.3)", "", "weighted", [{ tokenizer, contextLength: 8 }]);
    expect([...text!.weights].map((weight) => Math.round(weight * 10) / 10)).toEqual([1, 1, 1.3, 1.3, 1.3, 1, 1, 1]);
  });
});

describe("refused", () => {
  const load = (...embeddings: { file: string; token?: string }[]): Promise<unknown> =>
    Pipeline.load({ model: model("sd15"), embeddings });
  const rows = (...shape: number[]): Tensors[string] => ({
    shape,
    data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
  });

  test("vectors of another width, for two text encoders, or none at all", async () => {
    expect(await rejection(load({ file: file("wide.safetensors") }))).toMatchObject({
      code: "ERR_IPA_MISMATCH",
      message: expect.stringMatching(/wide.safetensors.*40 numbers.*take 32.*model family/),
    });
    expect(await rejection(load({ file: file("xl.safetensors") }))).toMatchObject({
      code: "ERR_IPA_MISMATCH",
      message: expect.stringMatching(/two text encoders of SDXL/),
    });
    expect(await rejection(load({ file: made({ "<a>": rows(2, 3, 32) }) }))).toMatchObject({
      code: "ERR_IPA_SHAPE",
      message: expect.stringMatching(/"<a>" is no list of vectors/),
    });
    expect(await rejection(load({ file: made({ "<a>": rows(0, 32) }) }))).toMatchObject({ code: "ERR_IPA_SHAPE" });
  });

  test("files that are none", async () => {
    for (const tensors of [{ a: rows(32), b: rows(32) }, {}] as Tensors[]) {
      expect(await rejection(load({ file: made(tensors) }))).toMatchObject({
        code: "ERR_IPA_MISMATCH",
        message: expect.stringMatching(/no textual inversion.*pass a file/),
      });
    }
    expect(await rejection(load({ file: join(GOLDEN, "loras/sd15-kohya.safetensors") }))).toMatchObject({
      code: "ERR_IPA_MISMATCH",
    });
    expect(await rejection(load({ file: join(folder, "nothing.pt") }))).toMatchObject({
      code: "ERR_IPA_NOT_FOUND",
      message: expect.stringContaining("embeddings[0].file"),
    });
  });

  test("tokens that are there already", async () => {
    const style = file("style.safetensors");
    for (const token of ["<|endoftext|>", "a</w>", "th"]) {
      expect(await rejection(load({ file: style, token }))).toMatchObject({
        name: "OptionError",
        code: "ERR_IPA_INVALID_OPTION",
        option: "embeddings[0].token",
        message: expect.stringContaining("already: pass another name"),
      });
    }
    expect(await rejection(load({ file: style }, { file: style }))).toMatchObject({
      code: "ERR_IPA_INVALID_OPTION",
      option: "embeddings[1].token",
    });
    expect(await rejection(load({ file: style, token: "<a>" }, { file: style, token: "<A>_1" }))).toMatchObject({
      code: "ERR_IPA_INVALID_OPTION",
      option: "embeddings[1].token",
    });
    expect(await rejection(load({ file: style, token: " " }))).toMatchObject({
      code: "ERR_IPA_INVALID_OPTION",
      option: "embeddings[0].token",
    });
  });
});
