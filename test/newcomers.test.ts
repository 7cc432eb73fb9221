/** What users of other programs type: each mistake is told how it is written here, and the obvious shorthands work. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { Pipeline as PublicPipeline } from "../lib";
import { CallSite } from "../lib/native/call";
import type { NativeGenerateRequest } from "../lib/native/contract";
import { aliasTables, optionAlias } from "../lib/options/aliases";
import { unknownOption } from "../lib/options/mistakes";
import {
  AdapterSchema,
  ControlSchema,
  ControlUseSchema,
  DevicesSchema,
  EmbeddingSchema,
  EncodeOptionsSchema,
  EstimateSchema,
  GenerateSchema,
  ImagePromptSchema,
  LoadSchema,
  LoraSchema,
  PreprocessSchema,
  SCHEDULERS,
  SIGMAS,
} from "../lib/options/schema";
import { fold } from "../lib/options/suggest";
import { checkValue } from "../lib/options/validate";
import { Pipeline } from "../lib/pipeline";
import { FakeAddon } from "./support/fake-addon";
import { MINI, ROOT, pixels, rejection } from "./support/load";

const picture = join(ROOT, "test/golden/images/rgb.png");
let addon: FakeAddon;
let pipeline: Pipeline;
beforeEach(async () => {
  addon = new FakeAddon();
  pipeline = await Pipeline.loadWith(() => addon, {}, new CallSite());
});
afterEach(() => pipeline.dispose());

const refused = async (options: object): Promise<string> => (await rejection(pipeline.generate(options))).message;
const refusedLoad = async (options: object): Promise<string> =>
  (await rejection(Pipeline.loadWith(() => addon, options, new CallSite()))).message;

describe("options of other programs", () => {
  test.each([
    [{ num_inference_steps: 20 }, "use steps"],
    [{ cfg: 7 }, "use guidance"],
    [{ cfg_scale: 7 }, "use guidance"],
    [{ guidance_scale: 7 }, "use guidance"],
    [{ guidanceScale: 7 }, "use guidance"],
    [{ sampler: "euler" }, "use scheduler"],
    [{ sampler_name: "Euler a" }, "use scheduler"],
    [{ size: "512x768" }, "use width: 512, height: 768"],
    [{ size: "1024 × 1024" }, "use width: 1024, height: 1024"],
    [{ size: [512, 768] }, "use width: 512, height: 768"],
    [{ size: 512 }, "use width: 512, height: 512"],
    [{ size: "large" }, "use width and height, in pixels"],
    [{ n: 2 }, "use count"],
    [{ ip_adapter_image: picture }, "use imagePrompts: [{ image }]"],
    [{ imagePrompt: picture }, "use imagePrompts: [{ image }]"],
    [{ ipAdapterScale: 0.6 }, "use imagePrompts: [{ image, scale: 0.6 }]"],
    [{ ip_adapter_scale: [0.6, 0.4] }, "use imagePrompts: [{ image, scale }]"],
    [{ maskImage: picture }, "use mask"],
    [{ mask_image: picture }, "use mask"],
    [{ callback: () => undefined }, "use onProgress"],
    [{ callback_on_step_end: () => undefined }, "use onStep"],
    [{ adapter_conditioning_scale: 0.8 }, "use controls: [{ image, scale, start, end }]"],
    [{ controls: [{ file: "canny.safetensors" }] }, "pass its file to Pipeline.load() or setControls()"],
    [{ controls: [{ image: picture, adapter_conditioning_scale: 0.8 }] }, "use scale"],
    [{ controls: [{ image: picture, preprocess: true }] }, 'use a name ("canny"'],
    [{ hires: 2 }, "expected an object but received 2: use hires: { scale: 2 }"],
    [{ hires: true }, "use hires: { scale: 2 }"],
    [{ attentionMaps: true }, "use attentionMaps: {}"],
    [{ attentionMaps: false }, "leave it out"],
    [{ attentionMaps: ["mid"] }, "use attentionMaps: { layers }"],
    [{ outpaint: 16 }, "use outpaint: { left: 16, top: 16, right: 16, bottom: 16 }"],
    [{ preview: 5 }, "use preview: { every: 5 }"],
    [{ featureCache: 3 }, "use featureCache: { every: 3 }"],
    [{ variation: 7 }, "use variation: { seed: 7, strength: 0.2 }"],
    [{ device: "cuda" }, "it is loaded with the model: pass it to Pipeline.load()"],
    [{ use_gpu: true }, 'in Pipeline.load(), use device: "cuda"'],
    [{ generator: 1 }, "use seed"],
    [{ num_images_per_prompt: 2 }, "use count"],
    [{ batch_size: 2 }, "use count"],
    [{ n_iter: 2 }, "use count"],
    [{ denoising_strength: 0.5 }, "use strength"],
    [{ init_images: [] }, "use image"],
    [{ lora_scale: 1 }, "use loras: [{ file, weight }] in Pipeline.load()"],
    [{ clip_skip: 1 }, 'did you mean "clipSkip"?'],
    [{ negative_prompt: "x" }, 'did you mean "negativePrompt"?'],
    [{ model: "x" }, "it is loaded with the model: pass it to Pipeline.load()"],
    [{ adapters: ["x"] }, "it is loaded with the model: pass it to Pipeline.load() or setAdapters()"],
    [{ lora: "x" }, "in Pipeline.load(), use loras: [{ file, weight }], or call setLoras()"],
    [{ torch_dtype: "bfloat16" }, 'in Pipeline.load(), use dtype: "bf16"'],
    [{ checkpoint: "x" }, "in Pipeline.load(), use model"],
    [{ seed: -1 }, "leave seed out for a random one"],
    [{ negative_prompt_embeds: [] }, "use promptEmbeds: { prompt, negative, pooled, negativePooled }"],
    [{ prompt_embeds: [] }, "promptEmbeds"],
    [{ ip_adapter_mask: picture }, "use imagePrompts: [{ image, mask }]"],
    [{ image_negative: picture }, "use negativeImagePrompts: [{ image }]"],
    [
      { imagePrompts: [{ image: picture, zzzzzz: 1 }] },
      "imagePrompts[0].zzzzzz: no option of an image prompt: docs/generate.md of the package lists them",
    ],
    [{ imagePrompts: [new Response("x")] }, "imagePrompts[0].image: expected a path"],
    [{ imagePrompts: [new Response("x")] }, "pass await response.blob()"],
    [{ use_karras_sigmas: true }, 'use sigmas: "karras"'],
    [{ timeout: 5 }, "use deadline (milliseconds)"],
    [{ imagePrompts: [{ file: picture }] }, "use image"],
    [{ imagePrompts: [{ image: picture, strength: 0.5 }] }, "use scale"],
    [{ imagePrompts: [{ image: picture, weight_type: "style transfer" }] }, 'use preset: "style"'],
    [{ imagePrompts: [{ image: picture, weight_type: "ease in-out" }] }, 'use preset: "ease-in-out"'],
    [{ imagePrompts: [{ image: picture, weight_type: "linear" }] }, "leave preset out"],
    [{ imagePrompts: [{ image: picture, weight_type: "unheard of" }] }, "use preset"],
    [{ imagePrompts: [{ image: picture, preset: "composition precise" }] }, 'use "precise-composition"'],
    [{ imagePrompts: [{ image: picture, preset: "style and composition" }] }, 'use "style-composition"'],
    [{ output: "latent" }, 'did you mean "latents"?'],
    [{ vaeTiling: true }, 'use "on"'],
    [{ tiling: true }, 'use seamless: "both"'],
    [{ seamless_axes: "x" }, 'use seamless: "x", "y" or "both"'],
    [{ seamless: true }, 'use "both"'],
    [{ seamless: "xy" }, 'use "both"'],
  ])("generate: %j", async (options, says) => expect(await refused(options)).toContain(says));

  test.each([
    [{ checkpoint: "x" }, "use model"],
    [{ modelId: "x" }, "use model"],
    [{ pretrained: "x" }, "use model"],
    [{ torch_dtype: "float16" }, "use dtype"],
    [{ ip_adapter: "x" }, "use adapters: [{ file }]"],
    [{ lora: "x" }, "use loras: [{ file, weight }]"],
    [{ clip_vision: "x" }, "use imageEncoder"],
    [{ device: "gpu" }, 'expected a device ("auto", "cpu", "cuda", "cuda:1" and so on) but received "gpu": use "cuda"'],
    [{ device: "CUDA" }, 'use "cuda"'],
    [{ device: "cuda0" }, 'use "cuda:0"'],
    [{ device: "cuda:" }, 'use "cuda"'],
    [{ device: "CUDA:01" }, 'use "cuda:1"'],
    [{ device: 1 }, 'use "cuda:1"'],
    [{ device: true }, 'use "cuda"'],
    [{ device: "nvidia" }, 'use "cuda"'],
    [{ device: "CUDAExecutionProvider" }, 'use "cuda"'],
    [{ device: "CPU" }, 'use "cpu"'],
    [{ device: "" }, 'use "auto", or leave it out'],
    [{ device: "mps" }, 'Metal is not there: use "cuda" with an NVIDIA GPU, else "cpu"'],
    [{ device: "vulkan" }, "Vulkan is not there"],
    [{ device: "directml" }, "DirectML is not there"],
    [{ device: "rocm:0" }, "ROCm is not there"],
    [{ device: null }, "expected a device"],
    [{ devices: { vae: "gpu:1" } }, "devices.vae: expected a device"],
    [{ devices: { vae: "gpu:1" } }, 'use "cuda:1"'],
    [{ devices: "cuda" }, 'use device: "cuda"'],
    [{ devices: ["cuda", "cpu"] }, "use devices: { unet, vae, textEncoder, imageEncoder }"],
    [{ devices: { clip: "cpu" } }, "use textEncoder"],
    [{ devices: { text_encoder: "cpu" } }, 'did you mean "textEncoder"?'],
    [{ device_map: "balanced" }, 'use device: "auto", or leave it out'],
    [{ device_map: "cuda:1" }, 'use device: "cuda:1"'],
    [{ gpu: true }, 'use device: "cuda"'],
    [{ use_gpu: false }, 'use device: "cpu"'],
    [{ use_cpu: true }, 'use device: "cpu"'],
    [{ provider: "DmlExecutionProvider" }, "DirectML is not there"],
    [{ vae_device: "cpu" }, "use devices: { unet, vae, textEncoder, imageEncoder }"],
    [{ enable_model_cpu_offload: true }, "use offload: true"],
    [{ clip_on_cpu: true }, 'use devices: { textEncoder: "cpu" }'],
    [{ cache_dir: "x" }, "set the environment variable HF_HUB_CACHE, or HF_HOME, instead"],
    [{ revision: "x" }, "owner/name@revision"],
    [{ safety_checker: null }, "leave it out"],
    [{ dtype: "float32" }, 'use "f32"'],
    [{ dtype: "fp16" }, 'use "f16" on a GPU; on the CPU "f32" keeps f16 weights in f16'],
    [{ torch_dtype: "float16" }, 'use dtype: "f16" on a GPU'],
    [{ variant: "fp16" }, "weights in f16 are read where a model has no others, and stay so in memory: leave it out"],
    [{ subfolder: "unet" }, 'use model: "owner/name/unet"'],
    [{ embeddings: [{ file: "x", name: "y" }] }, "no option of an embedding: use token"],
    [{ loras: [{ file: "x", name: "y" }] }, "no option of a LoRA: use file for the path; a name is not needed"],
    [{ loras: ["owner/detail"] }, "name the file in the repository, owner/detail/FILE.safetensors"],
    [{ adapters: [{ file: "owner/name@v1" }] }, "name the file in the repository, owner/name@v1/FILE.safetensors"],
    [{ zzzzzz: 1 }, "not one of the Pipeline.load options: docs/load.md of the package lists them"],
    [{ dtype: "bfloat16" }, 'use "bf16"'],
    [{ adapters: [{ path: "x" }] }, "use file"],
    [{ adapters: [{ file: "x", scale: 1 }] }, "imagePrompts: [{ image, scale }]"],
    [{ loras: [{ file: "x", scale: 1 }] }, "use weight"],
    [{ embeddings: [{ file: "x", trigger: "y" }] }, "use token"],
    [{ controlnet: "x" }, "use controls: [{ file }]"],
    [{ controls: [{ model: "x" }] }, "use file"],
  ])("load: %j", async (options, says) => expect(await refusedLoad(options)).toContain(says));

  const schemas = [
    GenerateSchema,
    EstimateSchema,
    LoadSchema,
    ImagePromptSchema,
    AdapterSchema,
    ControlSchema,
    ControlUseSchema,
    DevicesSchema,
    LoraSchema,
    EmbeddingSchema,
    EncodeOptionsSchema,
    PreprocessSchema,
  ];
  const keys = new Map<string, string[]>(schemas.map((schema) => [schema.title, Object.keys(schema.properties)]));
  const everything = new Set([...keys.values()].flat());

  test("name options that there are, and none that is one itself", () => {
    for (const { title, fix, names } of aliasTables()) {
      const own = keys.get(title);
      expect(own).toBeDefined();
      for (const [, option = ""] of fix.matchAll(/\buse ([a-z]\w*)/gi))
        if (option !== "it") expect(everything).toContain(option);
      // Elsewhere another option may have the name; here it would never be asked for.
      for (const name of names) expect(own!.map(fold)).not.toContain(fold(name));
    }
  });

  test("an unknown option of many names a page that lists them", () => {
    for (const schema of schemas.filter(({ properties }) => Object.keys(properties).length > 12)) {
      const { message } = unknownOption("zzzzzz", "zzzzzz", schema.title, Object.keys(schema.properties), () => 1);
      const [page = ""] = /docs\/\w+\.md/.exec(message) ?? [];
      const firstCells = (readFileSync(join(ROOT, page), "utf8").match(/^\|[^|]*/gm) ?? []).join();
      expect(Object.keys(schema.properties).filter((name) => !firstCells.includes(`\`${name}\``))).toEqual([]);
    }
  });

  test("an option of an entry that stands beside the list is sent to its place", () => {
    const said = (key: string): string =>
      unknownOption(key, key, "generate options", Object.keys(GenerateSchema.properties), () => 1).message;
    expect(said("combine")).toContain("imagePrompts: [{ image, combine }]");
    expect(said("kvScaling")).toContain("imagePrompts: [{ image, kvScaling }]");
    expect(said("guess")).toContain("controls: [{ image, guess }]");
  });

  test("each name stands in one place of its table", () => {
    for (const title of keys.keys()) {
      const names = aliasTables()
        .filter((entry) => entry.title === title)
        .flatMap((entry) => entry.names.map(fold));
      expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
    }
  });

  test("nothing of Object.prototype is an alias", () => {
    for (const name of ["constructor", "__proto__", "toString"]) {
      expect(optionAlias(name, name, () => 0)).toBeUndefined();
      expect(() => checkValue(GenerateSchema.properties.scheduler, name, "scheduler")).toThrow(/expected one of/);
      expect(() => checkValue(LoadSchema.properties.dtype, name, "dtype")).toThrow(/expected one of/);
    }
  });

  test("a value that throws when it is read changes nothing", async () => {
    const options = Object.defineProperty({}, "size", {
      enumerable: true,
      get: () => {
        throw new Error("no");
      },
    });
    expect(await refused(options)).toMatch(/^size: /);
  });
});

