// The small programs that the checks install, bundle and run. Each paints a picture after a PNG file and prints what came out.
import fs from "node:fs";
import path from "node:path";
import { root } from "../build/paths.mjs";
import { assert, node } from "./harness.mjs";

/** A picture as source text: a program that was bundled has no files beside it. */
const picture = () => fs.readFileSync(path.join(root, "examples/images/red-apple.png")).toString("base64");

const body = () => `
const main = async (load = () => Pipeline.load()) => {
  const pipeline = await load();
  const image = Buffer.from(${JSON.stringify(picture())}, "base64");
  const { images } = await pipeline.generate({ prompt: "on a blue background", imagePrompts: [{ image }], steps: 2, seed: 7 });
  const png = await images[0].toBuffer("png");
  const refused = await pipeline.generate({ steps: 0 }).catch((error) => error);
  await pipeline.dispose();
  return {
    size: [png.readUInt32BE(16), png.readUInt32BE(20)],
    pixels: createHash("sha256").update(images[0].data).digest("hex"),
    refused: refused.code + " " + (refused instanceof OptionError),
  };
};`;

const print = `main().then((result) => console.log("RESULT " + JSON.stringify(result)), (error) => { console.error(error); process.exitCode = 1; });\n`;

export const commonJs = () =>
  `const { createHash } = require("node:crypto");\nconst { OptionError, Pipeline } = require("node-ip-adapter");\n${body()}\n`;
export const esModule = () =>
  `import { createHash } from "node:crypto";\nimport { OptionError, Pipeline } from "node-ip-adapter";\n${body()}\n`;

export const commonJsProgram = () => commonJs() + print;
export const esModuleProgram = () => esModule() + print;

/**
 * The same picture by way of files: it reads "photo.png" and "adapter.safetensors" of the folder that its argument names, and
 * writes "picture.png" and "adapter.gguf" there.
 */
const filesBody = `
const main = async () => {
  const inside = (name) => path.resolve(process.argv[2], name);
  const pipeline = await Pipeline.load({ adapters: [{ file: inside("adapter.safetensors") }] });
  const { images } = await pipeline.generate({ prompt: "on a blue background", imagePrompts: [{ image: inside("photo.png") }], steps: 2, seed: 7 });
  await images[0].toFile(inside("picture.png"));
  await convert(inside("adapter.safetensors"), inside("adapter.gguf"), { type: "q8_0" });
  const { format } = await inspect(inside("adapter.gguf"));
  const { settings } = await readMetadata(inside("picture.png"));
  if (format !== "gguf" || settings?.generate.seed !== 7) throw new Error("read back: " + format + ", " + JSON.stringify(settings));
  const refused = await pipeline.generate({ steps: 0 }).catch((error) => error);
  await pipeline.dispose();
  const png = fs.readFileSync(inside("picture.png"));
  return {
    size: [png.readUInt32BE(16), png.readUInt32BE(20)],
    pixels: createHash("sha256").update(images[0].data).digest("hex"),
    refused: refused.code + " " + (refused instanceof OptionError),
  };
};`;

export const filesProgram = () => `import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { OptionError, Pipeline, convert, inspect, readMetadata } from "node-ip-adapter";
${filesBody}
${print}`;

/** What that program reads. */
export function makeInputs(folder) {
  fs.mkdirSync(folder, { recursive: true });
  fs.copyFileSync(path.join(root, "examples/images/red-apple.png"), path.join(folder, "photo.png"));
  fs.copyFileSync(path.join(root, "models/mini/ip-adapter.safetensors"), path.join(folder, "adapter.safetensors"));
}

/** What a program prints, taken from its output and checked. */
export function readResult(output) {
  return readResults(output, 1)[0];
}

function readResults(output, count) {
  const lines = [...output.matchAll(/^RESULT (.*)$/gm)];
  assert(lines.length === count, `the program printed ${lines.length} results, not ${count}:\n${output.slice(-4000)}`);
  return lines.map(([, line]) => JSON.parse(line));
}

let expected;
let packed = {};

/** Another compiler gives other last bits: results are compared with those of the addon that is in the package. */
export function expectOf(addon) {
  packed = { NODE_IP_ADAPTER_ADDON: addon };
}

/** What the same program gives with the repository's own build: no way to install, bundle or start it may change a bit. */
export async function checkResult(output, count = 1) {
  expected ??= node(["-e", commonJsProgram()], { cwd: root, env: packed }).then(readResult);
  const wanted = await expected;
  assert(
    wanted.size[0] >= 64 && wanted.refused === "ERR_IPA_INVALID_OPTION true",
    `the repository's own build gives ${JSON.stringify(wanted)}`,
  );
  for (const got of readResults(output, count))
    assert(
      JSON.stringify(got) === JSON.stringify(wanted),
      `expected ${JSON.stringify(wanted)} but the program gives ${JSON.stringify(got)}`,
    );
}
