// The installed package where nothing can be written: not the program's folder, nor the package's, the home or the folder for
// temporary files.
import fs from "node:fs";
import path from "node:path";
import { root } from "../build/paths.mjs";
import { assert, binOf, installedCopy, node, run } from "./harness.mjs";
import { checkResult, commonJsProgram } from "./programs.mjs";

/** Runs a command where nothing below a folder may be written. Root may write what permissions forbid, so it is mounted read-only. */
function runBelow(folder, command, options) {
  const script = 'cd / && mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && cd "$OLDPWD" && exec "$@"';
  const rights = process.getuid() === 0 ? [] : ["--map-root-user"];
  return run(["unshare", "--mount", ...rights, "sh", "-c", script, folder, ...command], options);
}

/** The shipped adapter with 33 MB that nobody reads: the hashes of such files are kept in the user's cache. */
function writeLargeAdapter(file) {
  const bytes = fs.readFileSync(path.join(root, "models/mini/ip-adapter.safetensors"));
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const [header, data] = [JSON.parse(bytes.subarray(8, start)), bytes.subarray(start)];
  const padding = Buffer.alloc(33 * 2 ** 20);
  const end = data.length + padding.length;
  header.padding = { dtype: "U8", shape: [padding.length], data_offsets: [data.length, end] };
  const text = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  fs.writeFileSync(file, Buffer.concat([size, text, data, padding]));
}

const more = `
const refusal = (place) => { try { fs.writeFileSync(path.join(place, "written"), ""); return "written"; } catch (error) { return error.code; } };
const installed = path.dirname(require.resolve("node-ip-adapter/package.json"));
console.log("PLACES " + [process.cwd(), installed, os.homedir(), os.tmpdir()].map(refusal));
Pipeline.load({ adapters: [{ file: "large.safetensors" }] }).then(async (pipeline) => {
  const { images } = await pipeline.generate({ steps: 1 });
  await images[0].toBuffer("png");
  const error = await images[0].toFile("picture.png").catch((error) => error);
  console.log("FILE " + error?.code + " " + error?.message);
});`;

const program = () =>
  `const fs = require("node:fs");\nconst os = require("node:os");\nconst path = require("node:path");\n${commonJsProgram()}${more}`;

async function readOnly(context) {
  const folder = await installedCopy(context, "read-only/project");
  const above = path.dirname(folder);
  const [home, temporary] = ["home", "tmp"].map((name) => path.join(above, name));
  for (const one of [home, temporary]) fs.mkdirSync(one);
  writeLargeAdapter(path.join(folder, "large.safetensors"));
  fs.writeFileSync(path.join(folder, "program.cjs"), program());
  const env = { HOME: home, TMPDIR: temporary, XDG_CACHE_HOME: "" };
  const inside = (command) => runBelow(above, [process.execPath, ...command], { cwd: folder, env });
  const output = await inside(["program.cjs"]);
  await checkResult(output);
  assert(output.includes("PLACES EROFS,EROFS,EROFS,EROFS"), `these places can be written:\n${output.slice(-2000)}`);
  assert(/FILE ERR_IPA_IO .*picture\.png.*read-only/.test(output), `the refusal is unclear:\n${output.slice(-2000)}`);
  const doctor = await inside([binOf(folder, "node-ip-adapter"), "doctor"]);
  assert(!doctor.includes("FAIL"), `doctor says:\n${doctor}`);
  // Where it can, the same program writes what was refused above.
  await node(["program.cjs"], { cwd: folder, env });
  for (const file of [path.join(home, ".cache/node-ip-adapter/hashes.json"), path.join(folder, "picture.png")])
    assert(fs.existsSync(file), `${path.basename(file)} is not written where it can be`);
}

export const cases =
  process.platform === "linux" ? [{ name: "read-only file system", quick: true, run: readOnly }] : [];