describe("samplers of other programs", () => {
  // The names in the menus of AUTOMATIC1111 and ComfyUI, and the classes in docs/api.md.
  const names: [string, string, string?][] = [
    ["DPM++ 2M Karras", "dpm++2m", "karras"],
    ["DPM++ 2M", "dpm++2m"],
    ["DPM++ SDE Karras", "dpm++_sde", "karras"],
    ["DPM++ 2M SDE Exponential", "dpm++2m_sde", "exponential"],
    ["DPM++ 2M SDE", "dpm++2m_sde"],
    ["DPM++ 3M SDE Karras", "dpm++3m_sde", "karras"],
    ["Euler a", "euler_a"],
    ["Euler", "euler"],
    ["LMS", "lms"],
    ["LMS Karras", "lms", "karras"],
    ["Heun", "heun"],
    ["DPM2", "dpm2"],
    ["DPM2 a", "dpm2_a"],
    ["DPM2 a Karras", "dpm2_a", "karras"],
    ["DDIM", "ddim"],
    ["PLMS", "pndm"],
    ["UniPC", "unipc"],
    ["LCM", "lcm"],
    ["dpmpp_2m", "dpm++2m"],
    ["dpmpp_2m_sde_gpu", "dpm++2m_sde"],
    ["dpmpp_3m_sde", "dpm++3m_sde"],
    ["dpmpp_sde", "dpm++_sde"],
    ["euler_ancestral", "euler_a"],
    ["dpm_2_ancestral", "dpm2_a"],
    ["uni_pc", "unipc"],
    ["uni_pc_bh2", "unipc"],
    ["k_euler_ancestral", "euler_a"],
    ["k_euler", "euler"],
    ["k_dpm_2", "dpm2"],
    ["k_lms", "lms"],
    ["sample_dpmpp_2m", "dpm++2m"],
    ["DDIMScheduler", "ddim"],
    ["PNDMScheduler", "pndm"],
    ["EulerDiscreteScheduler", "euler"],
    ["EulerAncestralDiscreteScheduler", "euler_a"],
    ["HeunDiscreteScheduler", "heun"],
    ["KDPM2DiscreteScheduler", "dpm2"],
    ["KDPM2AncestralDiscreteScheduler", "dpm2_a"],
    ["LMSDiscreteScheduler", "lms"],
    ["DEISMultistepScheduler", "deis"],
    ["DPMSolverMultistepScheduler", "dpm++2m"],
    ["DPMSolverSDEScheduler", "dpm++_sde"],
    ["UniPCMultistepScheduler", "unipc"],
    ["LCMScheduler", "lcm"],
    ["TCDScheduler", "tcd"],
  ];
  test.each(names.map(([scheduler, name, sigmas]) => ({ scheduler, name, sigmas })))(
    "$scheduler",
    async ({ scheduler, name, sigmas }) => {
      const message = await refused({ scheduler });
      expect(message.slice(message.indexOf(": use") + 2)).toBe(
        `use scheduler: "${name}"${sigmas === undefined ? "" : `, sigmas: "${sigmas}"`}`,
      );
    },
  );

  test("a spacing as scheduler, a sampler as sigmas, and names that are ours in another case", async () => {
    expect(await refused({ scheduler: "karras" })).toContain('use sigmas: "karras"');
    expect(await refused({ scheduler: "Automatic" })).toContain("leave scheduler out");
    expect(await refused({ scheduler: "DDPM" })).toContain('scheduler: "ddim", eta: 1');
    expect(await refused({ scheduler: "dpm_fast" })).toContain("not there");
    expect(await refused({ sigmas: "SGM Uniform" })).toContain('use sigmas: "sgm_uniform"');
    expect(await refused({ sigmas: "Align Your Steps" })).toContain('use sigmas: "ays"');
    expect(await refused({ sigmas: "euler" })).toContain('use scheduler: "euler"');
    for (const name of SCHEDULERS)
      if (name.toUpperCase() !== name)
        expect(await refused({ scheduler: name.toUpperCase() })).toContain(`use scheduler: "${name}"`);
    for (const name of SIGMAS) expect(await refused({ sigmas: name.toUpperCase() })).toContain(`use sigmas: "${name}"`);
  });
});

