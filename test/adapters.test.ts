/** Adapters on a loaded pipeline: swapping, encoders of their own, faces. On the native addon and the reference models. */
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { ImagePrompt } from "../lib/image-prompt";
import { OptionError, Pipeline, inspect, type GenerateOptions, type LoadOptions } from "../lib/index";
import { ROOT, SHORT_CALL, loadFake, pixels, rejection } from "./support/load";

const MODELS = join(ROOT, "test/golden/models");
const adapter = (name: string, model = "sd15"): string => join(MODELS, model, "adapters", `${name}.safetensors`);
const faces = (name: string): string => adapter(`sd15-${name}`, "faces");
const lora = join(ROOT, "test/golden/loras/sd15-kohya.safetensors");
const face = Float32Array.from({ length: 16 }, (_, i) => Math.sin(i + 1) / 3);
const picture = { data: pixels(80, 60), width: 80, height: 60 };
const options: GenerateOptions = { ...SHORT_CALL, scheduler: "ddim" };

async function latents(pipeline: Pipeline, more: GenerateOptions = {}): Promise<string> {
  const result = await pipeline.generate({ ...options, ...more });
  return Buffer.from(result.latents[0]!.buffer).toString("base64");
}

describe("changing adapters and LoRAs", () => {
  test("gives what loading with them gives, and back again", async () => {
    await using pipeline = await Pipeline.load({ model: join(MODELS, "sd15") });
    const plain = { latents: await latents(pipeline), info: pipeline.info };
    const prompts = { imagePrompts: [{ image: picture }] };
    expect(await rejection(pipeline.generate(prompts))).toMatchObject({
      message: expect.stringContaining("no IP-Adapter"),
    });

    for (const file of [adapter("base"), adapter("plus")]) {
      await using loaded = await Pipeline.load({
        model: join(MODELS, "sd15"),
        adapters: [{ file }],
        loras: [{ file: lora }],
      });
      await pipeline.setAdapters([{ file }]);
      await pipeline.setLoras([{ file: lora }]);
      expect(pipeline.info).toEqual(loaded.info);
      expect(await latents(pipeline, prompts)).toBe(await latents(loaded, prompts));
    }
    await pipeline.setLoras([]);
    await pipeline.setAdapters([]);
    expect({ latents: await latents(pipeline), info: pipeline.info }).toEqual(plain);
  });

  test("calls use what was asked for before them, without waiting for it", async () => {
    await using pipeline = await Pipeline.load({ model: join(MODELS, "sd15"), adapters: [{ file: adapter("base") }] });
    const embeds = { imagePrompts: [{ image: picture }] };
    const [before, , during, , after] = await Promise.all([
      latents(pipeline, embeds),
      pipeline.setAdapters([{ file: adapter("plus") }]),
      latents(pipeline, embeds),
      pipeline.setAdapters([{ file: faces("faceid") }]),
      latents(pipeline, { imagePrompts: [{ faceEmbeds: face }] }),
    ]);
    expect(new Set([before, during, after]).size).toBe(3);
    await pipeline.setAdapters([{ file: adapter("base") }]);
    expect(await latents(pipeline, embeds)).toBe(before);
    await pipeline.setAdapters([{ file: adapter("plus") }]);
    expect(await latents(pipeline, embeds)).toBe(during);
  });

  test("one that fails at once does not let the next call overtake one that is under way", async () => {
    await using pipeline = await Pipeline.load({ model: join(MODELS, "sd15"), adapters: [{ file: adapter("base") }] });
    const change = pipeline.setAdapters([{ file: adapter("plus") }]);
    const failed = rejection(pipeline.setAdapters([{ file: join(ROOT, "nothing.safetensors") }]));
    const hidden = { imagePrompts: [{ embeds: new Float32Array(17 * 32).fill(0.1) }] };
    const [, , made] = await Promise.all([change, failed, latents(pipeline, hidden)]);
    expect(await latents(pipeline, hidden)).toBe(made);
    expect(pipeline.info.adapters[0]!.variant).toBe("plus");
  });

  test("an error leaves all as it was", async () => {
    await using pipeline = await Pipeline.load({ model: join(MODELS, "sd15"), adapters: [{ file: adapter("base") }] });
    const { info } = pipeline;
    const prompts = { imagePrompts: [{ image: picture }] };
    const before = await latents(pipeline, prompts);
    expect(await rejection(pipeline.setAdapters([{ file: adapter("base", "sdxl") }]))).toMatchObject({
      code: "ERR_IPA_MISMATCH",
    });
    expect(await rejection(pipeline.setAdapters([{ file: join(ROOT, "nothing.safetensors") }]))).toMatchObject({
      message: expect.stringContaining("adapters[0].file"),
    });
    expect(await rejection(pipeline.setLoras([{ file: lora, weight: 99 }]))).toBeInstanceOf(OptionError);
    expect(await rejection(pipeline.setLoras([{ file: adapter("base") }]))).toMatchObject({ code: "ERR_IPA_MISMATCH" });
    expect(
      await rejection(pipeline.setLoras([{ file: lora }], { signal: AbortSignal.abort("stop") }).then(() => undefined)),
    ).toBe("stop");
    expect(pipeline.info).toEqual(info);
    expect(await latents(pipeline, prompts)).toBe(before);
  });

  test("the LoRA inside a FaceID file has a weight, and weight 0 is none", async () => {
    await using pipeline = await Pipeline.load({
      model: join(MODELS, "sd15"),
      adapters: [{ file: faces("faceid"), loraWeight: 0 }],
    });
    const plain = await latents(pipeline);
    await pipeline.setAdapters([{ file: faces("faceid") }]);
    expect(await latents(pipeline)).not.toBe(plain);
    await pipeline.setAdapters([]);
    expect(await latents(pipeline)).toBe(plain);
  });

  test("after dispose() they are refused", async () => {
    const { pipeline } = await loadFake();
    await pipeline.dispose();
    expect(await rejection(pipeline.setAdapters([]))).toMatchObject({ code: "ERR_IPA_DISPOSED" });
    expect(await rejection(pipeline.setLoras([]))).toMatchObject({ code: "ERR_IPA_DISPOSED" });
  });
});

