// What npm would send: of the package, and of the one for NVIDIA GPUs.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { root } from "../build/paths.mjs";
import { readPacked } from "../check-install/tarball.mjs";

/** Most bytes that the tarball of the package may have, and that of the CUDA package. */
const MOST = { "node-ip-adapter": 45e6, "node-ip-adapter-cuda-linux-x64": 30e6 };

/** @returns {{ name: string, packed: number, unpacked: number, files: number, failures: string[] }} */
function sizeOf(folder) {
  const args = ["pack", "--dry-run", "--ignore-scripts", "--json"];
  const { status, stdout, stderr } = spawnSync("npm", args, { cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new Error(`npm pack: ${stderr}`);
  const packed = readPacked(stdout);
  const most = MOST[packed.name];
  const failures = packed.size > most ? [`${packed.name}: ${packed.size} bytes packed, of at most ${most}`] : [];
  return { name: packed.name, packed: packed.size, unpacked: packed.unpackedSize, files: packed.entryCount, failures };
}

/** Of the CUDA package only where its library is built. */
export function packedSizes() {
  const cuda = path.join(root, "packages/cuda-linux-x64");
  const built = fs.existsSync(path.join(cuda, "libnode_ip_adapter_cuda.so"));
  return built ? [sizeOf(root), sizeOf(cuda)] : [sizeOf(root)];
}
