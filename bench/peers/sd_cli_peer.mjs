// usage: SD_CLI MODEL_FILE THREADS. Prints METRIC VALUE lines of stable-diffusion.cpp's command line program; see ../peers.mjs. Of what it prints nothing
// is read: a guided step is half of what three steps take longer than one, and peak memory is the kernel's own mark (Linux).
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const [program, model, threads] = process.argv.slice(2);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "sd-cli-"));
const ROUNDS = 2;

/** Largest resident memory of a process so far, in bytes; undefined where /proc does not say. */
function highWaterMark(pid) {
  try {
    return 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? NaN);
  } catch {
    return NaN;
  }
}

/** Seconds and peak memory of a picture of 512 x 512 in so many guided steps. */
async function paint(steps) {
  const args = [
    "-m",
    model,
    "-p",
    "a photo of a cat",
    "-n",
    "",
    "--cfg-scale",
    "7.5",
    "-W",
    "512",
    "-H",
    "512",
    "-s",
    "1",
    "-t",
    threads,
  ];
  args.push("--sampling-method", "euler_a", "--steps", String(steps), "-o", path.join(folder, "picture.png"));
  const started = performance.now();
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, highWaterMark(child.pid) || 0)), 20);
  const ending = await new Promise((done) => {
    child.on("error", (error) => done(error.message));
    child.on("close", (code, signal) => done(code === 0 ? "" : `it ended with ${signal ?? code}`));
  });
  clearInterval(watch);
  if (ending !== "") throw new Error(`${program}: ${ending}`);
  return { seconds: (performance.now() - started) / 1000, peak };
}

try {
  let [one, three, peak] = [Infinity, Infinity, 0];
  for (let round = 0; round < ROUNDS; round++) {
    const [short, long] = [await paint(1), await paint(3)];
    one = Math.min(one, short.seconds);
    three = Math.min(three, long.seconds);
    peak = Math.max(peak, short.peak, long.peak);
  }
  console.log(`guided_step_s ${((three - one) / 2).toFixed(3)}`);
  console.log(`process_1_step_s ${one.toFixed(3)}`);
  if (peak > 0) console.log(`peak_mb ${(peak / 2 ** 20).toFixed(3)}`);
} finally {
  fs.rmSync(folder, { recursive: true });
}
