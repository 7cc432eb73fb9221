// `npm run bench:kernels -- [--model sd15|sdxl|vae|text|vision] [--adapter] [--side N] [--threads N] [--rounds N]`: GFLOP/s of every op at
// every shape of the full-size networks, with random weights, and its share of the machine's measured peak.
// `-- --estimate [--threads N]` prints what `doctor` estimates of pictures in place of them.
// `npm run profile -- …` takes the same flags and prints the time of every layer of one run instead.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const run = (command, args) => {
  const { status } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
};

const flags = process.argv.slice(2);
const models =
  flags.includes("--model") || flags.includes("--estimate")
    ? [[]]
    : ["sd15", "vae", "sdxl", "text", "vision"].map((model) => ["--model", model]);
run(process.execPath, ["tools/build/native.mjs", "--bench"]);
for (const model of models) run(path.join(root, "build/Release/native_bench"), [...model, ...flags]);