describe("shorthands", () => {
  const asked = async (call: () => Promise<unknown>): Promise<NativeGenerateRequest> => {
    await call();
    return addon.requests.at(-1)!;
  };

  test("a prompt alone, or in front of the other options", async () => {
    const wanted = await asked(() => pipeline.generate({ prompt: "a cat", seed: 1 }));
    expect(await asked(() => pipeline.generate("a cat", { seed: 1 }))).toEqual(wanted);
    expect((await asked(() => pipeline.generate("a cat"))).prompt).toEqual(wanted.prompt);
    expect(await pipeline.estimateMemory("a cat")).toEqual(await pipeline.estimateMemory({ prompt: "a cat" }));
    expect(await rejection(pipeline.generate("a cat", { prompt: "a dog" } as object))).toMatchObject({
      code: "ERR_IPA_INVALID_OPTION",
      option: "prompt",
    });
    expect(await rejection(pipeline.generate({ prompt: "a cat" }, { seed: 1 }))).toMatchObject({
      message: expect.stringContaining("one object"),
    });
    expect(await rejection(pipeline.generate("a".repeat(20000)))).toMatchObject({ option: "prompt" });
  });

  test("a model alone, or in front of the other options", async () => {
    const load = async (...args: [first: object | string | URL, others?: object]): Promise<unknown> => {
      await using loaded = await Pipeline.loadWith(() => addon, args[0], new CallSite(), args[1]);
      expect(loaded.disposed).toBe(false);
      return addon.loads.at(-1);
    };
    const wanted = await load({ model: MINI });
    expect(await load(MINI)).toEqual(wanted);
    expect(await load(pathToFileURL(MINI))).toEqual(wanted);
    expect(await load(MINI, { dtype: "int8" })).toEqual(await load({ model: MINI, dtype: "int8" }));
    expect(await rejection(load(MINI, { model: MINI }))).toMatchObject({
      code: "ERR_IPA_INVALID_OPTION",
      option: "model",
    });
    expect(await rejection(load({ model: MINI }, { dtype: "int8" }))).toMatchObject({
      message: expect.stringContaining("one object"),
    });
    // Both arguments reach the engine of the public call, too.
    expect(await rejection(PublicPipeline.load("nowhere/at all"))).toMatchObject({
      code: "ERR_IPA_NOT_FOUND",
      message: expect.stringMatching(/^model: .*at all/),
    });
    expect(await rejection(PublicPipeline.load(MINI, { dtype: "f64" as "f32" }))).toMatchObject({ option: "dtype" });
  });

  test("pictures and embeddings alone as image prompts", async () => {
    const raw = { data: pixels(8, 8), width: 8, height: 8 };
    const embeds = await pipeline.encodeImage(raw);
    const bytes = await new Blob([readFileSync(picture)]).arrayBuffer();
    const alone = [picture, new Uint8Array(bytes), bytes, new Blob([bytes]), raw, embeds];
    const written = alone.map((one) => (one === embeds ? { embeds } : { image: one as typeof raw }));
    const { branches } = await asked(() => pipeline.generate({ imagePrompts: written }));
    expect(branches[0]!.images).toHaveLength(alone.length);
    expect((await asked(() => pipeline.generate({ imagePrompts: alone }))).branches).toEqual(branches);
    expect(await refused({ imagePrompts: picture })).toContain("put it in [ ]");
    expect(await refused({ imagePrompts: [7] })).toContain("imagePrompts[0]");
  });

  test("files alone as adapters, LoRAs and embeddings", async () => {
    const file = join(ROOT, "package.json");
    const url = pathToFileURL(file);
    await using loaded = await Pipeline.loadWith(
      () => addon,
      { adapters: [file], loras: [url, { file, weight: 0.5 }], embeddings: [file] },
      new CallSite(),
    );
    expect(addon.loads.at(-1)).toMatchObject({
      adapters: [{ file }],
      loras: [
        { file, weight: 1 },
        { file, weight: 0.5 },
      ],
      embeddings: [{ file }],
    });
    await loaded.setAdapters([file]);
    await loaded.setLoras([url]);
    expect(addon.changes).toMatchObject([{ adapters: [{ file }] }, { loras: [{ file }] }]);
    expect(await refusedLoad({ adapters: file })).toContain("put it in [ ]");
  });
});

