/** convert() through the public API and the command line: what it writes, and what it leaves when it does not. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { Pipeline, convert, inspect, type ConvertOptions, type ConvertProgress } from "../lib/index";
import { loadAddon } from "../lib/native/load";
import { type CommandRun, runCommand } from "./support/command";
import { MINI, ROOT, rejection } from "./support/load";

const adapter = join(MINI, "ip-adapter.safetensors");
const unet = join(MINI, "unet");

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "ipa-convert-"))));
afterEach(() => rmSync(folder, { recursive: true }));

/** The shipped model with another file as the weights of its UNet. */
function modelWith(weights: string, name: string): string {
  const model = mkdtempSync(join(folder, "model-"));
  for (const part of readdirSync(MINI)) if (part !== "unet") symlinkSync(join(MINI, part), join(model, part));
  mkdirSync(join(model, "unet"));
  copyFileSync(join(unet, "config.json"), join(model, "unet", "config.json"));
  copyFileSync(weights, join(model, "unet", name));
  return model;
}

interface Made {
  picture: Uint8Array;
  latents: Float32Array;
}

async function generate(model: string, file: string): Promise<Made> {
  await using pipeline = await Pipeline.load({ model, adapters: [{ file }] });
  // A picture of the model's world: what it makes of noise turns on the last bits.
  const image = join(ROOT, "examples/images/red-apple.png");
  const { images, latents } = await pipeline.generate({
    prompt: "a red airplane",
    imagePrompts: [{ image, scale: 0.7 }],
    steps: 4,
    seed: 3,
  });
  return { picture: images[0]!.data, latents: latents[0]! };
}

function psnr(a: Uint8Array, b: Uint8Array): number {
  const squares = a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0);
  return 10 * Math.log10((255 ** 2 * a.length) / squares);
}

test("UNet and adapter as GGUF files: F32 gives the same bits, Q8_0 nearly the same picture", async () => {
  const want = await generate(MINI, adapter);
  const pictures: number[] = [];
  for (const type of ["f32", "q8_0"] as const) {
    const weights = await convert(unet, join(folder, `unet-${type}.gguf`), { type });
    const small = await convert(adapter, join(folder, `adapter-${type}.gguf`), { type });
    expect(weights).toMatchObject({ format: "gguf", type, tensors: 248, bytes: readFileSync(weights.path).length });
    // Found under its usual name, and as the only GGUF file of the folder under any.
    const name = type === "f32" ? "diffusion_pytorch_model.gguf" : `unet-${type}.gguf`;
    const made = await generate(modelWith(weights.path, name), small.path);
    if (type === "f32") expect(Buffer.from(made.latents.buffer).equals(Buffer.from(want.latents.buffer))).toBe(true);
    pictures.push(psnr(made.picture, want.picture));
  }
  expect(pictures[0]).toBe(Infinity);
  expect(pictures[1]).toBeGreaterThan(35);
});

test("a safetensors file comes back from GGUF with the same bits, names and shapes", async () => {
  await convert(pathToFileURL(adapter), pathToFileURL(join(folder, "a.gguf")), { type: "f16" });
  await convert(join(folder, "a.gguf"), join(folder, "b.safetensors"), { type: "f16" });
  const tensors = (file: string): Map<string, string> => {
    const bytes = readFileSync(file);
    const start = 8 + Number(bytes.readBigUInt64LE());
    const header = JSON.parse(bytes.subarray(8, start).toString()) as Record<
      string,
      { dtype: string; shape: number[]; data_offsets: [number, number] }
    >;
    delete header["__metadata__"];
    return new Map(
      Object.entries(header).map(
        ([
          name,
          {
            dtype,
            shape,
            data_offsets: [begin, end],
          },
        ]) => [name, `${dtype} ${shape.join()} ${bytes.subarray(start + begin, start + end).toString("base64")}`],
      ),
    );
  };
  expect(tensors(join(folder, "b.safetensors"))).toEqual(tensors(adapter));
  expect(await inspect(join(folder, "a.gguf"))).toMatchObject({ ...(await inspect(adapter)), format: "gguf" });
});

