// Holds the server to its OpenAPI document with schemathesis: `npm run check:openapi -- --python PYTHON`, where PYTHON has
// schemathesis (pip install schemathesis). A server of the shipped model is asked on a loopback port, first without keys and
// then with them. Statuses, media types, headers and bodies have to be those of the document; requests that it allows are
// served, and others are refused. `--examples 100` tries more requests for each operation, `--seed 2` other ones. Needs `npm run build`.
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { root } from "../build/paths.mjs";

const { values } = parseArgs({
  options: {
    python: { type: "string", default: "python3" },
    examples: { type: "string", default: "40" },
    seed: { type: "string", default: "1" },
  },
});

const KEY = "check-0123456789abcdef";

/** Small pictures and few steps. Nobody waits for a place. */
const CONFIG = {
  limits: { images: 2, steps: 2, pixels: 65536, inputPixels: 1_000_000, bodyBytes: 1_000_000, seconds: 60 },
  queue: { running: 2, waiting: 100_000, perKey: 100_000 },
};

/** How long the server's model may take to load, and how a server is asked to end. */
const READY_MS = 60_000;

/** @returns {Promise<{ url: string, stop: () => Promise<string> }>} `stop` tells what of its log are errors */
async function startServer(folder, keyed) {
  const config = path.join(folder, "config.json");
  const keys = path.join(folder, "keys");
  fs.writeFileSync(config, JSON.stringify(CONFIG));
  fs.writeFileSync(keys, `check ${KEY}\n`);
  const main = path.join(root, "dist/cli/main.js");
  const args = ["serve", "--port", "0", "--config", config, ...(keyed ? ["--api-key-file", keys] : [])];
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  let errors = "";
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (/"level":(50|60)/.test(line)) errors += `${line}\n`;
  });
  const stop = async () => {
    child.kill("SIGTERM");
    const code = await exited;
    return code === 0 ? errors : `${errors}the server ended with ${code}\n`;
  };
  const url = await new Promise((resolve, reject) => {
    exited.then((code) => reject(new Error(`the server ended with ${code}`)));
    createInterface({ input: child.stderr }).on("line", (line) => {
      const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? [];
      if (found !== undefined) resolve(found);
    });
  });
  const signal = AbortSignal.timeout(READY_MS);
  while ((await fetch(`${url}/readyz`, { signal })).status !== 200)
    await new Promise((resolve) => setTimeout(resolve, 50));
  return { url, stop };
}

/** @returns {Promise<number>} its exit code; what it says goes to this terminal */
function runSchemathesis(folder, url, keyed) {
  const settings = [
    `hooks = "hooks.py"`,
    "[checks]",
    // What a valid body may be refused for with 400, hooks.py looks at itself.
    'positive_data_acceptance.expected-statuses = ["2xx", 400, 404, 409]',
  ];
  fs.writeFileSync(path.join(folder, "schemathesis.toml"), `${settings.join("\n")}\n`);
  fs.copyFileSync(path.join(root, "tools/check-openapi/hooks.py"), path.join(folder, "hooks.py"));
  const args = [
    ...["run", `${url}/openapi.json`, "--seed", values.seed, "--max-examples", values.examples],
    ...["--generation-database", "none", "--continue-on-failure"],
    ...(keyed ? ["-H", `Authorization: Bearer ${KEY}`] : []),
  ];
  const start = "from schemathesis.cli import schemathesis; schemathesis(prog_name='schemathesis')";
  return new Promise((resolve, reject) => {
    const child = spawn(values.python, ["-c", start, ...args], {
      cwd: folder,
      env: { ...process.env, PYTHONPATH: folder },
      stdio: ["ignore", "inherit", "inherit"],
    });
    child.once("error", reject);
    child.once("close", resolve);
  });
}

async function check(folder, keyed) {
  console.log(`--- ${keyed ? "with" : "without"} keys`);
  const { url, stop } = await startServer(folder, keyed);
  let code, errors;
  try {
    code = await runSchemathesis(folder, url, keyed);
  } finally {
    errors = await stop();
  }
  if (errors !== "") console.log(`the server's log has errors:\n${errors}`);
  return code === 0 && errors === "";
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "check-openapi-"));
try {
  const fine = [];
  for (const keyed of [false, true]) fine.push(await check(folder, keyed));
  if (fine.includes(false)) process.exitCode = 1;
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
