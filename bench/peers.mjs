// `npm run bench -- --model DIR [--peers VENV] [--adapter FILE] [--rounds N] [--threads N] [--engines a,b] [--whole] [--busy N]
// [--sd-cli PROGRAM --sd-model FILE]`: this engine and its peers on the same model, one after another in every round, each in a process of its own. Prints
// ENGINE TYPE METRIC VALUE lines, then the best of the rounds with ratios. The model is one of full size in the diffusers layout; random weights will do.
// --whole: also a picture of 20 steps, from prompt to pixels. --busy: beside so many processes that keep a core busy each. --sd-cli: stable-diffusion.cpp too,
// on a model file that it reads.
import { execFileSync, spawn } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { systemInfo } from "../dist/index.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const { values: flags } = parseArgs({
  options: {
    model: { type: "string" },
    peers: { type: "string" },
    adapter: { type: "string" },
    rounds: { type: "string", default: "3" },
    threads: { type: "string", default: "2" },
    engines: { type: "string" },
    whole: { type: "boolean" },
    busy: { type: "string", default: "0" },
    "sd-cli": { type: "string" },
    "sd-model": { type: "string" },
  },
});
const sdCli = flags["sd-cli"];
if (flags.model === undefined || (sdCli === undefined) !== (flags["sd-model"] === undefined)) {
  console.error(
    "usage: npm run bench -- --model DIR [--peers VENV] [--adapter FILE] [--rounds N] [--threads N] [--engines a,b] [--whole] [--busy N] [--sd-cli PROGRAM --sd-model FILE]",
  );
  process.exit(2);
}

const python = (script, type) => [
  path.join(flags.peers ?? "", "bin/python"),
  [path.join(here, "peers", script), flags.model, type, flags.threads, ...(flags.whole ? ["whole"] : [])],
];
const own = (type) => [
  process.execPath,
  [
    path.join(here, "peers/ours.mjs"),
    flags.model,
    type,
    flags.threads,
    flags.adapter ?? "",
    flags.whole ? "whole" : "",
  ],
];
const engines = {
  "ours f32": () => own("f32"),
  "ours bf16": () => own("bf16"),
  "ours int16": () => own("int16"),
  "ours int8": () => own("int8"),
  "torch f32": () => python("torch_peer.py", "f32"),
  "torch bf16": () => python("torch_peer.py", "bf16"),
  "openvino f32": () => python("openvino_peer.py", "f32"),
  "openvino bf16": () => python("openvino_peer.py", "bf16"),
  "stable-diffusion.cpp": () => [
    process.execPath,
    [path.join(here, "peers/sd_cli_peer.mjs"), sdCli, flags["sd-model"], flags.threads],
  ],
};
const { features, cpu, isa } = systemInfo();
const hasBf16 = features.some((name) => name.includes("bf16"));
const chosen = (flags.engines?.split(",") ?? Object.keys(engines)).filter((name) => {
  if (!(name in engines)) throw new Error(`--engines: expected some of ${Object.keys(engines).join(", ")}`);
  if (name === "stable-diffusion.cpp") return sdCli !== undefined;
  if (!name.startsWith("ours") && flags.peers === undefined) return false;
  // Without the instructions bf16 is emulated, many times slower: no peer to compare with.
  if (name.endsWith("bf16") && !hasBf16) console.log(`left out: ${name} (this processor has no bf16 instructions)`);
  return hasBf16 || !name.endsWith("bf16");
});

const stderr = process.env.BENCH_STDERR ? "inherit" : "ignore";
const run = (command, args) => execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", stderr] });

/** Our encoders by themselves, with random weights, as a pipeline of this dtype has them. */
function ownEncoders(type) {
  const compute = type === "f32" ? [] : [`--${type}`];
  const seconds = (network) =>
    run(path.join(here, "../build/Release/native_bench"), [
      "--model",
      network,
      "--threads",
      flags.threads,
      "--seconds",
      ...compute,
    ]);
  return `text_encoder_s ${seconds("text")}image_encoder_s ${seconds("vision")}`;
}

if (chosen.some((name) => name.startsWith("ours")))
  execFileSync(process.execPath, [path.join(here, "../tools/build/native.mjs"), "--bench"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
// Whatever ends this process ends them.
const busy = Array.from({ length: Number(flags.busy) }, () =>
  spawn(process.execPath, [path.join(here, "peers/busy.mjs")], { stdio: "ignore" }),
);
process.on("exit", () => busy.forEach((child) => child.kill("SIGKILL")));

console.log(
  `${cpu}, ${isa}, ${flags.threads} threads${busy.length > 0 ? `, beside ${busy.length} busy processes` : ""}, ${new Date().toISOString().slice(0, 10)}`,
);
const best = {};
for (let round = 0; round < Number(flags.rounds); round++) {
  for (const name of chosen) {
    const [command, args] = engines[name]();
    const out = run(command, args) + (name.startsWith("ours ") ? ownEncoders(name.slice("ours ".length)) : "");
    for (const line of out.trim().split("\n")) {
      const [metric, value] = line.split(" ");
      console.log(`${name} ${metric} ${value}`);
      const metrics = (best[metric] ??= {});
      metrics[name] = Math.min(metrics[name] ?? Infinity, Number(value));
    }
  }
}

console.log(`\n| metric, best of ${flags.rounds} | ${chosen.join(" | ")} |\n|---|${chosen.map(() => "---|").join("")}`);
for (const [metric, metrics] of Object.entries(best))
  console.log(`| ${metric} | ${chosen.map((name) => metrics[name] ?? "").join(" | ")} |`);
const peers = chosen.filter((name) => !name.startsWith("ours"));
for (const metric of Object.keys(best))
  for (const name of chosen.filter((n) => n.startsWith("ours")))
    for (const peer of peers)
      if (best[metric][name] && best[metric][peer])
        console.log(`ratio ${metric} ${name} / ${peer} ${(best[metric][name] / best[metric][peer]).toFixed(3)}`);
for (const name of chosen)
  if (best.guided_step_adapter_s?.[name])
    console.log(
      `ratio guided step ${name} with adapter / without ${(best.guided_step_adapter_s[name] / best.guided_step_s[name]).toFixed(3)}`,
    );
// Their handles would keep this process alive.
for (const child of busy) child.kill("SIGKILL");
