// Electron without its program, which is not in the registry: the archive is made as docs/bundlers.md says, and a folder stands for it.
// There the files that Electron alone can read, and the engine cannot, have no bytes.
import fs from "node:fs";
import path from "node:path";
import { root } from "../build/paths.mjs";
import { assert, binOf, installedCopy, makeProject, node, npmInstall } from "./harness.mjs";
import { checkResult, commonJs } from "./programs.mjs";

/** The pattern of the page: it goes to @electron/asar as it stands. */
function unpackedFolders() {
  const page = fs.readFileSync(path.join(root, "docs/bundlers.md"), "utf8");
  const [, pattern] = /asar: \{ unpackDir: "([^"]+)" \}/.exec(page) ?? [];
  assert(pattern !== undefined, "docs/bundlers.md names no unpackDir");
  return pattern;
}

const program = () => `${commonJs()}
const { EnginePool } = require("node-ip-adapter");
const print = (result) => console.log("RESULT " + JSON.stringify(result));
(async () => {
  print(await main());
  print(await main(() => EnginePool.create({ children: 1 })));
})().catch((error) => { console.error(error); process.exitCode = 1; });
`;

/** What the engine opens by path. */
const OPENED = /(?:\.safetensors|\.gz|node-ip-adapter[^/]*\.node)$/;

async function archive(context) {
  const folder = await installedCopy(context, "electron");
  fs.writeFileSync(path.join(folder, "main.cjs"), program());
  const tool = makeProject(context.temporary, "tool-asar");
  await npmInstall(tool, ["@electron/asar@3"]);
  const resources = path.join(context.temporary, "electron-resources");
  fs.mkdirSync(resources);
  const [packed, stand] = ["packed.asar", "app.asar"].map((name) => path.join(resources, name));
  const asar = binOf(tool, "@electron/asar", "asar");
  await node([asar, "pack", folder, packed, "--unpack-dir", unpackedFolders()], { cwd: tool });
  await node([asar, "extract", packed, stand], { cwd: tool });
  fs.renameSync(`${packed}.unpacked`, `${stand}.unpacked`);
  const opened = fs
    .readdirSync(stand, { recursive: true, encoding: "utf8" })
    .filter((file) => OPENED.test(file.replaceAll("\\", "/")));
  assert(opened.length > 5, `only these files are opened by the engine: ${opened.join(", ")}`);
  for (const file of opened) fs.truncateSync(path.join(stand, file));
  await checkResult(await node([path.join(stand, "main.cjs")], { cwd: context.temporary }), 2);
}

export const cases = [{ name: "Electron, its archive alone", run: archive }];