describe("image encoders", () => {
  // Of the same sizes and with other weights.
  const other = join(MODELS, "sd2", "image_encoder");

  test("adapters of different encoders work side by side, each with its own", async () => {
    await using both = await Pipeline.load({
      model: join(MODELS, "sd15"),
      adapters: [
        { file: adapter("base"), imageEncoder: other },
        { file: adapter("base") },
        { file: adapter("plus"), imageEncoder: other },
      ],
    });
    await using changed = await Pipeline.load({
      model: join(MODELS, "sd15"),
      imageEncoder: other,
      adapters: [{ file: adapter("base") }, { file: adapter("plus") }],
    });
    await using plain = await Pipeline.load({ model: join(MODELS, "sd15"), adapters: [{ file: adapter("base") }] });
    const on = (index: number): GenerateOptions => ({ imagePrompts: [{ image: picture, adapter: index }] });
    expect(await latents(both, on(0))).toBe(await latents(changed, on(0)));
    expect(await latents(both, on(1))).toBe(await latents(plain, on(0)));
    expect(await latents(both, on(2))).toBe(await latents(changed, on(1)));
    expect(await latents(both, on(0))).not.toBe(await latents(both, on(1)));
    // It is one encoder more, though two adapters name it; and the base adapter a second time.
    const { parameters: encoder } = await inspect(other);
    const { parameters: base } = await inspect(adapter("base"));
    expect(both.info.parameters - changed.info.parameters).toBe(encoder + base);
  });

  test("an encoder's file gives what its folder gives, for the pipeline and for one adapter", async () => {
    const file = join(other, "model.safetensors");
    const on: GenerateOptions = { imagePrompts: [{ image: picture }] };
    await using folder = await Pipeline.load({
      model: join(MODELS, "sd15"),
      imageEncoder: other,
      adapters: [{ file: adapter("base") }],
    });
    await using one = await Pipeline.load({
      model: join(MODELS, "sd15"),
      imageEncoder: file,
      adapters: [{ file: adapter("base") }],
    });
    await using own = await Pipeline.load({
      model: join(MODELS, "sd15"),
      adapters: [{ file: adapter("base"), imageEncoder: file }],
    });
    const expected = await latents(folder, on);
    expect(await latents(one, on)).toBe(expected);
    expect(await latents(own, on)).toBe(expected);
    const error = await rejection(
      Pipeline.load({
        model: join(MODELS, "sd15"),
        imageEncoder: adapter("base"),
        adapters: [{ file: adapter("base") }],
      }),
    );
    expect(error).toMatchObject({
      code: "ERR_IPA_MISMATCH",
      message: expect.stringMatching(/holds no image encoder \(its kind is ip-adapter\)/),
    });
  });

  const files = {
    lora: join(ROOT, "test/golden/loras/sd15-peft.safetensors"),
    "ip-adapter": adapter("base"),
    controlnet: join(MODELS, "controls/canny/diffusion_pytorch_model.safetensors"),
    unet: join(MODELS, "sd15/unet/diffusion_pytorch_model.safetensors"),
  };
  test.each<[keyof typeof files, LoadOptions, string]>([
    ["lora", { adapters: [files.lora] }, "pass it in loras"],
    ["controlnet", { adapters: [files.controlnet] }, "pass it in controls"],
    ["ip-adapter", { controls: [files["ip-adapter"]] }, "pass it in adapters"],
    ["lora", { controls: [files.lora] }, "pass it in loras"],
    ["unet", { controls: [files.unet] }, "pass it as unet"],
    ["ip-adapter", { loras: [files["ip-adapter"]] }, "pass it in adapters"],
    ["controlnet", { loras: [files.controlnet] }, "pass it in controls"],
    ["ip-adapter", { embeddings: [files["ip-adapter"]] }, "pass it in adapters"],
    ["controlnet", { unet: files.controlnet }, "pass it in controls"],
    ["lora", { vae: files.lora }, "pass it in loras"],
    ["ip-adapter", { model: files["ip-adapter"] }, "pass it in adapters"],
    ["controlnet", { imageEncoder: files.controlnet, adapters: [adapter("base")] }, "pass it in controls"],
  ])("%#: a file of kind %s is refused, and the message says where it goes", async (kind, options, place) => {
    const error = await rejection(Pipeline.load({ model: join(MODELS, "sd15"), ...options }));
    expect(error).toMatchObject({ code: "ERR_IPA_MISMATCH" });
    expect(error.message.replace(")", "")).toMatch(new RegExp(`its kind is ${kind}: ${place}$`));
  });

  test("loraWeight without a LoRA inside is refused", async () => {
    const error = await rejection(
      Pipeline.load({ model: join(MODELS, "sd15"), adapters: [{ file: adapter("base"), loraWeight: 0.5 }] }),
    );
    expect(error.message).toMatch(
      /loraWeight is for FaceID files with a LoRA inside, this one has none: leave it out$/,
    );
  });

  test("one of another size is refused, naming what is needed", async () => {
    const error = await rejection(
      Pipeline.load({
        model: join(MODELS, "sd15"),
        adapters: [{ file: adapter("plus"), imageEncoder: join(MODELS, "vision-bigg", "image_encoder") }],
      }),
    );
    expect(error).toMatchObject({ code: "ERR_IPA_MISMATCH", message: expect.stringContaining("imageEncoder") });
  });
});

