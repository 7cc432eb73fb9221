// Parts of test:cuda that need nvcc: registers, the plugin, and what it says where there is no driver.
import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { readCudaSources, readTargets } from "../../../build/cuda-flags.mjs";
import { exportsOf, librariesOf, newestGlibc } from "../../../build/elf.mjs";
import { addonFile, root } from "../../../build/paths.mjs";
import { measureKernels } from "../../ptxas-table.mjs";
import { table } from "../../../report/markdown.mjs";

const FILE = path.join(root, "packages/cuda-linux-x64/libnode_ip_adapter_cuda.so");

export async function registers({ arch, jobs }) {
  const { text, kernels, spilling } = await measureKernels(readTargets(arch), readCudaSources().kernels, jobs);
  const failures = spilling > 0 ? [`registers: ${spilling} times a kernel spills`] : [];
  return { text: `${kernels} kernels, ${spilling} spilling.\n\n${text}`, failures };
}

const node = (args) => spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });

/** The answer of the addon, in a process of its own, where a GPU and its driver may be or not. */
function probe() {
  const code = `require(${JSON.stringify(addonFile)}).probeCuda(${JSON.stringify(FILE)},
    (error, value) => console.log(JSON.stringify(error ?? value)))`;
  return JSON.parse(execFileSync(process.execPath, ["-e", code], { encoding: "utf8" }));
}

export function library({ jobs }) {
  const failures = [];
  const built = node(["tools/build/cuda.mjs", "--jobs", String(jobs)]);
  if (built.status !== 0) failures.push(`library: ${built.stderr.trim()}`);
  const tests = node(["tools/cuda/test-plugin.mjs"]);
  if (tests.status !== 0) failures.push(`the plugin's calls of NVIDIA's runtime:\n${tests.stdout}${tests.stderr}`);
  if (!fs.existsSync(FILE)) return { text: "it was not built", failures };
  const said = probe();
  // Without a GPU the only right answer is an error that says what to install.
  if (!said.ok && said.code !== "ERR_IPA_DEVICE") failures.push(`library: probeCuda says ${JSON.stringify(said)}`);
  const rows = [
    ["bytes", `${(fs.statSync(FILE).size / 1e6).toFixed(2)} MB`],
    ["exports", exportsOf(FILE).join(", ")],
    ["newest glibc symbol", newestGlibc(FILE)],
    [
      "needs",
      librariesOf(FILE)
        .map((line) => line.split(/ => | \(/)[0])
        .join(", "),
    ],
    ["calls of NVIDIA's runtime", tests.stdout.trim().split("\n").at(-1)],
    [
      "asked for its GPUs here",
      said.ok ? said.devices.map(({ name }) => name).join(", ") : `${said.code}: ${said.message}`,
    ],
  ];
  return { text: table(["the plugin", ""], rows), failures };
}
