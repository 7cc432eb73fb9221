/** Node's permission model: the addon, which could open any file, opens none that the process may not. Needs `npm run build`. */
import { execFile } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { ImageEmbeds, saveEmbeds } from "../lib/index";
import { MINI, ROOT } from "./support/load";

const flag = process.allowedNodeEnvironmentFlags.has("--permission") ? "--permission" : "--experimental-permission";

let folder: string, open: string, secret: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "permission-"));
  [open, secret] = [join(folder, "open"), join(folder, "secret")];
  for (const one of [open, secret]) {
    mkdirSync(one);
    copyFileSync(join(MINI, "ip-adapter.safetensors"), join(one, "adapter.safetensors"));
    await saveEmbeds(join(one, "embeds.safetensors"), new ImageEmbeds(new Float32Array(256), [1, 256]));
    copyFileSync(join(ROOT, "test/golden/images/rgb.png"), join(one, "a.png"));
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What a call gives in a process that may read the package and `open`, and write there: "done", or its error. */
async function run(call: string, ...flags: string[]): Promise<string> {
  const code = `const { Pipeline, convert, inspect, loadEmbeds, saveEmbeds, ImageEmbeds } = require(${JSON.stringify(ROOT)});
    const [open, secret] = ${JSON.stringify([open, secret])};
    (async () => ${call})().then(() => console.log("done"), (error) => console.log(error.code + " " + error.message));`;
  const allowed = [
    "--allow-addons",
    `--allow-fs-read=${ROOT}/*`,
    `--allow-fs-read=${open}/`,
    `--allow-fs-write=${open}/`,
  ];
  const { stdout } = await promisify(execFile)(process.execPath, [
    flag,
    "--no-warnings",
    ...(flags.length === 0 ? allowed : flags),
    "-e",
    code,
  ]);
  return stdout.trim();
}

test("what is allowed works", async () => {
  expect(await run(`convert(open + "/adapter.safetensors", open + "/new.gguf", { type: "q8_0" })`)).toBe("done");
  expect(existsSync(join(open, "new.gguf"))).toBe(true);
  expect(
    await run(
      `inspect(open + "/new.gguf").then(() => loadEmbeds(open + "/embeds.safetensors")).then((e) => saveEmbeds(open + "/b.safetensors", e))`,
    ),
  ).toBe("done");
  expect(
    await run(
      `Pipeline.load({ adapters: [{ file: open + "/adapter.safetensors" }] }).then((p) => p.encodeImage(open + "/a.png"))`,
    ),
  ).toBe("done");
});

test.each([
  [
    "convert() reads",
    `convert(secret + "/adapter.safetensors", open + "/out.gguf", { type: "q8_0" })`,
    "input",
    "read",
  ],
  [
    "convert() writes",
    `convert(open + "/adapter.safetensors", secret + "/out.gguf", { type: "q8_0" })`,
    "output",
    "write",
  ],
  ["inspect()", `inspect(secret + "/adapter.safetensors")`, "path", "read"],
  ["inspect() of a folder", `inspect(secret)`, "path", "read"],
  ["loadEmbeds()", `loadEmbeds(secret + "/embeds.safetensors")`, "path", "read"],
  [
    "saveEmbeds()",
    `saveEmbeds(secret + "/out.safetensors", new ImageEmbeds(new Float32Array(4), [1, 4]))`,
    "path",
    "write",
  ],
  [
    "an adapter",
    `Pipeline.load({ adapters: [{ file: secret + "/adapter.safetensors" }] })`,
    "adapters[0].file",
    "read",
  ],
  ["a model", `Pipeline.load({ model: secret })`, "model", "read"],
  ["a LoRA", `Pipeline.load({ loras: [{ file: secret + "/adapter.safetensors" }] })`, "loras[0].file", "read"],
  ["an image encoder", `Pipeline.load({ imageEncoder: secret })`, "imageEncoder", "read"],
  [
    "setAdapters()",
    `Pipeline.load().then((p) => p.setAdapters([{ file: secret + "/adapter.safetensors" }]))`,
    "adapters[0].file",
    "read",
  ],
  ["a picture", `Pipeline.load().then((p) => p.encodeImage(secret + "/a.png"))`, "image", "read"],
])("what is not allowed is refused with the option and the flag: %s", async (_name, call, option, scope) => {
  const before = readdirSync(secret);
  const said = await run(call);
  expect(said).toContain(`ERR_IPA_IO ${option}: `);
  expect(said).toContain(`--allow-fs-${scope}`);
  expect(readdirSync(secret)).toEqual(before);
});

test.each([
  ["open", "--allow-child-process"],
  ["secret", "--allow-fs-read"],
])("CUDA support that may not be tried is not used, and the flag is named: in %s", async (place, flag) => {
  const call = `(process.env.NODE_IP_ADAPTER_CUDA = ${place} + "/a.png", Pipeline.load().then(({ info }) => { throw { code: info.device, message: info.deviceNote }; }))`;
  const said = await run(call);
  expect(said).toMatch(/^cpu /);
  expect(said).toContain(flag);
});

test("a file that may be written where its temporary one may not", async () => {
  const out = join(secret, "out.gguf");
  const said = await run(
    `convert(open + "/adapter.safetensors", secret + "/out.gguf", { type: "q8_0" })`,
    "--allow-addons",
    `--allow-fs-read=${ROOT}/*`,
    `--allow-fs-read=${open}/`,
    `--allow-fs-write=${out}`,
  );
  expect(said).toMatch(/output: .*temporary file/);
  expect(existsSync(out)).toBe(false);
});

test("without --allow-addons the message names it", async () => {
  const said = await run("Pipeline.load()", `--allow-fs-read=${ROOT}/*`);
  expect(said).toMatch(/^ERR_IPA_ADDON_MISSING .*--allow-addons/s);
  expect(said).not.toContain("build:native");
});

test("NODE_IP_ADAPTER_ADDON under the permission model: the message names the flag that lacks", async () => {
  const addon = JSON.stringify(join(secret, "a.node"));
  const call = `(process.env.NODE_IP_ADAPTER_ADDON = ${addon}, Pipeline.load())`;
  expect(await run(call)).toMatch(/^ERR_IPA_ADDON_MISSING .*--allow-fs-read/);
  copyFileSync(join(ROOT, "build/Release/node_ip_adapter.node"), join(secret, "a.node"));
  expect(await run(call, `--allow-fs-read=${ROOT}/*`, `--allow-fs-read=${secret}/*`)).toMatch(
    /^ERR_IPA_ADDON_MISSING .*--allow-addons/,
  );
});
