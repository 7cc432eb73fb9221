// Finds NVIDIA's compiler and the static runtime that belongs to it.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

/** Major version of the toolkit: a plugin runs on every driver that knows CUDA of this version. */
const MAJOR = 13;

const HELP = [
  "nvcc of CUDA 13 was not found. Any of these brings it:",
  "  NVIDIA's packages (cuda-toolkit-13-0), found in PATH, in /usr/local/cuda or where CUDA_HOME says",
  "  pip, in a virtual environment that IPA_CUDA_VENV names:",
  '    python3 -m venv build/cuda-venv && build/cuda-venv/bin/pip install "cuda-toolkit[nvcc,crt,nvvm,cudart,cccl]==13.0.*"',
  "    IPA_CUDA_VENV=build/cuda-venv npm run build:cuda",
  "Only the plugin for NVIDIA GPUs needs it; npm run build:all does not.",
].join("\n");

/** Where pip puts the toolkit in a virtual environment. */
function rootsInVenv(venv) {
  const lib = path.join(venv, "lib");
  const pythons = fs.existsSync(lib) ? fs.readdirSync(lib).filter((name) => name.startsWith("python3")) : [];
  return pythons.map((name) => path.join(lib, name, "site-packages/nvidia/cu13"));
}

/** What to call nvcc by, most explicit first. */
function candidates({ CUDA_HOME, IPA_CUDA_VENV }) {
  const roots = [...(CUDA_HOME ? [CUDA_HOME] : []), ...(IPA_CUDA_VENV ? rootsInVenv(path.resolve(IPA_CUDA_VENV)) : [])];
  return [...roots.map((root) => path.join(root, "bin/nvcc")), "nvcc", "/usr/local/cuda/bin/nvcc"];
}

/** The toolkit's folder, by nvcc's own account: the command may be a link or a script. */
function rootOf(nvcc) {
  const { stderr = "", stdout = "" } = spawnSync(nvcc, ["--dryrun", "-c", "-o", "none.o", "none.cu"], {
    encoding: "utf8",
  });
  const top = /^#\$ TOP=(.*)$/m.exec(stderr + stdout);
  return top ? path.resolve(top[1]) : undefined;
}

/**
 * @returns {{ nvcc: string, version: string, include: string, staticRuntime: string }}
 * @throws Error saying how to get one
 */
export function findToolkit(env = process.env) {
  const refused = [];
  for (const nvcc of candidates(env)) {
    const { status, stdout } = spawnSync(nvcc, ["--version"], { encoding: "utf8" });
    const version = status === 0 ? /release (\d+)\.\d+, V([\d.]+)/.exec(stdout) : null;
    const root = version ? rootOf(nvcc) : undefined;
    if (!version || root === undefined) continue;
    const library = ["lib64", "lib", "targets/x86_64-linux/lib"]
      .map((folder) => path.join(root, folder, "libcudart_static.a"))
      .find((file) => fs.existsSync(file));
    const include = path.join(root, "include");
    if (Number(version[1]) !== MAJOR) refused.push(`${nvcc} is of CUDA ${version[1]}, not ${MAJOR}`);
    else if (library === undefined) refused.push(`${nvcc}: there is no libcudart_static.a in ${root}`);
    else if (!fs.existsSync(path.join(include, "cuda_runtime_api.h")))
      refused.push(`${nvcc}: no headers in ${include}`);
    else return { nvcc, version: version[2], include, staticRuntime: library };
  }
  throw new Error([...refused, HELP].join("\n"));
}
