// The small programs that the checks install, bundle and run. Each paints a picture after a PNG file and prints what came out.
import fs from "node:fs";
import path from "node:path";
import { root } from "../build/paths.mjs";
import { assert, node } from "./harness.mjs";

/** A picture as source text: a program that was bundled has no files beside it. */
const picture = () => fs.readFileSync(path.join(root, "examples/images/red-apple.png")).toString("base64");

const body = () => `
const main = async () => {
  const pipeline = await Pipeline.load();
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

/** What the program prints, taken from its output and checked. */
export function readResult(output) {
  const line = /^RESULT (.*)$/m.exec(output);
  assert(line !== null, `the program printed no result:\n${output.slice(-4000)}`);
  return JSON.parse(line[1]);
}

let expected;

/** What the same program gives with the repository's own build: no way to install or bundle may change a bit. */
export async function checkResult(output) {
  expected ??= node(["-e", commonJsProgram()], { cwd: root }).then(readResult);
  const [wanted, got] = [await expected, readResult(output)];
  assert(
    wanted.size[0] >= 64 && wanted.refused === "ERR_IPA_INVALID_OPTION true",
    `the repository's own build gives ${JSON.stringify(wanted)}`,
  );
  assert(
    JSON.stringify(got) === JSON.stringify(wanted),
    `expected ${JSON.stringify(wanted)} but the program gives ${JSON.stringify(got)}`,
  );
}
