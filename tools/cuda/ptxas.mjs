// What each kernel takes of a GPU, as a Markdown table: `node tools/cuda/ptxas.mjs [--arch 75,90] [--jobs N] [FILE.cu ...]`, without files for
// all of native/cuda/kernels. Needs nvcc (tools/build/cuda-toolkit.mjs). Ends with 1 where registers are spilled to memory.
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { codeFlags, kernelFlags, readCudaSources, readTargets } from "../build/cuda-flags.mjs";
import { findToolkit } from "../build/cuda-toolkit.mjs";
import { root } from "../build/paths.mjs";
import { demangle, dynamicKernels, parseReport } from "./ptxas-report.mjs";

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (text += chunk));
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve(text) : reject(new Error(`${args.at(-1)} does not compile:\n${text}`)),
    );
  });
}

/** @returns the kernels of a file for each target, and which of them have shared memory that their launch sizes */
async function measure(nvcc, source, targets) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ptxas-"));
  try {
    const flags = [...kernelFlags(source), ...codeFlags(targets), "-Xptxas=-v", "--keep", "--keep-dir", folder];
    const text = await run(nvcc, [...flags, "-c", "-o", path.join(folder, "kernels.o"), source]);
    const ptx = fs.readdirSync(folder).find((name) => name.endsWith(".ptx"));
    const dynamic = ptx === undefined ? [] : dynamicKernels(fs.readFileSync(path.join(folder, ptx), "utf8"));
    return { kernels: parseReport(text), dynamic };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

async function measureAll(nvcc, sources, targets, jobs) {
  const measured = [];
  const waiting = [...sources];
  const worker = async () => {
    for (let source = waiting.shift(); source !== undefined; source = waiting.shift())
      measured.push({ source, ...(await measure(nvcc, source, targets)) });
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  return measured.sort((a, b) => sources.indexOf(a.source) - sources.indexOf(b.source));
}

const cell = ({ registers, stack, spilled, shared }) =>
  `${registers} / ${spilled > 0 ? `**${spilled}**` : 0} / ${shared}${stack > spilled ? ` (${stack} stack)` : ""}`;

function printTable(measured, targets) {
  console.log("Registers of a thread / bytes that it spills / bytes of static shared memory of a block.");
  console.log("Dynamic: the launch chooses the size of more shared memory, which the compiler does not know.\n");
  console.log(`| kernel | dynamic | ${targets.map((target) => `sm_${target}`).join(" | ")} |`);
  console.log(`|---|---|${targets.map(() => "---:|").join("")}`);
  for (const { source, kernels, dynamic } of measured) {
    const names = [...new Set(kernels.map(({ name }) => name))];
    const shown = demangle(names);
    for (const name of names) {
      const uses = targets.map((target) => kernels.find((kernel) => kernel.name === name && kernel.target === target));
      const label = `${path.basename(source, ".cu")}: \`${shown.get(name)}\``;
      const cells = uses.map((use) => (use ? cell(use) : "-"));
      console.log(`| ${label} | ${dynamic.includes(name) ? "yes" : ""} | ${cells.join(" | ")} |`);
    }
  }
}

const { values, positionals } = parseArgs({
  options: { arch: { type: "string" }, jobs: { type: "string" } },
  allowPositionals: true,
});

try {
  const targets = readTargets(values.arch);
  const sources =
    positionals.length > 0
      ? positionals.map((file) => path.relative(root, path.resolve(file)))
      : readCudaSources().kernels;
  const measured = await measureAll(findToolkit().nvcc, sources, targets, Number(values.jobs ?? 1));
  printTable(measured, targets);
  const spilling = measured.flatMap(({ kernels }) => kernels).filter(({ spilled }) => spilled > 0);
  if (spilling.length > 0) {
    console.error(`\n${spilling.length} times a kernel spills registers`);
    process.exitCode = 1;
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
