/** Whole calls with samplers and noise levels that the models' own references lack make the latents of diffusers. Needs `npm run build`. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Pipeline, type GenerateOptions, type ProgressEvent, type SchedulerName } from "../lib/index";
import { GOLDEN, relativeError, readGolden } from "./support/golden";
import { MINI, rejection } from "./support/load";

interface Case {
  model: string;
  scheduler: NonNullable<GenerateOptions["scheduler"]>;
  sigmas?: GenerateOptions["sigmas"];
  timesteps?: GenerateOptions["timesteps"];
}
// tools/goldens/samplers.py
const {
  index,
  golden,
  call: { steps, ...common },
} = readGolden<Case>("samplers");
const call: GenerateOptions = { ...common, output: "latents" };

describe.each(["sd15", "sd2", "sdxl"])("on the small %s model", (model) => {
  let pipeline: Pipeline;
  beforeAll(async () => (pipeline = await Pipeline.load({ model: join(GOLDEN, "models", model) })));
  afterAll(() => pipeline.dispose());

  const cases = index.cases
    .map((entry, i) => ({
      ...entry,
      i,
      name: [entry.scheduler, entry.sigmas ?? entry.timesteps ?? []].flat().join(" "),
    }))
    .filter((entry) => entry.model === model);
  test.each(cases)("the latents of diffusers: $name", async ({ scheduler, sigmas, timesteps, i }) => {
    const { latents } = await pipeline.generate({
      ...call,
      scheduler,
      sigmas,
      timesteps,
      steps: Array.isArray(sigmas ?? timesteps) ? undefined : steps,
    });
    expect(relativeError(latents[0]!, golden.get(String(i))!.floats())).toBeLessThan(1e-4);
  });
});

describe("on the shipped model", () => {
  let pipeline: Pipeline;
  beforeAll(async () => (pipeline = await Pipeline.load()));
  afterAll(() => pipeline.dispose());

  test.each([
    ["heun", 7],
    ["dpm2", 7],
    ["dpm2_a", 7],
    ["dpm++_sde", 7],
    ["lms", 4],
  ] as const)("progress of %s counts the calls of the model: %i for 4 steps", async (scheduler, calls) => {
    const events: ProgressEvent[] = [];
    await pipeline.generate({
      scheduler,
      steps: 4,
      count: 2,
      output: "latents",
      onProgress: (event) => events.push(event),
    });
    expect(events.map(({ step }) => step)).toEqual(Array.from({ length: 2 * calls }, (_, i) => i + 1));
    expect(new Set(events.map(({ total }) => total))).toEqual(new Set([2 * calls]));
  });

  test.each([
    ["HeunDiscreteScheduler", "heun"],
    ["KDPM2DiscreteScheduler", "dpm2"],
    ["KDPM2AncestralDiscreteScheduler", "dpm2_a"],
    ["LMSDiscreteScheduler", "lms"],
    ["DEISMultistepScheduler", "deis"],
    ["DPMSolverSDEScheduler", "dpm++_sde"],
    ["TCDScheduler", "tcd"],
  ])("a model folder's %s is %s with the folder's own settings", async (className, name) => {
    const folder = mkdtempSync(join(tmpdir(), "sampler-"));
    try {
      cpSync(MINI, folder, { recursive: true });
      const file = join(folder, "scheduler/scheduler_config.json");
      const write = (changes: object): void =>
        writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), ...changes }));
      const options: GenerateOptions = { steps: 4, seed: 3, output: "latents" };
      write({ _class_name: className });
      await using plain = await Pipeline.load({ model: folder });
      expect(plain.info.scheduler).toBe(name);
      const { latents } = await plain.generate(options);
      expect(latents).toEqual((await pipeline.generate({ ...options, scheduler: name as SchedulerName })).latents);
      write({ beta_start: 0.002 });
      await using changed = await Pipeline.load({ model: folder });
      expect((await changed.generate(options)).latents).not.toEqual(latents);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test.each([{ sigmas: [10, 2, 0.5] }, { timesteps: [999, 600, 0] }])("as many steps as numbers in %j", async (own) => {
    const events: ProgressEvent[] = [];
    await pipeline.generate({
      scheduler: "euler",
      ...own,
      output: "latents",
      onProgress: (event) => events.push(event),
    });
    expect(events.at(-1)).toMatchObject({ step: 3, total: 3 });
  });

  test.each([
    [
      { scheduler: "ddim", sigmas: "ays" },
      "sigmas",
      '"ays" does not go with scheduler "ddim": use one of "euler", "heun"',
    ],
    [
      { scheduler: "deis", sigmas: [3, 2, 1] },
      "sigmas",
      'noise levels of your own do not go with scheduler "deis": use one of "euler"',
    ],
    [{ scheduler: "tcd", sigmas: "sgm_uniform" }, "sigmas", 'use one of "ddim"'],
    [{ scheduler: "euler", sigmas: [3, 2, 1], steps: 4 }, "sigmas", "3 noise levels for 4 steps: give one per step"],
    [
      { scheduler: "euler", sigmas: [3, 2, 2] },
      "sigmas[2]",
      "expected less than the one before, 2, but received 2: order them from the noisiest down",
    ],
    [{ scheduler: "tcd", steps: 60 }, "steps", "expected 1 to 50"],
    [
      { scheduler: "ddim", timesteps: [999, 499] },
      "timesteps",
      'they do not go with scheduler "ddim": use one of "euler", "heun", "dpm++2m", "dpm++2m_sde", "dpm++3m_sde", "lcm", "tcd"',
    ],
    [
      { scheduler: "lcm", timesteps: [999, 499], sigmas: "karras" },
      "timesteps",
      "so does sigmas: leave one of them out",
    ],
    [{ scheduler: "lcm", timesteps: [999, 499], steps: 3 }, "timesteps", "2 timesteps for 3 steps: give one per step"],
    [{ scheduler: "lcm", timesteps: [999, 999] }, "timesteps[1]", "expected less than the one before, 999"],
    [{ scheduler: "lcm", timesteps: [1000, 499] }, "timesteps[0]", "expected 0 to 999"],
    [{ scheduler: "euler", timesteps: [1200, 499] }, "timesteps[0]", "expected 0 to 999"],
    [{ scheduler: "dpm++2m", timesteps: [1200, 499] }, "timesteps[0]", "expected 0 to 999"],
    [{ scheduler: "heun", timesteps: [1200, 499] }, "timesteps[0]", "expected 0 to 999"],
    [{ scheduler: "tcd", timesteps: [1000, 499] }, "timesteps[0]", "expected 0 to 999"],
  ] as const)("%j is refused", async (options, option, message) => {
    const error = await rejection(pipeline.generate(options));
    expect(error).toMatchObject({
      name: "OptionError",
      code: "ERR_IPA_INVALID_OPTION",
      option,
      message: expect.stringContaining(message),
    });
  });

  test("tcd adds noise by eta, 0.3 unless told otherwise", async () => {
    const latents = async (eta?: number): Promise<Float32Array> =>
      (await pipeline.generate({ scheduler: "tcd", steps: 3, seed: 1, output: "latents", eta })).latents[0]!;
    const usual = await latents();
    expect(await latents(0.3)).toEqual(usual);
    expect(await latents(0)).not.toEqual(usual);
  });
});
