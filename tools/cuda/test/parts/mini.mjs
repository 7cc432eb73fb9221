// The shipped model on an emulated GPU, through the package's own door, against diffusers in f32 (test/golden/mini.json).
import { execFile } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { emulatedPluginFile, root } from "../../../build/paths.mjs";
import { error, table } from "../../../report/markdown.mjs";

const MOST = { f32: 1e-4, f16: 1e-2 };

/** In a process of its own: a plugin that is open stays so. */
async function paint(dtype, cache) {
  const env = { ...process.env, NODE_IP_ADAPTER_CUDA: emulatedPluginFile, XDG_CACHE_HOME: cache };
  const program = path.join(root, "tools/cuda/test/paint-mini.mjs");
  const { stdout } = await promisify(execFile)(process.execPath, [program, dtype], { env, cwd: root });
  return JSON.parse(stdout);
}

export async function mini({ quick }) {
  const cache = fs.mkdtempSync(path.join(os.tmpdir(), "cuda-mini-"));
  try {
    const types = quick ? ["f16"] : ["f16", "f32"];
    const rows = [];
    const failures = [];
    for (const dtype of types)
      for (const { name, device, latents, psnr } of await paint(dtype, cache)) {
        rows.push([name, dtype, error(latents), `${psnr.toFixed(1)} dB`]);
        if (device !== "cuda:0" || !(latents <= MOST[dtype]))
          failures.push(`mini, ${name}, ${dtype} on ${device}: latents are off by ${error(latents)}`);
      }
    return { text: table(["call", "dtype", "latents are off by", "picture"], rows), failures };
  } finally {
    fs.rmSync(cache, { recursive: true });
  }
}
