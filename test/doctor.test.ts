/** `node-ip-adapter doctor`: what it says of a machine, its self-test, and its exit code. */
import { join } from "node:path";

import type { NativePictureTime, NativeSelfTestLine } from "../lib/native/contract";
import { loadedAddon } from "../lib/native/load";
import { packageVersion } from "../lib/package-root";
import { userCacheFile } from "../lib/user-cache";
import { type CommandRun, runCommand } from "./support/command";
import { FakeAddon } from "./support/fake-addon";
import { ROOT } from "./support/load";

const saved = { ...process.env };
afterEach(() => {
  process.env = { ...saved };
  process.exitCode = undefined;
});

const doctor = (addon: FakeAddon, ...args: string[]): Promise<CommandRun> =>
  runCommand(["doctor", ...args], () => addon);

interface Report {
  ok: boolean;
  checks: { name: string; ok: boolean; value: string }[];
  selfTest: { ok: boolean; isa: string; cases: number; suspects: string[]; lines: NativeSelfTestLine[] };
  times?: NativePictureTime[];
}
const reportOf = ({ lines }: CommandRun): Report => lines[0] as unknown as Report;

const WRONG: NativeSelfTestLine = {
  name: "linear",
  type: "bf16",
  kernels: ["bf16.round_rows", "bf16.gemm"],
  cases: 11,
  ok: false,
  size: "5 x 1100 to 24",
  error: 0.03,
  limit: 4e-6,
  problem: "5 x 1100 to 24: off by 0.03, where 4e-06 is allowed",
};

describe("what it says", () => {
  test("of a machine where all is well", async () => {
    const { code, out } = await doctor(new FakeAddon());
    for (const part of [
      `ok   package: ${packageVersion()}, ${ROOT}`,
      `ok   addon: ${packageVersion()}, of elsewhere, /somewhere/node_ip_adapter.node`,
      `, Node ${process.version}, `,
      "ok   instruction set: scalar",
      "ok   memory: 500.0 MB available",
      "ok   image files: sharp",
      "ok   shipped model",
      `ok   caches: ${userCacheFile("")} (`,
      "ok   self-test: 11 cases of the kernels of scalar are right (1.3 s)",
      "     about how long a picture takes on 1 thread where little else runs",
      "(an estimate from some of its ops):",
      "     SD 1.5, 512 x 512, 20 steps, f32: 1m39s (4.6 s a step)",
    ])
      expect(out).toContain(part);
    expect(out).toMatch(/^ok {3}linear +bf16 +11 +8\.0e-8 +4\.0e-6$/m);
    expect(out).not.toContain("FAIL");
    expect(code).toBe(0);
  });

  test("of variables of this package, and no others", async () => {
    process.env = { ...saved, HF_TOKEN: "secret", NODE_IP_ADAPTER_CUDA: "0", NODE_IP_ADAPTER_ISA: "avx2" };
    const { out } = await doctor(new FakeAddon());
    expect(out).toContain('ok   variables: NODE_IP_ADAPTER_CUDA="0" NODE_IP_ADAPTER_ISA="avx2"\n');
    expect(out).not.toContain("secret");
  });

  test("of an addon of another version", async () => {
    const addon = new FakeAddon();
    const system = addon.system();
    addon.system = () => ({ ...system, version: "0.0.1" });
    const { code, out } = await doctor(addon);
    expect([code, out]).toEqual([1, expect.stringContaining("FAIL addon: 0.0.1, which is not the package's version")]);
  });

  test("of a missing addon: there is nothing to test", async () => {
    const addon = new FakeAddon();
    addon.system = () => {
      throw Object.assign(new Error("not here"), { code: "ERR_IPA_ADDON_MISSING" });
    };
    const run = await doctor(addon, "--json");
    expect([run.code, reportOf(run).ok]).toEqual([1, false]);
    expect(Object.keys(reportOf(run))).toEqual(["ok", "checks"]);
  });
});

