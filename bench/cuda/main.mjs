// `npm run bench -- --device cuda[:N] [--models sd15,sdxl] [--peers VENV] [--compile MODE] [--batches 1,2,4,8] [--rounds N] [--folder DIR]
// [--minutes N] [--json FILE]`: this engine on an NVIDIA GPU and, where VENV has a torch that knows CUDA, diffusers as it is and compiled,
// one after another on the same card, each in a process of its own. Models are of true shape with random weights in f16, written once into
// DIR (2 and 7 GB). Prints ENGINE MODEL METRIC VALUE lines, then a table of the best. `mini` as a model is the shipped one at 64 pixels.
// Where no GPU can be used it says why and ends well. After N minutes nothing new is begun.
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { MODELS } from "./shapes.mjs";
import { writeRandomModel } from "./random-model.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, "../..");
const { values: flags } = parseArgs({
  options: {
    device: { type: "string", default: "cuda:0" },
    models: { type: "string", default: "sd15,sdxl" },
    peers: { type: "string" },
    compile: { type: "string", default: "max-autotune" },
    batches: { type: "string", default: "1,2,4,8" },
    rounds: { type: "string", default: "2" },
    folder: { type: "string", default: path.join(root, "build/bench-models") },
    minutes: { type: "string" },
    json: { type: "string" },
  },
});
const device = flags.device === "cuda" ? "cuda:0" : flags.device;
const until = flags.minutes === undefined ? Infinity : performance.now() + 60e3 * Number(flags.minutes);
const wanted = flags.models.split(",");
const unknown = wanted.find((name) => name !== "mini" && !(name in MODELS));
if (unknown !== undefined || !/^cuda:\d+$/.test(device)) {
  console.error(
    `--models: expected some of ${Object.keys(MODELS).join(", ")}, mini; --device: expected cuda or cuda:N`,
  );
  process.exit(2);
}

/** The GPU as doctor tells of it, or why there is none. */
function findGpu() {
  const doctor = [path.join(root, "dist/cli/main.js"), "doctor", "--json"];
  let said;
  try {
    said = execFileSync(process.execPath, doctor, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch (error) {
    said = error.stdout ?? "";
  }
  const cuda = JSON.parse(said || '{"checks":[]}').checks.find(({ name }) => name === "cuda");
  const found = cuda?.ok === true && cuda.value.includes(`${device} `);
  return found ? { gpu: cuda.value } : { missing: cuda?.value ?? "doctor does not run" };
}

/** Megabytes in use on the card, or undefined without nvidia-smi. */
function usedMemory() {
  const args = ["-i", device.slice("cuda:".length), "--query-gpu=memory.used", "--format=csv,noheader,nounits"];
  try {
    return Number(execFileSync("nvidia-smi", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
  } catch {
    return undefined;
  }
}

/** What a process prints, and how much more of the card was in use at most while it ran. */
async function run([command, args]) {
  const before = usedMemory();
  let most = before ?? 0;
  const child = spawn(command, args, { stdio: ["ignore", "pipe", process.env.BENCH_STDERR ? "inherit" : "pipe"] });
  const watch = before === undefined ? undefined : setInterval(() => (most = Math.max(most, usedMemory() ?? 0)), 200);
  const limit = Number.isFinite(until) ? setTimeout(() => child.kill("SIGKILL"), until - performance.now()) : undefined;
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => (out += chunk));
  child.stderr?.on("data", (chunk) => (err = (err + chunk).slice(-4000)));
  const code = await new Promise((done) => child.on("close", done).on("error", done));
  clearInterval(watch);
  clearTimeout(limit);
  if (before !== undefined && most > before) out += `\npeak_gpu_mb ${most - before}`;
  return { out, problem: code === 0 ? undefined : (err.trim().split("\n").at(-1) ?? `ended with ${code}`) };
}

const settings = (name) =>
  name === "mini" ? { side: 64, embed: undefined, steps: 3, folder: path.join(root, "models/mini") } : MODELS[name];

function engines(name, folder) {
  const { side, embed, steps } = settings(name);
  const size = embed ?? JSON.parse(fs.readFileSync(path.join(folder, "image_encoder/config.json"))).projection_dim;
  const ours = [path.join(here, "../peers/ours_cuda.mjs"), folder, device, side, flags.batches, size, steps].map(
    String,
  );
  const python = path.join(flags.peers ?? "", "bin/python");
  const peer = path.join(here, "../peers/torch_cuda_peer.py");
  const torch = (mode) => [python, [peer, folder, mode, device, String(side), flags.batches]];
  return {
    "this engine": [process.execPath, ours],
    ...(flags.peers !== undefined && { "diffusers eager": torch("eager"), "diffusers compiled": torch(flags.compile) }),
  };
}

const results = {};
async function measure(name) {
  const folder = name === "mini" ? settings(name).folder : writeRandomModel(name, path.join(flags.folder, name));
  for (let round = 0; round < Number(flags.rounds); round++)
    for (const [engine, command] of Object.entries(engines(name, folder))) {
      if (performance.now() > until) return console.log(`left out: ${engine} ${name}, there is no time left`);
      const { out, problem } = await run(command);
      for (const line of out.split("\n").filter((text) => text !== "")) {
        const [metric, value] = line.split(" ");
        if (metric === "skipped") {
          console.log(`left out: ${engine}: ${line.slice("skipped ".length)}`);
          continue;
        }
        if (!/^\w+ [\d.]+$/.test(line)) continue;
        console.log(`${engine} ${name} ${metric} ${value}`);
        const of = ((results[name] ??= {})[metric] ??= {});
        of[engine] = Math.min(of[engine] ?? Infinity, Number(value));
      }
      if (problem !== undefined) console.log(`${engine} ${name} failed: ${problem}`);
      if (problem !== undefined && engine === "this engine") process.exitCode = 1;
    }
}

function printTables(gpu) {
  for (const [name, metrics] of Object.entries(results)) {
    const names = [...new Set(Object.values(metrics).flatMap(Object.keys))];
    console.log(`\n| ${name} on ${gpu}, best | ${names.join(" | ")} |\n|---|${names.map(() => "---|").join("")}`);
    for (const [metric, of] of Object.entries(metrics))
      console.log(`| ${metric} | ${names.map((engine) => of[engine] ?? "").join(" | ")} |`);
    for (const peer of names.slice(1))
      if (metrics.guided_step_s?.[peer])
        console.log(
          `ratio guided_step_s ${name}: ${(metrics.guided_step_s["this engine"] / metrics.guided_step_s[peer]).toFixed(3)} of ${peer}`,
        );
  }
}

const { gpu, missing } = findGpu();
if (missing !== undefined) console.log(`no figures: no NVIDIA GPU can be used here: ${missing}`);
else {
  if (flags.peers === undefined) console.log("left out: diffusers (--peers names a virtual environment with torch)");
  if (wanted.some((name) => name !== "mini"))
    execFileSync(process.execPath, [path.join(root, "tools/build/native.mjs"), "--bench"], {
      stdio: ["ignore", "ignore", "inherit"],
    });
  console.log(`${gpu}, ${new Date().toISOString().slice(0, 10)}`);
  for (const name of wanted) await measure(name);
  printTables(gpu.split(" (")[0]);
  if (flags.json !== undefined) fs.writeFileSync(flags.json, `${JSON.stringify({ gpu, results }, null, 2)}\n`);
}
