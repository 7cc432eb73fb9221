// `npm run bench -- --model DIR [--peers VENV] [--adapter FILE] [--rounds N] [--threads N] [--engines a,b] [--whole]`: this engine and
// its peers on the same model, one after another in every round, each in a process of its own. Prints ENGINE TYPE METRIC VALUE
// lines, then the best of the rounds with ratios. The model is one of full size in the diffusers layout; random weights will do.
import { execFileSync } from "node:child_process";
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
  },
});
if (flags.model === undefined) {
  console.error("usage: npm run bench -- --model DIR [--peers VENV] [--adapter FILE] [--rounds N] [--threads N] [--engines a,b] [--whole]");
  process.exit(2);
}

const python = (script, type) => [path.join(flags.peers ?? "", "bin/python"), [path.join(here, "peers", script), flags.model, type, flags.threads]];
const own = (type) => [process.execPath, [path.join(here, "peers/ours.mjs"), flags.model, type, flags.threads, flags.adapter ?? "", flags.whole ? "whole" : ""]];
const engines = {
  "ours f32": () => own("f32"),
  "ours int16": () => own("int16"),
  "ours int8": () => own("int8"),
  "torch f32": () => python("torch_peer.py", "f32"),
  "torch bf16": () => python("torch_peer.py", "bf16"),
  "openvino f32": () => python("openvino_peer.py", "f32"),
  "openvino bf16": () => python("openvino_peer.py", "bf16"),
};
const { features, cpu, isa } = systemInfo();
const hasBf16 = features.some((name) => name.includes("bf16"));
const chosen = (flags.engines?.split(",") ?? Object.keys(engines)).filter((name) => {
  if (!(name in engines)) throw new Error(`--engines: expected some of ${Object.keys(engines).join(", ")}`);
  if (!name.startsWith("ours") && flags.peers === undefined) return false;
  // Without the instructions bf16 is emulated, many times slower: no peer to compare with.
  if (name.endsWith("bf16") && !hasBf16) console.log(`left out: ${name} (this processor has no bf16 instructions)`);
  return hasBf16 || !name.endsWith("bf16");
});

console.log(`${cpu}, ${isa}, ${flags.threads} threads, ${new Date().toISOString().slice(0, 10)}`);
const best = {};
for (let round = 0; round < Number(flags.rounds); round++) {
  for (const name of chosen) {
    const [command, args] = engines[name]();
    const out = execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", process.env.BENCH_STDERR ? "inherit" : "ignore"] });
    for (const line of out.trim().split("\n")) {
      const [metric, value] = line.split(" ");
      console.log(`${name} ${metric} ${value}`);
      const metrics = (best[metric] ??= {});
      metrics[name] = Math.min(metrics[name] ?? Infinity, Number(value));
    }
  }
}

console.log(`\n| metric, best of ${flags.rounds} | ${chosen.join(" | ")} |\n|---|${chosen.map(() => "---|").join("")}`);
for (const [metric, metrics] of Object.entries(best)) console.log(`| ${metric} | ${chosen.map((name) => metrics[name] ?? "").join(" | ")} |`);
const peers = chosen.filter((name) => !name.startsWith("ours"));
for (const metric of Object.keys(best))
  for (const name of chosen.filter((n) => n.startsWith("ours")))
    for (const peer of peers)
      if (best[metric][name] && best[metric][peer]) console.log(`ratio ${metric} ${name} / ${peer} ${(best[metric][name] / best[metric][peer]).toFixed(3)}`);
for (const name of chosen)
  if (best.guided_step_adapter_s?.[name]) console.log(`ratio guided step ${name} with adapter / without ${(best.guided_step_adapter_s[name] / best.guided_step_s[name]).toFixed(3)}`);
