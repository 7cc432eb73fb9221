/** The built package as a user has it: both module systems, worker threads, the command. Needs `npm run build`. */
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";

import { ROOT } from "./support/load";

const node = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, args, { cwd: ROOT })).stdout;
const main = join(ROOT, "dist", "cli", "main.js");

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "package-"))));
afterAll(() => rmSync(folder, { recursive: true }));

const use = `const { latents } = await (await Pipeline.load()).generate({ prompt: "a cat", steps: 2, seed: 3, output: "latents" });
  console.log(Buffer.from(latents[0].buffer).toString("base64"));`;

test("import and require give one module and the same bits", async () => {
  const esm = await node("--input-type=module", "-e", `import { Pipeline } from "node-ip-adapter"; ${use}`);
  const cjs = await node("-e", `(async () => { const { Pipeline } = require("node-ip-adapter"); ${use} })()`);
  expect(esm.length).toBeGreaterThan(1000);
  expect(cjs).toBe(esm);
  const one = `import * as esm from "node-ip-adapter"; import { createRequire } from "node:module";
    console.log(createRequire(import.meta.url)("node-ip-adapter").IpAdapterError === esm.IpAdapterError)`;
  expect(await node("--input-type=module", "-e", one)).toBe("true\n");
});

test("four worker threads generate at the same time, the same bits; one is stopped in the middle", async () => {
  const code = `const { parentPort } = require("node:worker_threads");
    const { Pipeline } = require(${JSON.stringify(ROOT)});
    (async () => {
      const pipeline = await Pipeline.load();
      const { latents } = await pipeline.generate({ prompt: "a cat", steps: 3, seed: 3 });
      await pipeline.dispose();
      parentPort.postMessage(Buffer.from(latents[0].buffer).toString("base64"));
    })()`;
  const run = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(code, { eval: true });
      worker.once("message", resolve);
      worker.once("error", reject);
    });
  const stopped = new Worker(
    `const { Pipeline } = require(${JSON.stringify(ROOT)});
    const { parentPort } = require("node:worker_threads");
    Pipeline.load().then((p) => p.generate({ steps: 500, onProgress: () => parentPort.postMessage("step") }))`,
    { eval: true },
  );
  const stopping = new Promise<number>((resolve) => stopped.once("message", () => resolve(stopped.terminate())));
  const results = await Promise.all([run(), run(), run(), run()]);
  expect(new Set(results).size).toBe(1);
  expect(await stopping).toBe(1);
});

test("a process may end in the middle of a generation", async () => {
  const code = `const { Pipeline } = require("node-ip-adapter"); Pipeline.load().then((p) => p.generate({ steps: 500, onProgress: () => process.exit(7) }))`;
  await expect(node("-e", code)).rejects.toMatchObject({ code: 7 });
});

test("workers stopped inside any call never take the process down", async () => {
  // In a process of its own: what this guards against is an abort.
  const code = `const { Worker } = require("node:worker_threads");
    const busy = {
      calls: "for (;;) systemInfo();",
      queue: "Pipeline.load().then((p) => { for (let i = 0; i < 20; i++) p.generate({ steps: 20 }).catch(() => {}); p.dispose(); })",
      load: "(async () => { for (;;) await (await Pipeline.load()).dispose(); })()",
    };
    (async () => {
      for (let round = 0; round < 36; round++) {
        const work = Object.values(busy)[round % 3];
        const worker = new Worker("const { Pipeline, systemInfo } = require(" + ${JSON.stringify(JSON.stringify(ROOT))} + "); systemInfo(); require('node:worker_threads').parentPort.postMessage(1);" + work, { eval: true });
        await new Promise((resolve) => worker.once("message", resolve));
        const turns = round % 7;
        for (let i = 0; i < turns * 40; i++) await new Promise(setImmediate);
        await worker.terminate();
      }
      console.log("alive");
    })()`;
  expect(await node("-e", code)).toBe("alive\n");
});

test("the command generates, inspects and checks", async () => {
  const output = join(folder, "out.png");
  const latents = join(folder, "latents.safetensors");
  const image = join(ROOT, "test/golden/images/rgb.png");
  const out = await node(
    main,
    "generate",
    "--prompt",
    "a cat",
    "--image-prompt",
    `${image}:0.8`,
    "--steps",
    "2",
    "--seed",
    "1",
    "--output",
    output,
    "--save-latents",
    latents,
  );
  expect(out).toContain(`${output} (seed 1)`);
  expect(readFileSync(output).subarray(1, 4).toString()).toBe("PNG");
  const header = readFileSync(latents);
  const { latents: tensor } = JSON.parse(header.subarray(8, 8 + Number(header.readBigUInt64LE(0))).toString()) as {
    latents: { shape: number[]; dtype: string };
  };
  expect(tensor).toMatchObject({ dtype: "F32", shape: [1, 8, 16, 16] });
  expect(await node(main, "inspect", "models/mini")).toContain("unet");
  const report = await node(main, "doctor");
  expect(report).not.toContain("FAIL");
  expect(report).toMatch(/SD 1\.5, 512 x 512, 20 steps, f32: \S+ \([0-9.]+ s a step\)/);
});

test("a conversion that the disk has no room for ends with the reason and no file", async () => {
  const empty = mkdtempSync(join(folder, "full-"));
  // A limit on the size of files stands for a full disk.
  const limited = `ulimit -f 64; exec "$0" "$@"`;
  const call = promisify(execFile)(
    "sh",
    ["-c", limited, process.execPath, main, "convert", "models/mini/unet", join(empty, "a.gguf"), "--type", "f16"],
    { cwd: ROOT },
  );
  await expect(call).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/ERR_IPA_IO: ".*a\.gguf": cannot write: /),
  });
  expect(readdirSync(empty)).toEqual([]);
});

test("workers stopped in the middle of a conversion leave no half of a file", async () => {
  const code = `const { Worker } = require("node:worker_threads");
    const work = "const { convert } = require(" + ${JSON.stringify(JSON.stringify(ROOT))} + "); const { parentPort } = require('node:worker_threads');" +
      "convert('models/mini/unet', " + ${JSON.stringify(JSON.stringify(join(folder, "stopped.gguf")))} + ", { type: 'q5_1', overwrite: true, onProgress: () => parentPort.postMessage(1) })";
    (async () => {
      for (let round = 0; round < 8; round++) {
        const worker = new Worker(work, { eval: true });
        await new Promise((resolve) => worker.once("message", resolve));
        await worker.terminate();
      }
      console.log("alive");
    })()`;
  expect(await node("-e", code)).toBe("alive\n");
  expect(readdirSync(folder).filter((name) => name.includes(".tmp-"))).toEqual([]);
});

test("Ctrl-C ends the command with 130 and no file", async () => {
  const output = join(folder, "interrupted.png");
  const child = spawn(process.execPath, [main, "generate", "--steps", "900", "--json", "--output", output], {
    cwd: ROOT,
  });
  child.stdout.once("data", () => child.kill("SIGINT"));
  const code = await new Promise((resolve) => child.once("exit", resolve));
  expect(code).toBe(130);
  expect(existsSync(output)).toBe(false);
});

test("importing the package loads few modules and no other package", async () => {
  const code = `require("node-ip-adapter"); console.log(JSON.stringify(Object.keys(require.cache)))`;
  const modules = JSON.parse(await node("-e", code)) as string[];
  expect(modules.filter((file) => !file.startsWith(join(ROOT, "dist")))).toEqual([]);
  expect(modules.length).toBeLessThanOrEqual(60);
});
