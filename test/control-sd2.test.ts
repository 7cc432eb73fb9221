/** A ControlNet for Stable Diffusion 2 in whole calls, against diffusers. Needs `npm run build`. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Pipeline, inspect, type GenerateOptions } from "../lib/index";
import { GOLDEN, relativeError } from "./support/golden";
import { rejection } from "./support/load";
import { readSafetensors } from "./support/safetensors";

interface Case {
  scheduler: NonNullable<GenerateOptions["scheduler"]>;
  guidance?: number;
  start?: number;
  end?: number;
  guess?: boolean;
}
const FOLDER = join(GOLDEN, "control-sd2");
// tools/goldens/control_sd2.py
const index = JSON.parse(readFileSync(join(FOLDER, "index.json"), "utf8")) as {
  prompt: string;
  negative: string;
  steps: number;
  guidance: number;
  seed: number;
  scale: number;
  cases: Case[];
};
const golden = readSafetensors(join(FOLDER, "latents.safetensors"));
const model = { model: join(GOLDEN, "models/sd2"), unet: join(FOLDER, "unet") };
const scratch = mkdtempSync(join(tmpdir(), "control-sd2-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** The weights without their configuration: what tensors do not show is the model's own. */
function alone(): string {
  const file = join(scratch, "control.safetensors");
  copyFileSync(join(FOLDER, "net/diffusion_pytorch_model.safetensors"), file);
  return file;
}

describe.each([
  ["a folder", () => join(FOLDER, "net")],
  ["a file alone", alone],
])("from %s", (_, file) => {
  let pipeline: Pipeline;
  beforeAll(async () => (pipeline = await Pipeline.load({ ...model, controls: [file()] })));
  afterAll(() => pipeline.dispose());

  test.each(index.cases.map((one, i) => [Object.entries(one).join(" "), one, i] as const))(
    "the latents are diffusers': %s",
    async (_name, { scheduler, guidance = index.guidance, ...window }, i) => {
      const { prompt, negative: negativePrompt, steps, seed, scale } = index;
      const image = join(GOLDEN, "images/wide-150x100.png");
      const controls = [{ image, scale, ...window }];
      const call = { prompt, negativePrompt, scheduler, steps, guidance, seed, width: 64, height: 64, controls };
      const { latents } = await pipeline.generate({ ...call, output: "latents" });
      expect(relativeError(latents[0]!, golden.get(String(i))!.floats())).toBeLessThan(3e-5);
    },
  );
});

test("the file says which family it is for, and another one refuses it", async () => {
  expect(await inspect(alone())).toMatchObject({ kind: "controlnet", family: "sd2" });
  const error = await rejection(Pipeline.load({ model: join(GOLDEN, "models/sd15"), controls: [join(FOLDER, "net")] }));
  expect(error).toMatchObject({ code: "ERR_IPA_MISMATCH", message: expect.stringContaining("sd2") });
});