describe("face adapters", () => {
  test("say what they take, and where it comes from", async () => {
    await using pipeline = await Pipeline.load({
      model: join(MODELS, "sd15"),
      adapters: [
        { file: faces("faceid") },
        { file: faces("plus") },
        { file: faces("plus"), shortcut: true },
        { file: adapter("base") },
      ],
    });
    expect(pipeline.info.adapters).toEqual([
      {
        variant: "faceid",
        tokens: 4,
        embedSize: 0,
        hiddenStates: false,
        faceSize: 16,
        faceEmbedding: "normed_embedding",
        shortcut: false,
        hasImageEncoder: false,
        imageSize: 0,
      },
      {
        variant: "faceid_plus",
        tokens: 4,
        embedSize: 32,
        hiddenStates: true,
        faceSize: 16,
        faceEmbedding: "normed_embedding",
        shortcut: false,
        hasImageEncoder: true,
        imageSize: 64,
      },
      {
        variant: "faceid_plus",
        tokens: 4,
        embedSize: 32,
        hiddenStates: true,
        faceSize: 16,
        faceEmbedding: "normed_embedding",
        shortcut: true,
        hasImageEncoder: true,
        imageSize: 64,
      },
      expect.objectContaining({ variant: "base", faceSize: 0 }),
    ]);
    const refused = async (prompt: object): Promise<unknown> =>
      rejection(pipeline.generate({ ...options, imagePrompts: [prompt as ImagePrompt] }));
    expect(await refused({ image: picture })).toMatchObject({
      option: "imagePrompts[0]",
      message: expect.stringMatching(/faceEmbeds.*InsightFace's normed_embedding/),
    });
    expect(await refused({ faceEmbeds: face, image: picture })).toMatchObject({ option: "imagePrompts[0].image" });
    expect(await refused({ faceEmbeds: face.subarray(1) })).toMatchObject({
      option: "imagePrompts[0].faceEmbeds",
      message: expect.stringContaining("16 floats"),
    });
    expect(await refused({ faceEmbeds: face, adapter: 1 })).toMatchObject({
      option: "imagePrompts[0]",
      message: expect.stringContaining("add image"),
    });
    expect(await refused({ faceEmbeds: new Float32Array(32), image: picture, adapter: 1 })).toMatchObject({
      option: "imagePrompts[0].faceEmbeds",
      message: expect.stringContaining("one face"),
    });
    expect(await refused({ faceEmbeds: face, image: picture, adapter: 1, structureScale: 0.5 })).toMatchObject({
      option: "imagePrompts[0].structureScale",
    });
    expect(await refused({ faceEmbeds: face, image: picture, adapter: 3 })).toMatchObject({
      option: "imagePrompts[0].faceEmbeds",
    });
    expect(await rejection(pipeline.encodeImage(picture))).toMatchObject({ option: "image" });
  });

  test("two faces are two entries or one; the structure of a PlusV2 face has a scale", async () => {
    await using pipeline = await Pipeline.load({
      model: join(MODELS, "sd15"),
      adapters: [{ file: faces("faceid") }, { file: faces("plus"), shortcut: true }],
    });
    const two = Float32Array.from({ length: 32 }, (_, i) => Math.cos(i));
    const together = await latents(pipeline, { imagePrompts: [{ faceEmbeds: two }] });
    expect(
      await latents(pipeline, { imagePrompts: [{ faceEmbeds: two.slice(0, 16) }, { faceEmbeds: [...two.slice(16)] }] }),
    ).toBe(together);
    const hidden = await pipeline.encodeImage(picture, { adapter: 1 });
    const plus = (more: object): Promise<string> =>
      latents(pipeline, { imagePrompts: [{ faceEmbeds: face, adapter: 1, ...more }] });
    const byPicture = await plus({ image: picture });
    expect(await plus({ embeds: hidden, structureScale: 1 })).toBe(byPicture);
    expect(await plus({ image: picture, structureScale: 0 })).not.toBe(byPicture);
    expect(
      (await pipeline.estimateMemory({ ...options, imagePrompts: [{ faceEmbeds: face, image: picture, adapter: 1 }] }))
        .working,
    ).toBeGreaterThan(0);
  });

  test("the file's name tells PlusV2 from Plus, and the option overrules it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "faceid-"));
    try {
      for (const [name, shortcut, expected] of [
        ["ip-adapter-faceid-plusv2_sd15.safetensors", undefined, true],
        ["ip-adapter-faceid-plus_sd15.safetensors", undefined, false],
        ["ip-adapter-faceid-plusv2_sd15.safetensors", false, false],
        ["mine.safetensors", true, true],
      ] as const) {
        const file = join(folder, name);
        copyFileSync(faces("plus"), file);
        await using pipeline = await Pipeline.load({ model: join(MODELS, "sd15"), adapters: [{ file, shortcut }] });
        expect(pipeline.info.adapters[0]).toMatchObject({ shortcut: expected });
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
    expect(
      await rejection(
        Pipeline.load({ model: join(MODELS, "sd15"), adapters: [{ file: adapter("base"), shortcut: true }] }),
      ),
    ).toMatchObject({ message: expect.stringContaining("PlusV2") });
  });
});
