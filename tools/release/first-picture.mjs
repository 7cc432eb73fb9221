// How long a new user waits for a picture, where there is no compiler: from a fresh clone, and with the packed package in an empty folder.
import fs from "node:fs";
import path from "node:path";
import sharp from "sharp";
import { run } from "../check-install/harness.mjs";
import { commonJsProgram } from "../check-install/programs.mjs";
import { makeTarball } from "../check-install/tarball.mjs";
import { cloneInto } from "./rebuild.mjs";

/** Whatever compiles, or calls what does. */
const COMPILERS = /^(c\+\+|g\+\+|gcc|cc|clang(\+\+)?|cmake|make|ninja|python3?|nvcc|zig)(-[\d.]+)?$/;

/** Links to all programs of the PATH but compilers. */
function withoutCompilers(temporary) {
  const bin = path.join(temporary, "programs");
  fs.mkdirSync(bin);
  for (const folder of (process.env.PATH ?? "").split(path.delimiter)) {
    if (!fs.existsSync(folder)) continue;
    for (const name of fs.readdirSync(folder))
      if (!COMPILERS.test(name) && !fs.existsSync(path.join(bin, name)))
        fs.symlinkSync(path.join(folder, name), path.join(bin, name));
  }
  return bin;
}

async function timed(command, cwd, env) {
  const start = performance.now();
  await run(command, { cwd, env });
  return (performance.now() - start) / 1000;
}

async function checkPicture(file) {
  const { channels } = await sharp(file).stats();
  if (!channels.some(({ stdev }) => stdev > 5)) throw new Error(`${file} is no picture`);
}

/** @returns {Promise<{ what: string, seconds: number }[]>} */
export async function firstPictures(temporary) {
  const env = { PATH: withoutCompilers(temporary) };
  const npm = ["npm", "--no-update-notifier"];

  const clone = cloneInto(path.join(temporary, "clone"));
  const cloned = (await timed([...npm, "ci"], clone, env)) + (await timed([...npm, "run", "demo"], clone, env));
  await checkPicture(path.join(clone, "demo.png"));

  const tarball = await makeTarball(temporary, true);
  const project = path.join(temporary, "empty folder");
  fs.mkdirSync(project);
  fs.writeFileSync(path.join(project, "program.cjs"), commonJsProgram());
  const installed =
    (await timed([...npm, "install", "--no-audit", "--no-fund", tarball], project, env)) +
    (await timed([process.execPath, "program.cjs"], project, env));
  return [
    { what: "npm ci && npm run demo in a fresh clone", seconds: cloned },
    { what: "npm install of the tarball, and a program that paints", seconds: installed },
  ];
}