describe("messages", () => {
  test("quote at most 80 characters of what they received", async () => {
    const long = "x".repeat(5000);
    for (const options of [
      { scheduler: long },
      { [long]: 1 },
      { imagePrompts: [{ [long]: 1 }] },
      { imagePrompts: [long] },
      { imagePrompts: [{ image: `/${long}` }] },
    ]) {
      const message = await refused(options);
      expect(message).toMatch(/x{20}/);
      expect(message).not.toMatch(/x{300}/);
    }
    expect(await refusedLoad({ model: long })).not.toMatch(/x{300}/);
  });

  test("a LoRA's tag in a prompt says how LoRAs are loaded; plain prompts keep it as text", async () => {
    expect(await refused({ prompt: "a cat <lora:add_detail:0.8>" })).toContain(
      'use loras: [{ file: "add_detail.safetensors", weight: 0.8 }] in Pipeline.load()',
    );
    expect(await refused({ negativePrompt: "<LyCO:x>" })).toMatch(/^negativePrompt: /);
    await pipeline.generate({ prompt: "a cat <lora:add_detail:0.8>", promptSyntax: "plain" });
    await pipeline.generate({ prompt: "a <cat-toy> and lora: 5 < 6" });
  });

  test("new Pipeline() says Pipeline.load()", () => {
    const Open = PublicPipeline as unknown as new (...values: unknown[]) => unknown;
    expect(() => new Open()).toThrow(
      expect.objectContaining({ code: "ERR_IPA_INVALID_OPTION", message: expect.stringContaining("Pipeline.load(") }),
    );
    expect(() => new Open({ model: "x" })).toThrow("Pipeline.load(");
  });
});
