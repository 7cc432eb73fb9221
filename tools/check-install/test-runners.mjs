// A test that paints a picture, run by jest and by vitest with their own settings, in projects of their own.
import fs from "node:fs";
import path from "node:path";
import { assert, binOf, makeProject, node, npmInstall } from "./harness.mjs";
import { checkResult, commonJs, esModule } from "./programs.mjs";

/** The runner may swallow what tests print, so the result goes to a file. */
const report = (fsModule) => `
test("paints a picture after a file", async () => {
  ${fsModule}.writeFileSync("result.txt", "RESULT " + JSON.stringify(await main()) + "\\n");
}, 120000);
test("a refusal is an error of this package", async () => {
  await expect(Pipeline.load({ model: "/no/such/model" })).rejects.toThrow(expect.objectContaining({ code: "ERR_IPA_NOT_FOUND" }));
  await expect(Pipeline.load({ model: "/no/such/model" })).rejects.toBeInstanceOf(IpAdapterError);
});
test("an abort is an AbortError", async () => {
  const pipeline = await Pipeline.load();
  const controller = new AbortController();
  const call = pipeline.generate({ steps: 500, signal: controller.signal, onProgress: () => controller.abort() });
  await expect(call).rejects.toMatchObject({ name: "AbortError" });
  await pipeline.dispose();
}, 120000);
test("the package that asks the hub loads, and its errors are ours", async () => {
  await expect(Pipeline.load({ model: "owner/name" })).rejects.toMatchObject({ code: "ERR_IPA_NETWORK" });
});
`;

async function checkRunner(folder, args) {
  fs.rmSync(path.join(folder, "result.txt"), { force: true });
  const output = await node(args, {
    cwd: folder,
    env: { CI: "true", HF_ENDPOINT: "http://127.0.0.1:9", HF_HUB_CACHE: path.join(folder, "hub"), HF_HUB_OFFLINE: "0" },
  });
  const file = path.join(folder, "result.txt");
  assert(fs.existsSync(file), `the runner ran no test:\n${output.slice(-4000)}`);
  await checkResult(fs.readFileSync(file, "utf8"));
}

/** Two files of tests: they have the package each for themselves in one process. */
async function projectWith(context, name, tools, text, files) {
  const folder = makeProject(context.temporary, name);
  await npmInstall(folder, [context.tarball, ...tools]);
  for (const file of files) fs.writeFileSync(path.join(folder, file), text);
  return folder;
}

async function jestCommonJs(context) {
  const text = `const fs = require("node:fs");\nconst { IpAdapterError } = require("node-ip-adapter");\n${commonJs()}${report("fs")}`;
  const folder = await projectWith(context, "jest", ["jest@30"], text, ["a.test.js", "b.test.js"]);
  await checkRunner(folder, [binOf(folder, "jest"), "--ci", "--runInBand"]);
}

async function jestModules(context) {
  const text = `import fs from "node:fs";\nimport { IpAdapterError } from "node-ip-adapter";\n${esModule()}${report("fs")}`;
  const folder = await projectWith(context, "jest-esm", ["jest@30"], text, ["a.test.mjs", "b.test.mjs"]);
  fs.writeFileSync(
    path.join(folder, "jest.config.mjs"),
    `export default { testMatch: ["**/*.test.mjs"], transform: {} };\n`,
  );
  await checkRunner(folder, ["--experimental-vm-modules", binOf(folder, "jest"), "--ci", "--runInBand"]);
}

let vitestProject;

const vitest = (pool) => async (context) => {
  const text = `import fs from "node:fs";\nimport { expect, test } from "vitest";\nimport { IpAdapterError } from "node-ip-adapter";\n${esModule()}${report("fs")}`;
  const folder = await (vitestProject ??= projectWith(context, "vitest", ["vitest@4"], text, [
    "a.test.mjs",
    "b.test.mjs",
  ]));
  await checkRunner(folder, [binOf(folder, "vitest"), "run", `--pool=${pool}`, "--no-file-parallelism"]);
};

export const cases = [
  { name: "jest", quick: true, run: jestCommonJs },
  { name: "jest, ES modules", run: jestModules },
  { name: "vitest, vmThreads", quick: true, run: vitest("vmThreads") },
  { name: "vitest, forks", run: vitest("forks") },
  { name: "vitest, threads", run: vitest("threads") },
];
