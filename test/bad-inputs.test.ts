/** Every wrong option and picture gives its typed error, and the next good call works: on the fake addon and the real one. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { CallSite } from "../lib/native/call";
import type { NativeAddon } from "../lib/native/contract";
import { loadAddon } from "../lib/native/load";
import { Pipeline } from "../lib/pipeline";
import { BAD_FILES, BAD_LOADS, BAD_OPTIONS, badImages, type BadInput } from "./support/bad-inputs";
import { FakeAddon } from "./support/fake-addon";
import { pixels, rejection } from "./support/load";

const scratch = mkdtempSync(join(tmpdir(), "bad-inputs-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const addons: [string, () => NativeAddon][] = [
  ["fake addon", () => new FakeAddon()],
  ["native addon", loadAddon],
];

describe.each(addons)("%s", (name, addon) => {
  let pipeline: Pipeline;
  beforeAll(async () => (pipeline = await Pipeline.loadWith(addon, {}, new CallSite())));
  afterAll(() => pipeline.dispose());

  const good = async (): Promise<void> => {
    const { images, latents } = await pipeline.generate({
      prompt: "a cat",
      imagePrompts: [{ image: { data: pixels(8, 8), width: 8, height: 8 } }],
      steps: 1,
      width: 64,
      height: 64,
      seed: 1,
    });
    expect(images[0]).toMatchObject({ width: 64, height: 64, seed: 1 });
    expect(images[0]?.data).toHaveLength(64 * 64 * 3);
    expect(latents[0]).toHaveLength(8 * 8 * 8);
  };
  const expectError = async (call: Promise<unknown>, { code, says = "" }: BadInput): Promise<void> => {
    const error = await rejection(call);
    expect(error).toMatchObject({ code, message: expect.stringContaining(says) });
    expect(error).toBeInstanceOf(Error);
    expect(error.stack).toContain(error.message.split("\n")[0]);
  };

  test.each(BAD_OPTIONS)("generate: $name", async ({ options, ...bad }) => {
    await expectError(pipeline.generate(options as object), bad);
    await good();
  });

  test.each(badImages(scratch))("image: $name", async ({ options, ...bad }) => {
    await expectError(pipeline.generate({ steps: 1, ...(options as object) }), bad);
    await good();
  });

  test.each(name === "native addon" ? [...BAD_LOADS, ...BAD_FILES] : BAD_LOADS)(
    "load: $name",
    async ({ load, ...bad }) => {
      await expectError(Pipeline.loadWith(addon, load as object, new CallSite()), bad);
      await good();
    },
  );

  test.each([
    ["an unknown option", { adaptor: 0 }, "ERR_IPA_UNKNOWN_OPTION"],
    ["an adapter that is not loaded", { adapter: 3 }, "ERR_IPA_INVALID_OPTION"],
  ])("encodeImage: %s", async (_case, options, code) => {
    await expectError(pipeline.encodeImage({ data: pixels(8, 8), width: 8, height: 8 }, options as object), {
      name: "",
      code,
    });
    await good();
  });

  test("options on a polluted Object.prototype are not read", async () => {
    const prototype = Object.prototype as { steps?: unknown };
    prototype.steps = "polluted";
    try {
      await good();
    } finally {
      delete prototype.steps;
    }
  });
});