describe("a kernel that is wrong", () => {
  const broken = (): FakeAddon => {
    const addon = new FakeAddon();
    addon.selfTestLines.push(WRONG, { ...WRONG, name: "attention", error: Infinity, kernels: ["bf16.attention"] });
    addon.suspects = ["bf16.gemm"];
    return addon;
  };

  test("is named, with what to do, and the exit code is 1", async () => {
    const { code, out } = await doctor(broken());
    expect(code).toBe(1);
    expect(out).toMatch(/^FAIL linear +bf16 +11 +3\.0e-2 +4\.0e-6$/m);
    expect(out).toContain("where 4e-06 is allowed, by bf16.round_rows, bf16.gemm\n");
    expect(out).toMatch(/^FAIL attention +bf16 +11 {2}no number {2}/m);
    expect(out).toMatch(/^FAIL self-test: 2 lines fail on scalar, by the kernels bf16\.gemm: report all of this at /m);
  });

  test("another instruction set is recommended where there is one", async () => {
    const addon = broken();
    const system = addon.system();
    addon.system = () => ({ ...system, isas: ["avx2", "scalar"] });
    expect((await doctor(addon)).out).toMatch(/until then .* NODE_IP_ADAPTER_ISA=avx2$/m);
  });

  test("is in the JSON", async () => {
    const run = await doctor(broken(), "--json");
    const { ok, selfTest } = reportOf(run);
    expect([run.code, ok, selfTest.ok, selfTest.suspects]).toEqual([1, false, false, ["bf16.gemm"]]);
    expect(selfTest.lines[1]).toEqual(WRONG);
  });

  test("no GPU is compared with it", async () => {
    const addon = broken();
    let compared = false;
    addon.checkDevice = () => {
      compared = true;
      throw new Error("not expected");
    };
    expect((await doctor(addon, "--device", "cuda")).code).toBe(1);
    expect(compared).toBe(false);
  });
});

test("an error of the self-test is one of the command", async () => {
  const addon = new FakeAddon();
  addon.selfTest = (_line, done) => {
    setImmediate(done, { code: "ERR_IPA_NO_MEMORY", message: "out of memory" });
    return { cancel: () => undefined };
  };
  expect(await doctor(addon)).toMatchObject({ code: 1, err: "error ERR_IPA_NO_MEMORY: out of memory\n" });
});

test("--quick leaves the times out", async () => {
  const addon = new FakeAddon();
  addon.estimateTimes = () => {
    throw new Error("not expected");
  };
  const run = await doctor(addon, "--quick", "--json");
  expect([run.code, reportOf(run).times]).toEqual([0, undefined]);
});

describe("on this machine", () => {
  const { addon, file } = loadedAddon();
  const here = (args: string[], signal?: AbortSignal): Promise<CommandRun> =>
    runCommand(["doctor", ...args], () => addon, { addonFile: file, ...(signal && { signal }) });

  test("every kernel in use is right, and the event loop goes on meanwhile", async () => {
    process.env["NODE_IP_ADAPTER_CUDA"] = "0";
    let turns = 0;
    const count = setInterval(() => ++turns, 1);
    const run = await here(["--quick", "--json"]);
    clearInterval(count);
    const { ok, checks, selfTest } = reportOf(run);
    expect(checks.filter((check) => !check.ok)).toEqual([]);
    expect(selfTest.lines.filter((line) => !line.ok)).toEqual([]);
    expect([run.code, ok, selfTest.isa]).toEqual([0, true, addon.system().isa]);
    expect([...new Set(selfTest.lines.map(({ type }) => type))]).toEqual(
      expect.arrayContaining(["", "f32", "f16 weights", "bf16", "int16", "int8 weights", "int8"]),
    );
    expect(checks.find(({ name }) => name === "addon")?.value).toContain(
      file.startsWith(join(ROOT, "build")) ? ", built here, " : ", prebuilt",
    );
    expect(turns).toBeGreaterThan(10);
  }, 120_000);

  test("interrupted, it ends", async () => {
    const controller = new AbortController();
    const run = here([], controller.signal);
    setImmediate(() => controller.abort());
    expect(await run).toMatchObject({ code: 130, err: "interrupted\n" });
  }, 60_000);
});
