// Runs exercise.cjs in a Node, and compares what it painted with what the addon made here paints in this Node.
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import sharp from "sharp";
import { addonFile, root } from "../build/paths.mjs";
import { folder } from "./programs.mjs";

const SCRIPT = path.join(root, "tools/platforms/exercise.cjs");
const LIMIT_MS = 30 * 60_000;
/** Latents are numbers about 1; other orders of sums differ by some millionths. */
const LATENTS_WITHIN = 1e-4;
const PIXELS_WITHIN = 1;

async function writePicture() {
  const file = path.join(folder, "picture.rgb");
  const source = sharp(path.join(root, "examples/images/red-apple.png")).removeAlpha().raw();
  const { data, info } = await source.toBuffer({ resolveWithObject: true });
  fs.writeFileSync(file, data);
  return { data: file, width: info.width, height: info.height };
}

/** What it prints goes to a file: wine gives Node no pipes that it knows. */
function run([command, ...args], env, log) {
  const opened = fs.openSync(log, "w");
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ["ignore", opened, opened],
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      fs.closeSync(opened);
      const said = fs.readFileSync(log, "utf8").slice(-2000);
      resolve({ ending: code === 0 ? "" : `ended with ${signal ?? `exit code ${code}`}: ${said}` });
    });
  });
}

/**
 * @param {{ name: string, command: string[], env?: NodeJS.ProcessEnv, addon: string, startsItself?: boolean }} host `command` starts its Node;
 *   `startsItself`: so can that Node
 * @returns {Promise<{ results: Record<string, { ok: boolean, value?: unknown, error?: string, seconds: number }>, failures: string[] }>}
 */
export async function exercise({ name, command, env = {}, addon, startsItself = true }) {
  const place = path.join(folder, "runs", name);
  fs.rmSync(place, { recursive: true, force: true });
  fs.mkdirSync(path.join(place, "work"), { recursive: true });
  const [input, output] = [path.join(place, "input.json"), path.join(place, "output.json")];
  const told = { root, work: path.join(place, "work"), picture: await writePicture(), startsItself };
  fs.writeFileSync(input, JSON.stringify(told));
  const variables = { ...env, NODE_IP_ADAPTER_ADDON: addon };
  const { ending } = await run([...command, SCRIPT, input, output], variables, path.join(place, "said.log"));
  const results = fs.existsSync(output) ? JSON.parse(fs.readFileSync(output, "utf8")) : {};
  const failures = Object.entries(results).filter(([, { ok }]) => !ok);
  return {
    results,
    failures: [
      ...failures.map(([part, { error }]) => `${name}: ${part}: ${error}`),
      ...(ending === "" ? [] : [`${name}: ${ending}`]),
      ...(Object.keys(results).length === 0 ? [`${name}: no answers`] : []),
    ],
  };
}

let reference;

/** What this machine's own addon paints. */
export async function paintedHere() {
  reference ??= exercise({ name: "here", command: [process.execPath], addon: addonFile }).then(
    ({ results, failures }) => {
      if (failures.length > 0) throw new Error(failures.join("\n"));
      return results.picture.value;
    },
  );
  return reference;
}

const floats = (text) => new Float32Array(Uint8Array.from(Buffer.from(text, "base64")).buffer);
const largest = (mine, theirs) => mine.reduce((most, value, i) => Math.max(most, Math.abs(value - theirs[i])), 0);

/** @returns {Promise<{ latents: number, pixels: number, failures: string[] }>} largest differences from the picture painted here */
export async function compare(name, { latents, pixels }) {
  const here = await paintedHere();
  const off = largest(floats(latents), floats(here.latents));
  const offPixels = largest(Buffer.from(pixels, "base64"), Buffer.from(here.pixels, "base64"));
  const failures = [];
  if (!(off <= LATENTS_WITHIN)) failures.push(`${name}: latents are ${off} away from those made here`);
  if (!(offPixels <= PIXELS_WITHIN)) failures.push(`${name}: pixels are ${offPixels} away from those made here`);
  return { latents: off, pixels: offPixels, failures };
}
