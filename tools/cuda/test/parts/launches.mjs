// A guided step as the backend would launch it: how many launches, of what, and the least time that they could take on some GPUs
// (a roofline on paper: no launch is faster than its arithmetic or its memory traffic, and nothing overlaps).
import { execFileSync } from "node:child_process";
import { launchesFile } from "../../../build/paths.mjs";
import { table } from "../../../report/markdown.mjs";

/** Of a GPU's data sheet: 16-bit products with sums in f32 (dense), products in f32, and memory. */
const GPUS = [
  { name: "H100", halves: 989e12, floats: 67e12, memory: 3.35e12 },
  { name: "4090", halves: 165e12, floats: 82e12, memory: 1.008e12 },
  { name: "T4", halves: 65e12, floats: 8e12, memory: 0.32e12 },
];

const NETWORKS = [
  { name: "SD1.5 512 x 512, guided step", args: ["--model", "sd15"] },
  { name: "the same with an image prompt", args: ["--model", "sd15", "--adapter"] },
  { name: "the same with weights of 8 bits", args: ["--model", "sd15", "--bytes"] },
  { name: "SDXL 1024 x 1024, guided step", args: ["--model", "sdxl"] },
  { name: "the same with an image prompt", args: ["--model", "sdxl", "--adapter"] },
  { name: "the same with weights of 8 bits", args: ["--model", "sdxl", "--bytes"] },
  { name: "VAE decoder, 512 x 512", args: ["--model", "vae"] },
  { name: "text encoder, two prompts", args: ["--model", "text"] },
  { name: "ViT-H, one picture", args: ["--model", "vision"] },
];

function launchesOf(args) {
  const text = execFileSync(launchesFile, args, { encoding: "utf8", maxBuffer: 1 << 26 });
  return text
    .trim()
    .split("\n")
    .map((line) => {
      const [kernel, flop, bytes, numbers] = line.split(" ");
      return { kernel, flop: Number(flop), bytes: Number(bytes), numbers };
    });
}

const sum = (launches, of) => launches.reduce((total, launch) => total + of(launch), 0);

const leastTime = (gpu) => (launch) => Math.max(launch.flop / gpu[launch.numbers], launch.bytes / gpu.memory);

export function launches() {
  const failures = [];
  const networks = NETWORKS.map((network) => ({ ...network, all: launchesOf(network.args) }));
  const rows = networks.map(({ name, all }) => {
    if (all.length === 0) failures.push(`launches: none of ${name}`);
    const times = GPUS.map((gpu) => `${(1e3 * sum(all, leastTime(gpu))).toFixed(2)} ms`);
    const work = [(sum(all, ({ flop }) => flop) / 1e12).toFixed(3), (sum(all, ({ bytes }) => bytes) / 1e9).toFixed(2)];
    return [name, all.length, ...work, ...times];
  });
  const kinds = networks
    .filter(({ args }) => args.length === 2)
    .map(({ name, all }) => {
      const counts = new Map();
      for (const { kernel } of all) counts.set(kernel, (counts.get(kernel) ?? 0) + 1);
      return `- ${name}: ${[...counts].map(([kernel, count]) => `${kernel} ${count}`).join(", ")}`;
    });
  const head = ["network", "launches", "TFLOP", "GB", ...GPUS.map(({ name }) => `least, ${name}`)];
  return { text: `${table(head, rows)}\n\n${kinds.join("\n")}`, failures };
}
