/** CUDA support: where it is found, how it is tried in a process of its own, and for how long the answer is kept. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { CallSite } from "../lib/native/call";
import type { NativeCudaProbe, NativeLoadRequest } from "../lib/native/contract";
import { prepareCuda } from "../lib/native/cuda/prepare";
import { probePlugin } from "../lib/native/cuda/probe";
import { cudaPackage, findPlugin } from "../lib/native/cuda/plugin";
import { Pipeline } from "../lib/pipeline";
import { runCommand } from "./support/command";
import { FakeAddon } from "./support/fake-addon";
import type { LoadOptions } from "../lib/types";
import { rejection } from "./support/load";

const GOOD: NativeCudaProbe = {
  ok: true,
  driver: "13.0",
  devices: [{ name: "a GPU", major: 9, minor: 0, memoryBytes: 8e10 }],
};
const OLD: NativeCudaProbe = {
  ok: false,
  code: "ERR_IPA_DEVICE",
  message: "the NVIDIA driver is too old: it has CUDA 12.2, and 13.0 is needed",
  devices: [],
};

/** What the process loads: it does what the plugin's text says, and counts. */
const ADDON = `
const fs = require("node:fs");
const ACTIONS = { crash: () => process.abort(), hang: () => { for (;;); }, throw: () => { throw new Error("it broke"); }, nothing: () => 1 };
const probe = (file) => {
  fs.appendFileSync(require("node:path").dirname(file) + "/tries", "x");
  const text = fs.readFileSync(file, "utf8");
  if (text in ACTIONS) return ACTIONS[text]();
  console.log("the driver says hello");
  return JSON.parse(text);
};
exports.probeCuda = (file, done) => setImmediate(() => done(null, probe(file)));
for (const name of ["system", "setThreads", "load", "convert", "inspect", "fitPicture"]) exports[name] = () => undefined;
`;

