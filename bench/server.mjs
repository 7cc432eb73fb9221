// `node bench/server.mjs [--seconds N] [--rounds N] [--steps N] [--times 10]`: a server at ten times what it can do, on a core of its own, the clients on
// another. `npm run bench:server` runs bench/company.mjs first, which has no HTTP. Needs two cores, and `taskset` (Linux).
//   capacity: pictures a second when eight clients ask one after the other
//   goodput: pictures a second under overload, by the mean capacity before and after; the median of the rounds
//   refusals: milliseconds until a 429, as clients see it
//   event loop: how late that of the server is, by its own metrics
//   disconnect: from a client's going until the job behind it has done its first step, in steps
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values: flags } = parseArgs({
  options: {
    seconds: { type: "string", default: "5" },
    rounds: { type: "string", default: "5" },
    steps: { type: "string", default: "8" },
    times: { type: "string", default: "10" },
  },
});
const [seconds, rounds, steps, times] = [flags.seconds, flags.rounds, flags.steps, flags.times].map(Number);
const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const CLIENTS = 8;
const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });

/** A server pinned to one core. */
async function start(core, config) {
  const folder = mkdtempSync(path.join(tmpdir(), "bench-server-"));
  const file = path.join(folder, "config.json");
  writeFileSync(file, JSON.stringify(config));
  const args = ["-c", core, process.execPath, MAIN, "serve", "--port", "0", "--quiet", "--config", file];
  const child = spawn("taskset", args, { stdio: ["ignore", "ignore", "pipe"] });
  process.once("exit", () => child.kill("SIGKILL"));
  const url = await new Promise((resolve) =>
    createInterface({ input: child.stderr }).on("line", (line) => {
      const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? [];
      if (found !== undefined) resolve(found);
    }),
  );
  while ((await ask(url, "/readyz")).status !== 200) await sleep(20);
  const stop = async () => {
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await gone;
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, stop };
}

/** One request. @returns its status and text, and the milliseconds it took */
function ask(url, route, body, signal) {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const options = { agent, signal, method: body === undefined ? "GET" : "POST" };
    const request = http.request(url + route, options, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode,
          text: Buffer.concat(parts).toString(),
          ms: performance.now() - started,
        }),
      );
    });
    request.on("error", reject);
    if (body !== undefined) request.setHeader("content-type", "application/json");
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const picture = (seed) => ({ prompt: "a red apple", size: "128x128", num_inference_steps: steps, seed });
const metric = (text, name) => Number(new RegExp(`^node_ip_adapter_${name} (\\S+)$`, "m").exec(text)?.[1]);

async function capacityOf(url, seconds) {
  let made = 0;
  const until = performance.now() + seconds * 1000;
  const client = async () => {
    while (performance.now() < until) {
      await ask(url, "/v1/images/generations", picture(made));
      made++;
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return (made * 1000) / (performance.now() - started);
}

/** Requests at a rate that does not wait for answers. */
async function overload(url, rate, seconds) {
  const count = Math.round(rate * seconds);
  const started = performance.now();
  const answers = [];
  for (let i = 0; i < count; i++) {
    const wait = started + (1000 * i) / rate - performance.now();
    if (wait > 1) await sleep(wait);
    answers.push(
      ask(url, "/v1/images/generations", picture(i)).then((a) => ({ ...a, at: performance.now() - started })),
    );
  }
  const within = performance.now() - started;
  return { within, answers: await Promise.all(answers) };
}

const percentile = (values, p) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(p * values.length))];

/** Steps from a client's going until the job behind its own has done a step. */
async function disconnecting(url) {
  const body = { options: { prompt: "a red apple", width: 128, height: 128, steps: 40, seed: 1 } };
  const timed = performance.now();
  const { id } = JSON.parse((await ask(url, "/v1/jobs", body)).text);
  await ask(url, `/v1/jobs/${id}/events`);
  const step = (performance.now() - timed) / 40;
  const counts = [];
  for (let round = 0; round < 15; round++) {
    const leaver = new AbortController();
    const long = ask(url, "/v1/images/generations", { ...picture(1), num_inference_steps: 150 }, leaver.signal).catch(
      () => 0,
    );
    while (metric((await ask(url, "/metrics")).text, "jobs_running") !== 1) await sleep(1);
    const next = JSON.parse((await ask(url, "/v1/jobs", body)).text);
    const first = firstStep(url, next.id);
    await sleep(step * (1 + Math.random()));
    const gone = performance.now();
    leaver.abort();
    // Its own first step is not what the place was waited for.
    counts.push(((await first) - gone) / step - 1);
    await ask(url, `/v1/jobs/${next.id}/cancel`, {});
    await long;
  }
  return percentile(counts, 0.5);
}

/** When the events of a job tell of its first step. */
function firstStep(url, id) {
  return new Promise((resolve, reject) => {
    http
      .get(`${url}/v1/jobs/${id}/events`, { agent }, (response) => {
        let text = "";
        response.on("data", (part) => {
          text += part;
          if (text.includes("event: progress")) resolve(performance.now());
        });
      })
      .on("error", reject);
  });
}

execFileSync("taskset", ["-cp", "1", String(process.pid)], { stdio: "ignore" });
/** Pictures a second out of what overload() gave. In the first quarter the queue fills, and no job has ended yet. */
function goodputOf({ within, answers }) {
  const ended = answers.filter(({ status, at }) => status === 200 && at > within / 4 && at <= within);
  return ended.length / (within * 0.75e-3);
}

const busy = await start("0", { queue: { running: CLIENTS, waiting: 16, perKey: 1000 } });
await capacityOf(busy.url, 3);
// The machine's own speed wanders, so each overload stands between two looks at the capacity.
const capacities = [await capacityOf(busy.url, seconds)];
const [ratios, delays, answers] = [[], [], []];
for (let round = 0; round < rounds; round++) {
  await ask(busy.url, "/metrics");
  const loaded = await overload(busy.url, times * capacities.at(-1), 2 * seconds);
  const { text } = await ask(busy.url, "/metrics");
  delays.push(1000 * metric(text, 'event_loop_delay_seconds{quantile="0.99"}'));
  capacities.push(await capacityOf(busy.url, seconds));
  ratios.push((2 * goodputOf(loaded)) / (capacities.at(-2) + capacities.at(-1)));
  answers.push(...loaded.answers);
}
await busy.stop();

const refused = answers.filter(({ status }) => status === 429).map(({ ms }) => ms);
const several = (values) => values.map((value) => value.toFixed(2)).join(", ");
console.log(`capacity ${several(capacities)} pictures a second; ${answers.length} requests at ${times} times that`);
console.log(`goodput / capacity ${percentile(ratios, 0.5).toFixed(3)} (${several(ratios)})`);
console.log(
  `refusals ${refused.length}, p50 ${percentile(refused, 0.5).toFixed(1)} ms, p99 ${percentile(refused, 0.99).toFixed(1)} ms`,
);
console.log(`event loop p99 ${percentile(delays, 0.5).toFixed(1)} ms (${several(delays)})`);
console.log(`answers of 500 or more: ${answers.filter(({ status }) => status >= 500).length}`);

const single = await start("0", { queue: { running: 1 } });
console.log(`disconnect: the place is free within ${(await disconnecting(single.url)).toFixed(2)} steps`);
await single.stop();
agent.destroy();
