// OpenAI's clients against the installed package's server: pictures from words, edits with several pictures and with a mask,
// variations, streams. openai@7 needs Node 22, which is fetched where this is an older one.
import fs from "node:fs";
import path from "node:path";
import { root } from "../build/paths.mjs";
import { assert, binOf, makeProject, node, nodeOf, npmInstall, run } from "./harness.mjs";
import { readResult } from "./programs.mjs";
import { withServer } from "./serving.mjs";

const NODE_OF_7 = 22;

const isAtLeast = (version) => Number(process.versions.node.split(".")[0]) >= version;

/** Transparent on the right half, where the picture is repainted. */
const MASK = `require("sharp")({ create: { width: 128, height: 128, channels: 4, background: "#0000" } })
  .composite([{ input: { create: { width: 64, height: 128, channels: 4, background: "#000" } }, left: 0, top: 0 }])
  .png().toFile("mask.png").then(() => {});`;

const EXPECTED = {
  models: ["mini"],
  generate: ["64x64", [7, 8]],
  edit: ["128x128", [7]],
  mask: ["128x128", [7]],
  variation: ["128x128", [7]],
  generateStream: ["image_generation.partial_image", "image_generation.partial_image", "image_generation.completed"],
  editStream: ["image_edit.partial_image", "image_edit.completed"],
  refused: [true, "size", "ERR_IPA_INVALID_OPTION"],
};

const withClient = (version) => async (context) => {
  const folder = makeProject(context.temporary, `openai-${version}`);
  // With this Node alone npm says that openai@7 needs another.
  await npmInstall(folder, [context.tarball, "fastify@5", `openai@${version}`]);
  fs.copyFileSync(path.join(root, "tools/check-install/openai-client.mjs"), path.join(folder, "client.mjs"));
  fs.copyFileSync(path.join(root, "examples/images/red-apple.png"), path.join(folder, "apple.png"));
  await node(
    ["-e", `require("sharp")("apple.png").resize(128, 128).png().toFile("picture.png").then(() => {});${MASK}`],
    { cwd: folder },
  );
  const runtime = version >= 7 && !isAtLeast(NODE_OF_7) ? await nodeOf(NODE_OF_7, context) : process.execPath;
  const command = [process.execPath, binOf(folder, "node-ip-adapter"), "serve", "--port", "0", "--quiet"];
  await withServer(command, { cwd: folder }, async (url) => {
    const output = await run([runtime, "client.mjs", `${url}/v1`, "picture.png", "mask.png"], { cwd: folder });
    const seen = readResult(output);
    for (const [name, wanted] of Object.entries(EXPECTED))
      assert(
        JSON.stringify(seen[name]) === JSON.stringify(wanted),
        `${name}: expected ${JSON.stringify(wanted)} but the client got ${JSON.stringify(seen[name])}`,
      );
  });
};

export const cases = [6, 7].map((version) => ({
  name: `openai@${version}`,
  run: withClient(version),
  quick: version === 7,
}));