const VARIABLES = [
  "NODE_IP_ADAPTER_CUDA",
  "NODE_IP_ADAPTER_ROOT",
  "NODE_IP_ADAPTER_ADDON",
  "XDG_CACHE_HOME",
  "NODE_OPTIONS",
];
const before = VARIABLES.map((name) => [name, process.env[name]] as const);
let home: string, folder: string, plugin: string, addonFile: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "cuda-addon-"));
  addonFile = join(home, "addon.js");
  writeFileSync(addonFile, ADDON);
});
afterAll(() => rmSync(home, { recursive: true }));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cuda-"));
  plugin = join(folder, "plugin.so");
  writeFileSync(plugin, JSON.stringify(GOOD));
  process.env["NODE_IP_ADAPTER_CUDA"] = plugin;
  process.env["XDG_CACHE_HOME"] = join(folder, "cache");
});
afterEach(() => {
  for (const [name, value] of before) {
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- of a list above
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  rmSync(folder, { recursive: true });
});

const tries = (): number => (existsSync(join(folder, "tries")) ? readFileSync(join(folder, "tries")).length : 0);
const kept = (): string => join(folder, "cache", "node-ip-adapter", "cuda.json");

/** Another process: the addon has no plugin yet. */
async function prepare(
  placement: Pick<NativeLoadRequest, "device" | "devices"> = {},
  addon = new FakeAddon(),
): Promise<{ note: string | undefined; opened: string[] }> {
  const note = await prepareCuda(
    () => addon,
    placement,
    new CallSite(),
    () => addonFile,
  );
  return { note, opened: addon.plugins };
}

describe("where it is", () => {
  const install = (main: string): string => {
    const root = join(folder, "app", "node_modules", "node-ip-adapter");
    const place = join(folder, "app", "node_modules", cudaPackage());
    for (const one of [root, place]) mkdirSync(one, { recursive: true });
    writeFileSync(join(place, "package.json"), JSON.stringify({ name: cudaPackage(), main: "index.js" }));
    writeFileSync(join(place, "index.js"), main);
    process.env["NODE_IP_ADAPTER_ROOT"] = root;
    delete process.env["NODE_IP_ADAPTER_CUDA"];
    return place;
  };

  test("the package for this machine, beside this one", () => {
    const place = install(
      `exports.file = require("node:path").join(__dirname, "ipa_cuda.so"); exports.version = "0.1.0";`,
    );
    expect(findPlugin()).toEqual({ broken: expect.objectContaining({ code: "ERR_IPA_CUDA_MISSING" }) });
    writeFileSync(join(place, "ipa_cuda.so"), "");
    expect(findPlugin()).toEqual({ file: join(place, "ipa_cuda.so") });
  });

  test("a package of another version is not opened", () => {
    const place = install(
      `exports.file = require("node:path").join(__dirname, "ipa_cuda.so"); exports.version = "9.0.0";`,
    );
    writeFileSync(join(place, "ipa_cuda.so"), "");
    const root = process.env["NODE_IP_ADAPTER_ROOT"]!;
    writeFileSync(join(root, "package.json"), JSON.stringify({ name: "node-ip-adapter", version: "0.1.0" }));
    const { broken } = findPlugin() as { broken: Error };
    expect(broken).toMatchObject({ code: "ERR_IPA_CUDA_MISSING" });
    expect(broken.message).toMatch(
      /is of version 9\.0\.0, and node-ip-adapter of 0\.1\.0: run npm install .*@0\.1\.0$/,
    );
  });

  test.each([
    ["exports.version = 1;", /cannot be used: its main module exports no file: install it anew/],
    ["throw new Error('no glibc');", /cannot be used: no glibc: install it anew/],
  ])("a package that is damaged: %s", async (main, says) => {
    install(main);
    expect((await prepare()).note).toMatch(says);
    const error = await rejection(prepare({ device: "cuda" }));
    expect([error.code, error.message]).toEqual(["ERR_IPA_CUDA_MISSING", expect.stringMatching(says)]);
  });

  test("nowhere: that is no failure of auto", async () => {
    process.env["NODE_IP_ADAPTER_ROOT"] = folder;
    delete process.env["NODE_IP_ADAPTER_CUDA"];
    expect(await prepare()).toEqual({ note: undefined, opened: [] });
    const error = await rejection(prepare({ devices: { unet: "cuda:0" } }));
    expect(error.message).toMatch(process.platform === "darwin" ? /no CUDA/ : `npm install ${cudaPackage()}`);
    expect(error.message).toMatch(/^devices\.unet: CUDA support is not installed/);
  });

  test.each(["", "0"])("NODE_IP_ADAPTER_CUDA=%j: nothing is looked for", async (value) => {
    install(`exports.file = ${JSON.stringify(plugin)};`);
    process.env["NODE_IP_ADAPTER_CUDA"] = value;
    expect(await prepare()).toEqual({ note: undefined, opened: [] });
    expect((await rejection(prepare({ device: "cuda" }))).message).toContain("unset it");
  });

  test.each(["none.so", "."])("a variable that names no file: %s", async (name) => {
    process.env["NODE_IP_ADAPTER_CUDA"] = join(folder, name);
    expect((await prepare()).note).toMatch(
      /^what NODE_IP_ADAPTER_CUDA names cannot be used: .*: correct it, or unset it$/,
    );
  });
});

describe("trying it", () => {
  test("happens in another process, once; then the plugin is opened in this one", async () => {
    const addon = new FakeAddon();
    const both = await Promise.all([prepare({}, addon), prepare({ device: "cuda:1" }, addon)]);
    expect(both.map(({ note }) => note)).toEqual([undefined, undefined]);
    expect(new Set(addon.plugins)).toEqual(new Set([plugin]));
    expect(tries()).toBe(1);
    const opened = addon.plugins.length;
    await prepare({ devices: { vae: "cuda" } }, addon);
    expect(addon.plugins).toHaveLength(opened);
  });

  test.each<Pick<NativeLoadRequest, "device" | "devices">>([
    { device: "cpu" },
    { devices: { unet: "cpu", vae: "cpu", textEncoder: "cpu", imageEncoder: "cpu" } },
    { device: "cuda", devices: { unet: "cpu", vae: "cpu", textEncoder: "cpu", imageEncoder: "cpu" } },
  ])("does not happen where no part asks for a GPU: %j", async (placement) => {
    expect(await prepare(placement)).toEqual({ note: undefined, opened: [] });
    expect(tries()).toBe(0);
  });

  test.each([
    ["crash", /the NVIDIA driver crashed when the GPU was tried \(SIG\w+\)/],
    ["throw", /the GPU could not be tried: Error: it broke/],
    ["nothing", /the process for it gave no answer/],
    [JSON.stringify(OLD), /^the NVIDIA driver is too old: it has CUDA 12\.2, and 13\.0 is needed$/],
  ])("where it ends in %j auto takes the CPU and says why; who names a GPU gets an error", async (text, says) => {
    writeFileSync(plugin, text);
    expect(await prepare()).toEqual({ note: expect.stringMatching(says), opened: [] });
    const error = await rejection(prepare({ device: "cuda" }));
    expect([error.code, error.message]).toEqual(["ERR_IPA_DEVICE", expect.stringMatching(says)]);
  });

  test("a driver that hangs is given up", async () => {
    writeFileSync(plugin, "hang");
    expect(await probePlugin(addonFile, plugin, 300)).toEqual({
      ok: false,
      code: "ERR_IPA_DEVICE",
      message: "the NVIDIA driver did not answer within 0.3 seconds when the GPU was tried",
      devices: [],
    });
  });

  test("an addon without CUDA support says so", async () => {
    const other = join(folder, "other.js");
    writeFileSync(other, "exports.load = 1;");
    expect(await probePlugin(other, plugin)).toMatchObject({
      message: expect.stringMatching(/the addon .*other\.js was built without CUDA support/),
    });
  });

  test("hooks and debuggers of this process are not for the other", async () => {
    process.env["NODE_OPTIONS"] = "--require ./nowhere.js";
    expect(await probePlugin(addonFile, plugin)).toEqual(GOOD);
  });

  test("what opening it here throws is the addon's own error", async () => {
    const addon = new FakeAddon();
    addon.pluginError = { code: "ERR_IPA_DEVICE", message: "the plugin is of another version" };
    expect((await prepare({}, addon)).note).toBe("the plugin is of another version");
    expect(await rejection(prepare({ device: "cuda" }, addon))).toMatchObject({ ...addon.pluginError });
  });
});

describe("the answer is kept", () => {
  test("for other processes", async () => {
    for (let i = 0; i < 3; i++) expect((await prepare()).opened).toEqual([plugin]);
    expect(tries()).toBe(1);
  });

  test("until the plugin is another", async () => {
    await prepare();
    writeFileSync(plugin, JSON.stringify({ ...GOOD, driver: "13.1" }));
    await prepare();
    expect(tries()).toBe(2);
    utimesSync(plugin, 1, 1);
    await prepare();
    expect(tries()).toBe(3);
  });

  test("a failure as well, for auto, for a day; who names a GPU has it tried again", async () => {
    writeFileSync(plugin, JSON.stringify(OLD));
    for (let i = 0; i < 2; i++) expect((await prepare()).note).toBe(OLD.message);
    expect(tries()).toBe(1);
    await rejection(prepare({ device: "cuda" }));
    expect(tries()).toBe(2);
    const entries = Object.entries(JSON.parse(readFileSync(kept(), "utf8")) as Record<string, { at: number }>);
    const older = entries.map(([key, entry]) => [key, { ...entry, at: entry.at - 25 * 3600 * 1000 }]);
    writeFileSync(kept(), JSON.stringify(Object.fromEntries(older)));
    await prepare();
    expect(tries()).toBe(3);
  });

  test("but not that there was no memory, which passes", async () => {
    writeFileSync(plugin, JSON.stringify({ ok: false, code: "ERR_IPA_NO_MEMORY", message: "no memory" }));
    for (let i = 0; i < 2; i++) await prepare();
    expect(tries()).toBe(2);
  });

  test.each(["", "{", "null", "[]", '{"a":1}'])("a damaged file is as good as none: %j", async (text) => {
    await prepare();
    writeFileSync(kept(), text);
    expect((await prepare()).opened).toEqual([plugin]);
    expect(tries()).toBe(2);
    await prepare();
    expect(tries()).toBe(2);
  });

  test("an entry that is no verdict is none", async () => {
    await prepare();
    writeFileSync(kept(), readFileSync(kept(), "utf8").replace('"ok":true', '"ok":"yes"'));
    await prepare();
    expect(tries()).toBe(2);
  });

  test("where the cache cannot be written it is tried each time", async () => {
    writeFileSync(join(folder, "cache"), "");
    for (let i = 0; i < 2; i++) expect((await prepare()).opened).toEqual([plugin]);
    expect(tries()).toBe(2);
  });
});

describe("doctor", () => {
  test.each([
    [JSON.stringify(GOOD), 0, "ok   cuda: cuda:0 a GPU (9.0, 80.0 GB), CUDA 13.0, "],
    [JSON.stringify(OLD), 1, "FAIL cuda: ERR_IPA_DEVICE: the NVIDIA driver is too old"],
    ["crash", 1, "FAIL cuda: ERR_IPA_DEVICE: the NVIDIA driver crashed"],
  ])("tells of %s", async (text, code, says) => {
    writeFileSync(plugin, text);
    const run = await runCommand(["doctor"], () => new FakeAddon(), { addonFile });
    expect([run.code, run.out]).toEqual([code, expect.stringContaining(says)]);
  });

  test("without CUDA support all may be well", async () => {
    process.env["NODE_IP_ADAPTER_CUDA"] = "0";
    const { code, out } = await runCommand(["doctor"], () => new FakeAddon());
    expect([code, out]).toEqual([0, expect.stringContaining("ok   cuda: not used: ")]);
  });
});

describe("a load", () => {
  const load = (addon: FakeAddon, options: LoadOptions = {}): Promise<Pipeline> => {
    process.env["NODE_IP_ADAPTER_ADDON"] = addonFile;
    return Pipeline.loadWith(() => addon, options, new CallSite());
  };

  test("has the reason in its info", async () => {
    writeFileSync(plugin, JSON.stringify(OLD));
    const addon = new FakeAddon();
    expect((await load(addon)).info.deviceNote).toBe(OLD.message);
    expect(addon.loads).toHaveLength(1);
  });

  test("keeps what the engine itself says of a GPU that it could not open", async () => {
    const addon = new FakeAddon();
    addon.info.deviceNote = "no memory on the GPU";
    expect((await load(addon)).info.deviceNote).toBe("no memory on the GPU");
    expect(addon.plugins).toEqual([plugin]);
  });

  test("with a GPU named fails before the model is read", async () => {
    writeFileSync(plugin, JSON.stringify(OLD));
    const addon = new FakeAddon();
    expect(await rejection(load(addon, { device: "cuda" }))).toMatchObject({ code: "ERR_IPA_DEVICE" });
    expect(addon.loads).toEqual([]);
  });

  test("can be cancelled meanwhile", async () => {
    const stop = new AbortController();
    const loading = load(new FakeAddon(), { signal: stop.signal });
    stop.abort(new Error("enough"));
    expect((await rejection(loading)).message).toBe("enough");
    // The process goes on to its end: what it finds is for the next.
    expect((await prepare()).opened).toEqual([plugin]);
    expect(tries()).toBe(1);
  });
});
