/** The lossy accelerators compute what their authors' code computes, and are exact where they promise it. Needs `npm run build`. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  OptionError,
  Pipeline,
  inspect,
  setThreads,
  systemInfo,
  type GenerateOptions,
  type GeneratedImage,
} from "../lib/index";
import { GOLDEN, relativeError, readGolden } from "./support/golden";
import { MINI, ROOT, rejection } from "./support/load";

const TAESD = join(GOLDEN, "models/taesd/vae");
const model = (name: string): string => join(GOLDEN, "models", name);

interface Case {
  name: string;
  model: string;
  scheduler: NonNullable<GenerateOptions["scheduler"]>;
  guidance?: number;
  interval?: [number, number];
  every?: number;
  depth?: number;
  merge?: number;
  adapter?: string;
}
// tools/goldens/accelerators.py
const { index, golden, call } = readGolden<Case>("accelerators");
const { guidance } = call;

test.each(index.cases)(
  "the latents of the reference: $name",
  async ({ name, model: folder, scheduler, interval, every, depth, merge, adapter, ...rest }) => {
    const adapters = adapter === undefined ? [] : [{ file: join(model(folder), `adapters/${adapter}.safetensors`) }];
    await using pipeline = await Pipeline.load({ model: model(folder), adapters });
    const { latents } = await pipeline.generate({
      ...call,
      scheduler,
      guidance: rest.guidance ?? guidance,
      guidanceInterval: interval,
      featureCache: every === undefined ? undefined : { every, depth },
      tokenMerging: merge,
      imagePrompts:
        adapter === undefined ? [] : [{ embeds: golden.get(`${name}.embeds`)!.floats(), scale: index.scale! }],
      output: "latents",
    });
    expect(relativeError(latents[0]!, golden.get(`${name}.latents`)!.floats())).toBeLessThan(1e-4);
  },
);

describe("on the shipped model", () => {
  const apple = join(ROOT, "examples/images/red-apple.png");
  const base: GenerateOptions = {
    prompt: "a cat on a yellow background",
    steps: 8,
    guidance: 4,
    seed: 1,
    imagePrompts: [{ image: apple, scale: 0.5 }],
  };
  let pipeline: Pipeline;
  beforeAll(async () => (pipeline = await Pipeline.load()));
  afterAll(() => pipeline.dispose());
  const latents = async (options: GenerateOptions): Promise<Float32Array[]> =>
    (await pipeline.generate({ ...base, output: "latents", ...options })).latents;

  test("the whole interval is guidance as ever, an empty one none, both bit for bit; half of it is neither", async () => {
    const [full, none] = [await latents({}), await latents({ guidance: 1 })];
    expect(await latents({ guidanceInterval: [0, 1] })).toEqual(full);
    expect(await latents({ guidanceInterval: [0.5, 0.5] })).toEqual(none);
    const half = await latents({ guidanceInterval: [0, 0.5] });
    expect(half).not.toEqual(full);
    expect(half).not.toEqual(none);
  });

  test("an interval that ends early is exact up to there, and one call's steps say so", async () => {
    const previews = async (options: GenerateOptions): Promise<Buffer[]> => {
      const seen: Buffer[] = [];
      await pipeline.generate({
        ...base,
        ...options,
        preview: { every: 1 },
        onProgress: ({ preview }) => preview !== undefined && seen.push(Buffer.from(preview.data)),
      });
      return seen;
    };
    const [full, early] = [await previews({}), await previews({ guidanceInterval: [0, 0.5] })];
    expect(early.slice(0, 4)).toEqual(full.slice(0, 4));
    expect(early[4]).not.toEqual(full[4]);
  });

  test.each<[string, GenerateOptions]>([
    ["a guidance interval", { guidanceInterval: [0.25, 0.75] }],
    ["feature caching", { featureCache: { every: 3 } }],
    ["token merging", { tokenMerging: 0.5 }],
    ["all of them", { guidanceInterval: [0, 0.5], featureCache: { every: 2 }, tokenMerging: 0.3 }],
    ["an interval and a cache", { guidanceInterval: [0.25, 0.75], featureCache: { every: 2, depth: 2 } }],
  ])("%s: a picture depends on its seed alone, not on the ones before it or the threads", async (_name, options) => {
    const both = await latents({ ...options, count: 2 });
    const before = systemInfo().threads;
    for (const threads of [1, 3]) {
      await setThreads(threads);
      expect(await latents({ ...options, seed: 2 })).toEqual([both[1]]);
    }
    await setThreads(before);
    expect(await latents(options)).toEqual([both[0]]);
  });

  test("a cache that no step comes to use changes nothing", async () => {
    expect(await latents({ steps: 1, featureCache: { every: 10 } })).toEqual(await latents({ steps: 1 }));
  });

  test("more skip connections than the model has: the error says how many there are", async () => {
    const error = await rejection(pipeline.generate({ ...base, featureCache: { every: 2, depth: 7 } }));
    expect(error).toBeInstanceOf(OptionError);
    expect(error).toMatchObject({ option: "featureCache.depth", message: expect.stringContaining("1 to 6") });
    await expect(pipeline.generate({ ...base, steps: 2, featureCache: { every: 2, depth: 6 } })).resolves.toBeDefined();
  });

  test("linear previews: an eighth of the size, and like the finished picture", async () => {
    for (const options of [
      { seed: 3 },
      { seed: 4, prompt: "a frog on a white background", imagePrompts: [] },
      { seed: 5, width: 96, height: 64 },
    ]) {
      const previews: GeneratedImage[] = [];
      const { images } = await pipeline.generate({
        ...base,
        ...options,
        preview: { every: 7, decoder: "linear" },
        onProgress: ({ preview }) => preview !== undefined && previews.push(preview),
      });
      const [preview, picture] = [previews[0]!, images[0]!];
      expect([preview.width, preview.height, preview.data.length]).toEqual([
        picture.width / 8,
        picture.height / 8,
        picture.data.length / 64,
      ]);
      expect(correlation([...preview.data], shrunk(picture, 8))).toBeGreaterThan(0.85);
    }
  });

  test("previews change nothing, and two of one moment are the same", async () => {
    const seen: Buffer[] = [];
    for (let i = 0; i < 2; i++) {
      const watched = await latents({
        preview: { every: 5, decoder: "linear" },
        onProgress: ({ preview }) => preview !== undefined && seen.push(Buffer.from(preview.data)),
      });
      expect(watched).toEqual(await latents({}));
    }
    expect(seen).toHaveLength(2);
    expect(seen[0]).toEqual(seen[1]);
  });
});

describe("vae", () => {
  test("AutoencoderTiny makes the picture that diffusers makes of the same latents", async () => {
    const { interval } = index.cases[0]!;
    for (const vae of [TAESD, join(TAESD, "diffusion_pytorch_model.safetensors")]) {
      await using pipeline = await Pipeline.load({ model: model("sd15"), vae });
      const { images } = await pipeline.generate({ ...call, scheduler: "ddim", guidanceInterval: interval });
      const theirs = golden.get("taesd.image")!.bytes;
      expect(images[0]!.data.reduce((worst, v, i) => Math.max(worst, Math.abs(v - theirs[i]!)), 0)).toBeLessThanOrEqual(
        1,
      );
      expect(images[0]!.data).toHaveLength(theirs.length);
    }
  });

  test("a VAE in a file with diffusers' names is built as the model's own", async () => {
    const folder = mkdtempSync(join(tmpdir(), "vae-"));
    try {
      const file = join(folder, "vae.safetensors");
      cpSync(join(model("sd15"), "vae/diffusion_pytorch_model.safetensors"), file);
      const decoded: Uint8Array[] = [];
      for (const vae of [undefined, file]) {
        await using pipeline = await Pipeline.load({ model: model("sd15"), vae });
        decoded.push((await pipeline.generate({ ...call, scheduler: "ddim", steps: 2 })).images[0]!.data);
      }
      expect(decoded[1]).toEqual(decoded[0]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("a model folder may bring an AutoencoderTiny as its own, and inspect knows it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "taesd-"));
    try {
      cpSync(model("sd15"), folder, { recursive: true });
      rmSync(join(folder, "vae"), { recursive: true });
      cpSync(TAESD, join(folder, "vae"), { recursive: true });
      await using own = await Pipeline.load({ model: folder });
      await using other = await Pipeline.load({ model: model("sd15"), vae: TAESD });
      const paint = async (pipeline: Pipeline): Promise<Uint8Array> =>
        (await pipeline.generate({ ...call, steps: 2 })).images[0]!.data;
      expect(await paint(own)).toEqual(await paint(other));
      expect((await inspect(folder)).components.map(({ kind }) => kind)).toContain("vae");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("an AutoencoderKL from elsewhere: the model's own by its path gives the same bits", async () => {
    await using own = await Pipeline.load();
    await using named = await Pipeline.load({ vae: join(MINI, "vae") });
    const paint = async (pipeline: Pipeline): Promise<Uint8Array> =>
      (await pipeline.generate({ prompt: "a dog", seed: 1, steps: 2 })).images[0]!.data;
    expect(await paint(named)).toEqual(await paint(own));
  });

  test("a VAE of other latents is refused", async () => {
    expect(await rejection(Pipeline.load({ vae: TAESD }))).toMatchObject({
      code: "ERR_IPA_MISMATCH",
      message: expect.stringContaining("4 channels, the UNet's 8"),
    });
    expect(await rejection(Pipeline.load({ vae: join(MINI, "unet") }))).toMatchObject({
      code: "ERR_IPA_UNSUPPORTED",
      message: expect.stringContaining("UNet2DConditionModel"),
    });
  });
});

/** Means over squares of `factor` pixels. */
function shrunk({ data, width, height }: GeneratedImage, factor: number): number[] {
  const means: number[] = [];
  for (let y = 0; y < height; y += factor)
    for (let x = 0; x < width; x += factor)
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let i = 0; i < factor * factor; i++)
          sum += data[((y + Math.floor(i / factor)) * width + x + (i % factor)) * 3 + c]!;
        means.push(sum / factor ** 2);
      }
  return means;
}

function correlation(a: number[], b: number[]): number {
  const mean = (x: number[]): number => x.reduce((sum, v) => sum + v, 0) / x.length;
  const centred = (x: number[]): number[] => x.map((v) => v - mean(x));
  const [p, q] = [centred(a), centred(b)];
  return p.reduce((sum, v, i) => sum + v * q[i]!, 0) / (Math.hypot(...p) * Math.hypot(...q));
}
