/**
 * The addon's probeCuda and useCuda with plugins that stand for NVIDIA's: libraries that are compiled here, with a GPU of the host's
 * memory. Needs `npm run build` and the compiler that made that.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { NativeCudaProbe, NativeError } from "../lib/native/contract";
import { describeCompiled, withoutCompiler } from "./support/compiled";
import { ROOT } from "./support/load";

const ADDON = join(ROOT, "build/Release/node_ip_adapter.node");

describeCompiled(`plugins for GPUs${withoutCompiler}`, () => {
  let folder: string;
  let plugin: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "cuda-plugin-"));
    plugin = join(folder, "plugin ü.so");
    const [command = "c++", ...flags] = (process.env["CXX"] ?? "c++").trim().split(/\s+/);
    const sources = ["test/support/cuda-plugin.cc", "test/native/cuda_fake_gpu.cc"];
    const args = [...flags, "-std=c++17", "-shared", "-fPIC", "-Inative", "-Itest/native", ...sources, "-o", plugin];
    execFileSync(command, args, { cwd: ROOT });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  interface Answer {
    error: NativeError | null;
    value?: NativeCudaProbe;
  }

  /** In a process of its own: a library that is open stays so. */
  function call(name: "probeCuda" | "useCuda", file: string, fault = ""): Answer {
    const code = `require(${JSON.stringify(ADDON)}).${name}(${JSON.stringify(file)},
      (error, value) => console.log(JSON.stringify({ error, value })))`;
    const env = { ...process.env, FAKE_CUDA: fault };
    return JSON.parse(execFileSync(process.execPath, ["-e", code], { env, encoding: "utf8" })) as Answer;
  }

  function probe(file: string, fault?: string): NativeCudaProbe {
    const { error, value } = call("probeCuda", file, fault);
    expect(error).toBeNull();
    return value!;
  }

  test("a GPU that works is found, with what the driver says of it", () => {
    expect(probe(plugin)).toEqual({
      ok: true,
      driver: "13.1",
      devices: [{ name: "Fake H100", major: 9, minor: 0, memoryBytes: 8192 * 2 ** 20 }],
    });
  });

  test("a GPU that is too old does not spoil the one beside it", () => {
    const found = probe(plugin, "old");
    expect(found.ok).toBe(true);
    expect(found.devices.map(({ name, problem }) => [name, problem])).toEqual([
      ["Fake GTX 1080", expect.stringMatching(/cuda:0.*6\.1.*7\.5/)],
      ["Fake H100", undefined],
    ]);
  });

  test.each([
    ["driver", "ERR_IPA_DEVICE", /too old.*12\.4.*13\.0.*r580/, "12.4", 0],
    ["none", "ERR_IPA_DEVICE", /sees no GPU.*nvidia-smi/, "13.1", 0],
    ["memory", "ERR_IPA_NO_MEMORY", /cuda:0.*Fake H100.*memory.*end other programs/, "13.1", 1],
  ])("what does not work is an answer that says what to do: %s", (fault, code, message, driver, count) => {
    const found = probe(plugin, fault);
    expect(found).toMatchObject({ ok: false, code, message: expect.stringMatching(message), driver });
    expect(found.devices).toHaveLength(count);
  });

  test("a plugin of another version: both are named, and what to install", () => {
    const found = probe(plugin, "version");
    expect(found).toMatchObject({ ok: false, code: "ERR_IPA_DEVICE", devices: [] });
    expect(found.message).toMatch(/plugin ü\.so.*version \d+.*needs version \d+: install/);
    expect(call("useCuda", plugin, "version").error).toMatchObject({
      code: "ERR_IPA_DEVICE",
      message: found.message,
    });
  });

  test("a file that is none, and no path of a file", () => {
    const text = join(folder, "text.so");
    writeFileSync(text, "not a library");
    expect(probe(text)).toMatchObject({ ok: false, message: expect.stringMatching(/text\.so.*does not load/) });
    expect(call("useCuda", text).error).toMatchObject({ code: "ERR_IPA_DEVICE" });
    for (const place of [join(folder, "none.so"), folder, "", "\0", "package.json"])
      expect(probe(place)).toMatchObject({ ok: false, code: "ERR_IPA_NOT_FOUND" });
  });
});
