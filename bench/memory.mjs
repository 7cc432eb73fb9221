/**
 * Peak resident memory of generate() beside what estimateMemory() said before: `npm run bench:memory -- --model DIR [--control DIR]`.
 * Every case runs in a process of its own; Linux only (VmHWM of /proc/self/status). Without --model, the shipped model alone.
 */
import { fork } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const MB = 1e6;

/** A number of /proc/self/status, in bytes. */
function status(field) {
  const found = new RegExp(`^${field}:\\s*(\\d+) kB`, "m").exec(readFileSync("/proc/self/status", "utf8"));
  if (found === null) throw new Error(`/proc/self/status has no ${field}`);
  return Number(found[1]) * 1024;
}

async function runCase({ load, generate }) {
  const { Pipeline, systemInfo } = createRequire(import.meta.url)("../dist/index.js");
  systemInfo(); // the addon itself belongs to the process, not to the model
  const options = { prompt: "a red apple on a table", seed: 1, steps: 1, ...generate };
  const before = status("VmRSS");
  const pipeline = await Pipeline.load(load);
  const loaded = status("VmRSS");
  const loading = status("VmHWM");
  const estimate = await pipeline.estimateMemory(options);
  writeFileSync("/proc/self/clear_refs", "5"); // VmHWM starts again from here
  const started = performance.now();
  // Previews are made for who looks at them.
  await pipeline.generate({ ...options, onProgress: () => undefined });
  const seconds = (performance.now() - started) / 1000;
  const peak = status("VmHWM");
  await pipeline.dispose();
  return { before, loaded, loading, peak, estimate, seconds };
}

/** A ControlNet beside the model, and a picture for it. */
function controlled(model, control, dtype) {
  const image = { data: Buffer.alloc(512 * 512 * 3, 128), width: 512, height: 512, channels: 3 };
  return {
    name: `given model and control, ${dtype}, 512 x 512`,
    load: { model, controls: [control], dtype },
    generate: { width: 512, height: 512, controls: [{ image }] },
  };
}

function cases({ model, control }) {
  const mini = (size, rest = {}) => ({
    name: `shipped model, ${size} x ${size}`,
    load: {},
    generate: { width: size, height: size, ...rest },
  });
  const all = [
    mini(128),
    mini(512),
    mini(1024),
    { ...mini(1024, { vaeTiling: "on" }), name: "shipped model, 1024 x 1024, tiles" },
  ];
  all.push({
    ...mini(512, { count: 4, preview: { every: 1 }, steps: 2 }),
    name: "shipped model, 512 x 512, four pictures, previews",
  });
  if (model === undefined) return all;
  for (const dtype of ["f32", "int8"])
    all.push({
      name: `given model, ${dtype}, 512 x 512`,
      load: { model, dtype },
      generate: { width: 512, height: 512 },
    });
  if (control !== undefined) all.push(...["f32", "int8"].map((dtype) => controlled(model, control, dtype)));
  for (const vaeTiling of ["off", "on"]) {
    const generate = { width: 1024, height: 1024, guidance: 1, vaeTiling };
    all.push({
      name: `given model, int8, 1024 x 1024, no guidance, tiles ${vaeTiling}`,
      load: { model, dtype: "int8" },
      generate,
    });
  }
  return all;
}

async function inChild(entry) {
  const child = fork(fileURLToPath(import.meta.url), ["--child"], { serialization: "advanced" });
  const answer = new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("exit", (code) => reject(new Error(`${entry.name}: the process ended with ${code}`)));
  });
  child.send(entry);
  const result = await answer;
  child.disconnect();
  return result;
}

const { values } = parseArgs({
  options: {
    model: { type: "string" },
    control: { type: "string" },
    child: { type: "boolean" },
    only: { type: "string" },
  },
});
if (values.child) {
  process.once("message", async (entry) => process.send(await runCase(entry)));
} else {
  console.log(
    "| call | estimate: weights | call | total | measured peak less the process before loading | difference | loading's own peak | seconds |",
  );
  console.log("|---|---|---|---|---|---|---|---|");
  for (const entry of cases(values)) {
    if (values.only !== undefined && !entry.name.includes(values.only)) continue;
    const { before, loading, peak, estimate, seconds } = await inChild(entry);
    const measured = peak - before;
    const mb = (bytes) => `${(bytes / MB).toFixed(0)} MB`;
    const difference = (100 * (estimate.total - measured)) / measured;
    console.log(
      `| ${entry.name} | ${mb(estimate.weights)} | ${mb(estimate.working)} | ${mb(estimate.total)} | ${mb(measured)} | ${difference.toFixed(1)} % (${((100 * (estimate.total - measured)) / peak).toFixed(1)} % of the process's ${mb(peak)}) | ${mb(loading - before)} | ${seconds.toFixed(1)} |`,
    );
  }
}
