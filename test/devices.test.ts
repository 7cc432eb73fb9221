/** The options `device` and `devices`, and what `info` says of them, on a machine without CUDA support. Needs `npm run build`. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { InstallError, IpAdapterError, OptionError, Pipeline, type LoadOptions } from "../lib/index";
import { readConfig } from "../lib/server/config";
import { runCommand } from "./support/command";
import { FakeAddon } from "./support/fake-addon";
import { loadFake, rejection } from "./support/load";

const CPU = { unet: "cpu", vae: "cpu", textEncoder: "cpu", imageEncoder: "cpu" };

// No GPU of the machine that tests run on.
const before = process.env["NODE_IP_ADAPTER_CUDA"];
beforeAll(() => (process.env["NODE_IP_ADAPTER_CUDA"] = "0"));
afterAll(() => {
  if (before === undefined) delete process.env["NODE_IP_ADAPTER_CUDA"];
  else process.env["NODE_IP_ADAPTER_CUDA"] = before;
});

describe("on the CPU", () => {
  test.each<[LoadOptions, string]>([
    [{}, "f32"],
    [{ device: "auto" }, "f32"],
    [{ device: "cpu", dtype: "int8" }, "int8"],
    [{ devices: { unet: "cpu", vae: "auto" }, dtype: "bf16" }, "bf16"],
  ])("%j: info tells where parts run and what they multiply in", async (options, dtype) => {
    await using pipeline = await Pipeline.load(options);
    const { info } = pipeline;
    expect(info).toMatchObject({ device: "cpu", devices: CPU, dtype });
    expect(info.deviceNote).toBeUndefined();
  });

  test("f16 is refused, with the types that the CPU has", async () => {
    const error = await rejection(Pipeline.load({ dtype: "f16" }));
    expect(error).toBeInstanceOf(OptionError);
    expect(error.option).toBe("dtype");
    expect(error.message).toMatch(/CPU has no f16 arithmetic.*"bf16".*"f32"/);
  });
});

test.each<[LoadOptions, string]>([
  [{ device: "cuda" }, "device: "],
  [{ device: "cuda:3" }, "device: "],
  [{ device: "cpu", devices: { vae: "cuda" } }, "devices.vae: "],
])("%j without CUDA support names what is missing", async (options, option) => {
  const error = await rejection(Pipeline.load(options));
  expect(error).toBeInstanceOf(InstallError);
  expect(error.code).toBe("ERR_IPA_CUDA_MISSING");
  expect(error.message).toBe(`${option}CUDA support is not installed: NODE_IP_ADAPTER_CUDA switches it off: unset it`);
  delete process.env["NODE_IP_ADAPTER_CUDA"];
  const other = await rejection(Pipeline.load(options)).finally(() => (process.env["NODE_IP_ADAPTER_CUDA"] = "0"));
  expect(other.message).toMatch(
    process.platform === "darwin" ? /macOS has no CUDA/ : /npm install node-ip-adapter-cuda-\w+-\w+/,
  );
});

test.each(["gpu", "cuda:", "cuda:01", "cuda:1000", "cuda:-1", "CPU", "", " cpu", "cuda:1.5"])(
  "%j is no device",
  async (device) => {
    const error = await rejection(Pipeline.load({ device: device as "cpu" }));
    expect([error.code, error.option]).toEqual(["ERR_IPA_INVALID_OPTION", "device"]);
  },
);

test("the engine is asked for what was given, and for nothing that was not", async () => {
  const given = { device: "cpu", devices: { vae: "cpu", textEncoder: undefined } } as const;
  const { addon } = await loadFake(new FakeAddon(), given);
  await loadFake(addon);
  expect(addon.loads[0]).toMatchObject({ device: "cpu", devices: { vae: "cpu" } });
  expect(Object.keys(addon.loads[0]!.devices!)).toEqual(["vae"]);
  for (const name of ["device", "devices", "dtype"]) expect(addon.loads[1]).not.toHaveProperty(name);
});

test("a server's config has them for each model", () => {
  const config =
    (load: object): (() => unknown) =>
    (): unknown =>
      readConfig({ models: [{ name: "a", load }] });
  expect(config({ device: "cuda:1", devices: { textEncoder: "cpu" }, dtype: "f16" })).not.toThrow();
  expect(config({ device: "gpu" })).toThrow(/models\[0\]\.load\.device: expected a device .*: use "cuda"/);
  expect(config({ devices: { vae: "mps" } })).toThrow(/models\[0\]\.load\.devices\.vae: .*Metal is not there/);
});

describe("the command line", () => {
  let folder: string;
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "devices-"))));
  afterAll(() => rmSync(folder, { recursive: true }));
  const generate = (flags: string[], addon: FakeAddon): ReturnType<typeof runCommand> =>
    runCommand(["generate", "--steps", "1", "--output", join(folder, "a.png"), ...flags], () => addon);

  test.each([["generate"], ["encode", "--prompt", "a cat"]])("%s has a flag for each part", async (...command) => {
    const addon = new FakeAddon();
    const parts = ["--unet-device", "cpu", "--vae-device", "auto", "--text-encoder-device", "cpu"];
    const flags = ["--device", "cpu", ...parts, "--image-encoder-device", "cpu", "--dtype", "f16"];
    const output = ["--output", join(folder, command[0] === "encode" ? "a.safetensors" : "a.png")];
    await runCommand([...command, ...output, ...flags], () => addon);
    expect(addon.loads[0]).toMatchObject({
      device: "cpu",
      devices: { unet: "cpu", vae: "auto", textEncoder: "cpu", imageEncoder: "cpu" },
      dtype: "f16",
    });
  });

  test("says wrong values by their flags, before anything is loaded", async () => {
    const addon = new FakeAddon();
    const { code, err } = await generate(["--image-encoder-device", "tpu"], addon);
    expect([code, err]).toEqual([2, expect.stringMatching(/--image-encoder-device: expected a device .*: TPU is not/)]);
    expect(addon.loads).toEqual([]);
  });

  test("says that a GPU is there and not used", async () => {
    const addon = new FakeAddon();
    addon.info.deviceNote = "the driver is too old";
    const { err } = await generate([], addon);
    expect(err).toContain("note: this runs on the CPU: the driver is too old\n");
  });
});

test.each(["ERR_IPA_DEVICE", "ERR_IPA_DEVICE_LOST", "ERR_IPA_NO_MEMORY"])(
  "what the engine says of a GPU keeps its code: %s",
  async (code) => {
    const addon = new FakeAddon();
    addon.loadError = { code, message: "no" };
    const error = await rejection(loadFake(addon));
    expect(error).toBeInstanceOf(IpAdapterError);
    expect([error.code, error.message]).toEqual([code, "no"]);
  },
);
