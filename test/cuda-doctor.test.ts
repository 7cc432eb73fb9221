/**
 * The whole way to a GPU: command line, discovery, a trial in a process of its own, addon, backend, kernels. The GPU is the emulator of
 * test/cuda-emulator, as a plugin. Needs `npm run build`.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { compiled, withoutCompiler } from "./support/compiled";
import { decodeOwnSize } from "./support/decode";
import { ROOT } from "./support/load";

const PLUGIN = join(ROOT, "build/Release/libemulated_cuda.so");

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "cuda-doctor-"))));
afterAll(() => rmSync(folder, { recursive: true }));

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** Node in a process of its own: a plugin that is open stays so. `stopAt`: interrupted once that is printed. */
function node(args: string[], { env = {}, stopAt }: { env?: NodeJS.ProcessEnv; stopAt?: RegExp } = {}): Promise<Ended> {
  const child = spawn(process.execPath, ["-r", join(ROOT, "test/support/typescript.cjs"), ...args], {
    cwd: ROOT,
    env: { ...process.env, NODE_IP_ADAPTER_CUDA: PLUGIN, XDG_CACHE_HOME: folder, ...env },
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
    if (stopAt?.test(out) === true) child.kill("SIGINT");
  });
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  return new Promise((done, fail) => {
    child.on("error", fail);
    child.on("close", (code) => done({ code, out, err }));
  });
}

const cli = (args: string[], options?: Parameters<typeof node>[1]): Promise<Ended> =>
  node([join(ROOT, "lib/cli/main.ts"), ...args], options);

interface Line {
  op: string;
  type: string;
  ok: boolean;
  difference: number;
  allowed: number;
  seconds: number;
}
interface Report {
  ok: boolean;
  device: {
    gpu: { name: string; checks: number; failed: number; bandwidth: number };
    lines: Line[];
    picture?: { ok: boolean; dtype: string; latents: number; psnr: number };
    summary: string;
  };
}

async function doctor(env: NodeJS.ProcessEnv): Promise<{ code: number | null; report: Report }> {
  const { code, out } = await cli(["doctor", "--device", "cuda", "--quick", "--json"], { env });
  return { code, report: JSON.parse(out) as Report };
}

const named = (lines: readonly Line[]): string[] => [...new Set(lines.map(({ op }) => op))].sort();

