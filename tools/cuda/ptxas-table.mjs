// What each kernel takes of a GPU, from what ptxas says while the plugin is compiled.
import fs from "node:fs";
import path from "node:path";
import { keptOf, kernelSteps, pluginFolder, reportOf } from "../build/cuda-steps.mjs";
import { findToolkit } from "../build/cuda-toolkit.mjs";
import { update } from "../build/incremental.mjs";
import { demangle, dynamicKernels, parseReport } from "./ptxas-report.mjs";

/** @returns the kernels of a file for each target, and which of them have shared memory that their launch sizes */
function read(folder, source) {
  const kept = keptOf(folder, source);
  const dynamic = fs
    .readdirSync(kept)
    .filter((name) => name.endsWith(".ptx"))
    .flatMap((name) => dynamicKernels(fs.readFileSync(path.join(kept, name), "utf8")));
  return { source, kernels: parseReport(fs.readFileSync(reportOf(folder, source), "utf8")), dynamic };
}

const cell = ({ registers, stack, spilled, shared }) =>
  `${registers} / ${spilled > 0 ? `**${spilled}**` : 0} / ${shared}${stack > spilled ? ` (${stack} stack)` : ""}`;

function tableOf(measured, targets) {
  const lines = [
    "Registers of a thread / bytes that it spills / bytes of static shared memory of a block.",
    "Dynamic: the launch chooses the size of more shared memory, which the compiler does not know.\n",
    `| kernel | dynamic | ${targets.map((target) => `sm_${target}`).join(" | ")} |`,
    `|---|---|${targets.map(() => "---:|").join("")}`,
  ];
  for (const { source, kernels, dynamic } of measured) {
    const names = [...new Set(kernels.map(({ name }) => name))];
    const shown = demangle(names);
    for (const name of names) {
      const uses = targets.map((target) => kernels.find((kernel) => kernel.name === name && kernel.target === target));
      const label = `${path.basename(source, ".cu")}: \`${shown.get(name)}\``;
      const cells = uses.map((use) => (use ? cell(use) : "-"));
      lines.push(`| ${label} | ${dynamic.includes(name) ? "yes" : ""} | ${cells.join(" | ")} |`);
    }
  }
  return lines.join("\n");
}

/**
 * Compiles what is out of date.
 * @returns {Promise<{ text: string, kernels: number, spilling: number }>} `spilling`: of kernels, for one GPU each
 */
export async function measureKernels(targets, sources, jobs) {
  await update(kernelSteps(findToolkit(), targets, sources), jobs);
  const measured = sources.map((source) => read(pluginFolder(targets), source));
  const all = measured.flatMap(({ kernels }) => kernels);
  return {
    text: tableOf(measured, targets),
    kernels: new Set(all.map(({ name }) => name)).size,
    spilling: all.filter(({ spilled }) => spilled > 0).length,
  };
}
