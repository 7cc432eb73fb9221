/**
 * Runs the C++ tests (build/Release/native_tests), every one by its name: those that kernels have a part in on each instruction
 * set of this machine, the others once.
 */
import { spawn, spawnSync } from "node:child_process";
import { resolve } from "node:path";

import type { NativeAddon } from "../lib/native/contract";
import { compiled, describeCompiled, withoutCompiler } from "./support/compiled";

const root = resolve(__dirname, "..");
const release = resolve(root, "build", "Release");
const program = resolve(release, process.platform === "win32" ? "native_tests.exe" : "native_tests");
const RUN_TIMEOUT = 20 * 60_000;

interface Run {
  /** what each finished test printed, with its verdict */
  tests: Map<string, { passed: boolean; reasons: string }>;
  /** how the program ended, when not by itself: a crash takes the tests after it along */
  ending: string;
}

/** Which tests: `--kernels`, `--once`, or all. */
function listTests(...kind: string[]): string[] {
  // The callback of a suite that is left out runs all the same; its tests do not.
  if (!compiled) return ["none"];
  const { status, stdout, error } = spawnSync(program, ["--list", ...kind], { encoding: "utf8" });
  if (status !== 0)
    throw new Error(`${program} --list failed; run "npm run build:native" (${error?.message ?? String(status)})`);
  return stdout.split(/\r?\n/).filter((name) => name !== "");
}

function instructionSets(): string[] {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- a binary cannot be imported
  return (require(resolve(release, "node_ip_adapter.node")) as NativeAddon).system().isas;
}

async function runTests(args: string[], environment: NodeJS.ProcessEnv = {}): Promise<Run> {
  const child = spawn(program, ["--golden", "test/golden", ...args], {
    cwd: root,
    env: { ...process.env, ...environment },
  });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  const ending = await new Promise<string>((done, fail) => {
    child.on("error", fail);
    child.on("close", (code, signal) => {
      done(
        signal === null && (code === 0 || code === 1)
          ? ""
          : `native_tests ended with ${signal ?? `exit code ${String(code)}`}`,
      );
    });
  });
  return parse(Buffer.concat(chunks).toString(), ending);
}

/** Reads `ok NAME` and `FAIL NAME` lines; what stands before a verdict are that test's reasons. */
function parse(output: string, ending: string): Run {
  const tests: Run["tests"] = new Map();
  let reasons: string[] = [];
  for (const line of output.split(/\r?\n/)) {
    const [, verdict, name] = /^(ok|FAIL) (\w+)$/.exec(line) ?? [];
    if (name === undefined) reasons.push(line);
    else {
      tests.set(name, { passed: verdict === "ok", reasons: reasons.join("\n") });
      reasons = [];
    }
  }
  return { tests, ending: ending === "" ? "" : [...reasons, ending].join("\n") };
}

function runAll(kind: string, environment: NodeJS.ProcessEnv = {}): void {
  let run: Run;
  beforeAll(async () => {
    run = await runTests([kind], environment);
  }, RUN_TIMEOUT);

  test.each(listTests(kind))("%s", (name) => {
    const result = run.tests.get(name);
    if (result === undefined) throw new Error(`did not run: ${run.ending}`);
    if (!result.passed) throw new Error(result.reasons);
  });

  test("ends by itself", () => {
    expect(run.ending).toBe("");
  });
}

describeCompiled(`native_tests${withoutCompiler}`, () => {
  test("test names are unique and say their room", () => {
    const names = listTests();
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name, i) => names.indexOf(name) !== i || !/^[a-z0-9]+_[a-z0-9_]+$/.test(name))).toEqual([]);
  });

  describe.each(instructionSets())("native tests on %s", (isa) => {
    runAll("--kernels", { NODE_IP_ADAPTER_ISA: isa });
  });

  describe("native tests without kernels", () => {
    runAll("--once");
  });

  // The whole of this, in every type, order of threads and with checks of memory, is `npm run test:cuda`.
  (process.platform === "linux" ? test : test.skip)(
    "every op on an emulated GPU in f16 (Linux alone has the emulator)",
    async () => {
      const { tests, ending } = await runTests(["--device", "cuda-f16", "^ops_", "^graph_"]);
      const failed = [...tests].filter(([, { passed }]) => !passed).map(([name, { reasons }]) => `${name}\n${reasons}`);
      expect({ failed, ending }).toEqual({ failed: [], ending: "" });
      expect(tests.size).toBeGreaterThan(100);
    },
    RUN_TIMEOUT,
  );
});