// The emulator is Linux's.
(process.platform === "linux" && compiled ? describe : describe.skip)(
  `a GPU that is emulated${withoutCompiler}`,
  () => {
    test("doctor: every op is as on the CPU, in every type, and so is a picture", async () => {
      const { code, report } = await doctor({});
      const { lines, gpu, picture } = report.device;
      expect(lines.filter(({ ok }) => !ok)).toEqual([]);
      expect([code, report.ok, picture?.ok, picture?.dtype]).toEqual([0, true, true, "f16"]);
      expect(gpu).toMatchObject({ name: "Emulated GPU sm_80", checks: lines.length, failed: 0 });
      expect(gpu.bandwidth).toBeGreaterThan(0);
      expect([...new Set(lines.map(({ type }) => type))].sort()).toEqual(["bf16", "f16", "f32", "int8"]);
      for (const { difference, allowed } of lines) expect(difference).toBeLessThanOrEqual(allowed);
      // A slice is no work of its own.
      expect(named(lines.filter(({ seconds }) => !(seconds > 0)))).toEqual(["slice_channels"]);
      // Rounding in 16 bits shows: the numbers were kept in them.
      expect(lines.filter(({ op, type, difference }) => op === "linear" && type !== "f32" && difference === 0)).toEqual(
        [],
      );
      expect(report.device.summary).toMatch(/^all right: \d+ checks/);
    }, 120_000);

    test.each([
      ["layer_norm", ["layer_norm"]],
      ["attention", ["attention", "attention_map"]],
      ["product", ["conv2d", "geglu_linear", "linear"]],
    ])(
      "doctor: a wrong kernel of %s is named, with what to report",
      async (wrong, ops) => {
        const { code, report } = await doctor({ EMULATED_CUDA_WRONG: wrong });
        expect([code, report.ok, report.device.picture?.ok]).toEqual([1, false, false]);
        expect(named(report.device.lines.filter(({ ok }) => !ok))).toEqual(ops);
        expect(report.device.summary).toMatch(
          new RegExp(
            `report this line at https.*node-ip-adapter .*Emulated GPU sm_80.*checks fail, of .*${ops.at(-1)}`,
          ),
        );
        expect(report.device.summary).not.toContain("\n");
      },
      120_000,
    );

    test("doctor: where the GPU is lost, it is told after which op, and no picture is tried", async () => {
      const { code, report } = await doctor({ EMULATED_CUDA_LOST: "layer_norm" });
      const { lines, picture, summary } = report.device;
      expect([code, picture, lines.at(-1)?.op, lines.at(-1)?.ok]).toEqual([1, undefined, "layer_norm", false]);
      expect(named(lines.filter(({ ok }) => !ok))).toEqual(["layer_norm"]);
      expect(summary).toMatch(/1 of \d+ checks fail, of layer_norm.*stopped: cuda:0/);
    }, 120_000);

    test("doctor: a GPU without bf16 is not asked for it", async () => {
      const { code, report } = await doctor({ EMULATED_CUDA: "75" });
      expect([code, report.device.gpu.name]).toEqual([0, "Emulated GPU sm_75"]);
      expect(report.device.lines.filter(({ type }) => type === "bf16")).toEqual([]);
    }, 120_000);

    test("doctor as a table says what it does while it does it, and ends when it is interrupted", async () => {
      const { code, out } = await cli(["doctor", "--device", "cuda:0"], { stopAt: /geglu_linear +f16 +\d/ });
      expect(code).toBe(130);
      expect(out).toMatch(/^ +op +type +size +difference +allowed +time +speed +of$/m);
      expect(out).toMatch(/^ok {3}linear +f16 +154 x 320 to 136 .* ms .*FLOP\/s$/m);
      expect(out).not.toMatch(/all right/);
    }, 60_000);

    test.each([
      ["cpu", 2, /--device: expected cuda or cuda:N but received "cpu"/],
      ["cuda:7", 1, /there is no "cuda:7": there is one GPU, "cuda:0"/],
    ])("doctor --device %s is an error", async (device, expected, message) => {
      const { code, err } = await cli(["doctor", "--device", device]);
      expect([code, err]).toEqual([expected, expect.stringMatching(message)]);
    });

    test("generate --device cuda makes the picture of the CPU, and info says where it ran", async () => {
      const pictures = await Promise.all(
        ["cuda", "cpu"].map(async (device) => {
          const file = join(folder, `${device}.png`);
          const size = ["--width", "64", "--height", "64", "--steps", "2", "--seed", "1"];
          const args = ["generate", "--prompt", "a cat", ...size, "--device", device, "--output", file];
          expect(await cli(args)).toMatchObject({ code: 0 });
          return (await decodeOwnSize(file)).rgb;
        }),
      );
      const [onGpu = [], onCpu = []] = pictures.map((rgb) => [...rgb]);
      const squares = onCpu.reduce((sum, value, i) => sum + (value - (onGpu[i] ?? 0)) ** 2, 0);
      expect(squares).toBeGreaterThan(0);
      expect(10 * Math.log10(255 ** 2 / (squares / onCpu.length))).toBeGreaterThan(40);
      const info = `require(${JSON.stringify(join(ROOT, "lib/index.ts"))}).Pipeline.load({ device: "cuda" }).then(
      (pipeline) => { console.log(JSON.stringify(pipeline.info)); return pipeline.dispose(); })`;
      const { out } = await node(["-e", info]);
      expect(JSON.parse(out)).toMatchObject({ device: "cuda:0", dtype: "f16" });
    }, 120_000);

    test("dtype int16, which the CPU alone has, keeps auto there, and info says so", async () => {
      const info = `require(${JSON.stringify(join(ROOT, "lib/index.ts"))}).Pipeline.load({ dtype: "int16" }).then(
      (pipeline) => { console.log(JSON.stringify(pipeline.info)); return pipeline.dispose(); })`;
      const { out } = await node(["-e", info]);
      expect(JSON.parse(out)).toMatchObject({
        device: "cpu",
        dtype: "int16",
        deviceNote: expect.stringContaining("int16"),
      });
    }, 60_000);

    test("offload decodes tiles to the same bits", async () => {
      const code = `const { Pipeline } = require(${JSON.stringify(join(ROOT, "lib/index.ts"))});
      (async () => {
        const made = [];
        for (const offload of [false, true]) {
          const pipeline = await Pipeline.load({ device: "cuda", offload });
          const call = { prompt: "a cat", width: 192, height: 64, steps: 1, seed: 1, guidance: 1, vaeTiling: "on", vaeTile: 128 };
          made.push(Buffer.from((await pipeline.generate(call)).images[0].data).toString("base64"));
          await pipeline.dispose();
        }
        console.log(made[0] === made[1]);
      })();`;
      expect((await node(["-e", code])).out.trim()).toBe("true");
    }, 120_000);
  },
);
