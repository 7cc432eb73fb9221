// Reference results by diffusers, kept in a cache folder because one takes minutes at full size.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, stat } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { readTensors } from "./safetensors.mjs";

const folder = path.dirname(fileURLToPath(import.meta.url));
const script = path.join(folder, "reference.py");

/** Names and sizes of all files of the model, and its small files whole: enough to notice another model. */
async function fingerprint(model) {
  const hash = createHash("sha256");
  for (const name of (await readdir(model, { recursive: true })).sort()) {
    const info = await stat(path.join(model, name));
    if (!info.isFile()) continue;
    hash.update(`${name.split(path.sep).join("/")} ${info.size}\n`);
    if (info.size < 1e4) hash.update(await readFile(path.join(model, name)));
  }
  return hash.digest("hex");
}

function runPython(python, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(python, args, { stdio: ["ignore", "ignore", "pipe"] });
    let log = "";
    child.stderr.on("data", (data) => (log = (log + data).slice(-4000)));
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`reference.py ended with ${code}:\n${log}`)),
    );
  });
}

export class References {
  #python;
  #model;
  #cache;
  #print;

  /** @param peers a Python environment with torch, diffusers and transformers */
  constructor({ peers, model, cache }) {
    const windows = path.join(peers, "Scripts", "python.exe");
    this.#python = existsSync(windows) ? windows : path.join(peers, "bin", "python");
    this.#model = model;
    this.#cache = cache;
  }

  /** @returns the tensors of the reference, and `picture` and `control`, the paths of the pictures it was given (when the case has them) */
  async get(options) {
    this.#print ??= await fingerprint(this.#model);
    const key = createHash("sha256")
      .update(JSON.stringify([this.#print, options]))
      .digest("hex")
      .slice(0, 24);
    const file = path.join(this.#cache, `${key}.safetensors`);
    let seconds = 0;
    if (!existsSync(file)) {
      await mkdir(this.#cache, { recursive: true });
      const { adapter, decode, ...values } = options;
      const args = Object.entries(values).map(([name, value]) => `--${name}=${value}`);
      if (adapter) args.push("--adapter", path.join(this.#model, adapter));
      if (decode) args.push("--decode");
      const started = performance.now();
      await runPython(this.#python, [script, this.#model, file, ...args]);
      seconds = (performance.now() - started) / 1000;
    }
    return { tensors: await readTensors(file), picture: `${file}.png`, control: `${file}.control.png`, seconds };
  }
}