test("progress runs to the end, in tensors and bytes", async () => {
  const events: ConvertProgress[] = [];
  const { bytes, tensors } = await convert(unet, join(folder, "a.gguf"), {
    type: "q5_0",
    onProgress: (event) => events.push(event),
  });
  expect(events.at(-1)).toEqual({ tensors, totalTensors: tensors, bytes, totalBytes: bytes });
  expect(events.map((event) => event.tensors)).toEqual(events.map((event) => event.tensors).toSorted((a, b) => a - b));
});

describe("nothing is left", () => {
  test("after a signal, which is what the call rejects with", async () => {
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    const onProgress = (): void => controller.abort(reason);
    expect(
      await rejection(convert(unet, join(folder, "a.gguf"), { type: "q8_0", signal: controller.signal, onProgress })),
    ).toBe(reason);
    expect(readdirSync(folder)).toEqual([]);
    expect(await rejection(convert(unet, join(folder, "a.gguf"), { type: "q8_0", signal: controller.signal }))).toBe(
      reason,
    );
  });

  test.each([
    [
      "throws",
      (error: Error) => {
        throw error;
      },
    ],
    ["rejects", (error: Error) => Promise.reject(error)],
  ])("when onProgress %s", async (_how, fail) => {
    const error = new Error("of the caller");
    expect(await rejection(convert(unet, join(folder, "a.gguf"), { type: "f32", onProgress: () => fail(error) }))).toBe(
      error,
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  test("of an input that is damaged", async () => {
    writeFileSync(join(folder, "in.safetensors"), readFileSync(adapter).subarray(0, -1000));
    await expect(
      convert(join(folder, "in.safetensors"), join(folder, "a.gguf"), { type: "f16" }),
    ).rejects.toMatchObject({ code: "ERR_IPA_TRUNCATED" });
    expect(readdirSync(folder)).toEqual(["in.safetensors"]);
  });
});

test.each<[string, string, unknown, object]>([
  [
    "another extension",
    "a.ckpt",
    { type: "f16" },
    { option: "output", message: expect.stringContaining(".gguf and .safetensors") },
  ],
  [
    "a quantised safetensors file",
    "a.safetensors",
    { type: "q4_0" },
    { option: "type", message: expect.stringContaining("write a .gguf file") },
  ],
  [
    "a type that is only read",
    "a.gguf",
    { type: "q4_k" },
    { option: "type", message: expect.stringContaining('"q4_0"') },
  ],
  ["no type", "a.gguf", {}, { option: "type", message: expect.stringContaining("add type") }],
  ["no options", "a.gguf", undefined, { code: "ERR_IPA_INVALID_OPTION" }],
  ["an unknown option", "a.gguf", { type: "f16", force: true }, { code: "ERR_IPA_UNKNOWN_OPTION" }],
])("%s is refused by name", async (_what, output, options, error) => {
  await expect(convert(adapter, join(folder, output), options as ConvertOptions)).rejects.toMatchObject(error);
  expect(readdirSync(folder)).toEqual([]);
});

test("a file that exists is replaced only when asked to, the input never", async () => {
  const output = join(folder, "a.gguf");
  writeFileSync(output, "mine");
  await expect(convert(adapter, output, { type: "f16" })).rejects.toMatchObject({
    code: "ERR_IPA_INVALID_OPTION",
    option: "output",
    message: expect.stringContaining("overwrite: true"),
  });
  expect(readFileSync(output, "utf8")).toBe("mine");
  await convert(adapter, output, { type: "f16", overwrite: true });
  expect(await inspect(output)).toMatchObject({ kind: "ip-adapter" });
  await expect(convert(output, output, { type: "q8_0", overwrite: true })).rejects.toMatchObject({
    message: expect.stringContaining("the input itself"),
  });
  cpSync(unet, join(folder, "unet"), { recursive: true });
  const own = join(folder, "unet", "diffusion_pytorch_model.safetensors");
  await expect(convert(join(folder, "unet"), own, { type: "f32", overwrite: true })).rejects.toMatchObject({
    message: expect.stringContaining("the input folder"),
  });
  expect(readFileSync(own).equals(readFileSync(join(unet, "diffusion_pytorch_model.safetensors")))).toBe(true);
});

test("the folder of a whole model is refused with what to do", async () => {
  await expect(convert(MINI, join(folder, "a.gguf"), { type: "f16" })).rejects.toMatchObject({
    code: "ERR_IPA_UNSUPPORTED",
    message: expect.stringContaining("one by one (unet"),
  });
});

test("the command converts, and says why it does not", async () => {
  const cli = (...args: string[]): Promise<CommandRun> => runCommand(["convert", ...args], loadAddon);
  const output = join(folder, "a.gguf");
  expect(await cli(adapter, output, "--type", "q8_0")).toMatchObject({
    code: 0,
    out: expect.stringMatching(/a\.gguf: \d+ tensors, .*Q8_0 \d+.*, gguf\n$/),
    err: expect.stringContaining("tensor "),
  });
  expect(await cli(adapter, output, "--type", "f16")).toMatchObject({
    code: 2,
    err: expect.stringContaining("--force"),
  });
  expect(await cli(adapter, output, "--type", "f16", "--force", "--json")).toMatchObject({
    code: 0,
    out: expect.stringContaining(`"type":"result","file":${JSON.stringify(output)}`),
  });
  expect(await cli(adapter, join(folder, "b.gguf"))).toMatchObject({ code: 2, err: expect.stringContaining("--type") });
  expect(await cli(join(folder, "none"), join(folder, "b.gguf"), "--type", "f16")).toMatchObject({
    code: 1,
    err: expect.stringContaining("ERR_IPA_NOT_FOUND"),
  });
  expect(existsSync(join(folder, "b.gguf"))).toBe(false);
});

describe("a process that is killed while it writes", () => {
  const leftovers = (): string[] => readdirSync(folder).filter((name) => name.startsWith("out.gguf.tmp-"));

  /** A process that stops in the middle of convert(), with its temporary file open. */
  async function stopped(): Promise<ChildProcess> {
    const script = `require(${JSON.stringify(join(ROOT, "build/Release/node_ip_adapter.node"))}).convert(
      ${JSON.stringify({ input: unet, output: join(folder, "out.gguf"), type: "q4_0", overwrite: true })}, () => process.kill(process.pid, "SIGSTOP"), () => process.exit())`;
    for (let attempt = 0; attempt < 20; attempt++) {
      const child = spawn("sh", ["-c", 'exec "$0" "$@"', process.execPath, "-e", script], { stdio: "ignore" });
      const ended = once(child, "exit");
      // As its state says, it stands still, or it was done before its first event came.
      const isStopped = (): boolean =>
        child.exitCode === null && /^\d+ \(.*\) T/.test(readFileSync(`/proc/${child.pid ?? 0}/stat`, "utf8"));
      while (child.exitCode === null && child.signalCode === null && !isStopped())
        await new Promise((resolve) => setImmediate(resolve));
      if (child.exitCode === null && leftovers().length > 0) return child;
      child.kill("SIGKILL");
      await ended;
    }
    throw new Error("convert() was always faster");
  }

  const onLinux = process.platform === "linux" ? test : test.skip;
  onLinux("leaves a file that the next call removes, and that of a living process stays", async () => {
    const other = await stopped();
    const [theirs] = leftovers();
    await convert(adapter, join(folder, "out.gguf"), { type: "f16", overwrite: true });
    expect(leftovers()).toEqual([theirs]);
    const ended = once(other, "exit");
    other.kill("SIGKILL");
    await ended;
    expect(leftovers()).toEqual([theirs]);
    // Nor anything that only looks like it.
    const strange = ["out.gguf.tmp-1", "out.gguf.tmp-0123456789abcdeX", "out.gguf.tmp-0123456789abcdef0"];
    for (const name of strange) writeFileSync(join(folder, name), "");
    mkdirSync(join(folder, "out.gguf.tmp-0123456789abcdef"));
    await convert(adapter, join(folder, "out.gguf"), { type: "f16", overwrite: true });
    expect(leftovers().sort()).toEqual([...strange, "out.gguf.tmp-0123456789abcdef"].sort());
  });
});
