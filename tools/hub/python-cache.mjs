// Does Python's huggingface_hub read the cache that this package writes, and the other way round? Both fetch from the small hub
// of the tests; then each loads, without a network, what the other one fetched.
//
//   npm run build && node tools/hub/python-cache.mjs [python]     (needs: pip install huggingface_hub)
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const python = process.argv[2] ?? "python3";
const root = fileURLToPath(new URL("../../", import.meta.url));
const require = createRequire(import.meta.url);

/** The tests' hub is TypeScript: compiled as jest does. */
async function importHubServer() {
  const file = join(root, "test", "support", "hub-server.ts");
  const { transform } = require("@swc/core");
  const { code } = await transform(await readFile(file, "utf8"), {
    jsc: { parser: { syntax: "typescript" }, target: "es2023" },
    module: { type: "commonjs" },
  });
  const module = { exports: {} };
  new Function("require", "module", "exports", code)(require, module, module.exports);
  return module.exports;
}

async function run(command, args, cache, variables) {
  const { stdout } = await promisify(execFile)(command, args, {
    cwd: root,
    env: { ...process.env, HF_HUB_CACHE: cache, HF_HUB_DISABLE_TELEMETRY: "1", ...variables },
  });
  return stdout.trim();
}

const script = `
import json, os, sys
import huggingface_hub as hub
folder = hub.snapshot_download("team/sd15", **json.loads(sys.argv[1]))
one = hub.hf_hub_download("team/sd15", "adapters/base.safetensors", **json.loads(sys.argv[2]))
cache = hub.scan_cache_dir()
print(json.dumps({"version": hub.__version__, "folder": folder, "one": one, "warnings": [str(w) for w in cache.warnings], "files": sorted(
    os.path.relpath(os.path.join(at, name), folder).replace(os.sep, "/") for at, _, names in os.walk(folder) for name in names)}))
`;

function check(what, right) {
  console.log(`${right ? "ok  " : "FAIL"} ${what}`);
  if (!right) process.exitCode = 1;
}

const { HubServer, filesOf } = await importHubServer();
const files = filesOf(join(root, "test", "golden", "models", "sd15"), (path) => !path.startsWith("golden."));
const hub = await HubServer.start();
const commit = hub.publish("team/sd15", files);
const folders = [];
const newCache = async () => folders[folders.push(await mkdtemp(join(tmpdir(), "python-cache-"))) - 1];
const online = { HF_ENDPOINT: hub.url };
const offline = { HF_ENDPOINT: hub.url, HF_HUB_OFFLINE: "1" };
const cli = ["dist/cli/main.js"];
try {
  const ours = await newCache();
  const path = await run(process.execPath, [...cli, "pull", "team/sd15", "--include", "*"], ours, online);
  hub.seen.length = 0;
  const read = JSON.parse(
    await run(python, ["-c", script, '{"local_files_only": true}', '{"local_files_only": true}'], ours, offline),
  );
  console.log(`huggingface_hub ${read.version}`);
  check(
    "snapshot_download(local_files_only=True) finds what pull wrote",
    read.folder === path && read.files.join() === Object.keys(files).sort().join(),
  );
  check("scan_cache_dir() has nothing to complain of", read.warnings.length === 0);
  const same = await Promise.all(
    Object.entries(files).map(async ([name, bytes]) => bytes.equals(await readFile(join(read.folder, name)))),
  );
  check("the same bytes", same.every(Boolean));
  await run(python, ["-c", script, "{}", "{}"], ours, online);
  check("with a network, snapshot_download() fetches none of them again", hub.downloads().length === 0);

  const theirs = await newCache();
  const written = JSON.parse(await run(python, ["-c", script, "{}", "{}"], theirs, online));
  hub.seen.length = 0;
  const picture = join(theirs, "out.png");
  const generate = [
    "generate",
    "--model",
    "team/sd15",
    "--adapter",
    "team/sd15/adapters/base.safetensors",
    "--steps",
    "2",
    "--seed",
    "1",
    "--output",
    picture,
    "--json",
  ];
  check(
    "generate --model finds what snapshot_download() wrote",
    (await run(process.execPath, [...cli, ...generate], theirs, online)).includes('"type":"result"'),
  );
  check("and asks the hub for nothing", hub.seen.length === 0);
  check(
    "pull fetches none of them again",
    (await run(process.execPath, [...cli, "pull", "team/sd15", "--include", "*"], theirs, online)) === written.folder &&
      hub.downloads().length === 0,
  );
  check("both name the same commit", written.folder.endsWith(commit) && path.endsWith(commit));
} finally {
  await hub.stop();
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true })));
}
