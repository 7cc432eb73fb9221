// Programs of an installed project, as Node starts them: ES modules, CommonJS, worker threads, forked processes, a cluster.
import fs from "node:fs";
import path from "node:path";
import { assert, installedProject, node } from "./harness.mjs";
import { checkResult, commonJs, commonJsProgram, esModuleProgram } from "./programs.mjs";

async function runProgram(context, file, text) {
  const folder = await installedProject(context);
  fs.writeFileSync(path.join(folder, file), text);
  return node([file], { cwd: folder });
}

const plain = (file, program) => async (context) => checkResult(await runProgram(context, file, program()));

/** One thread paints without end and is stopped while three others are in their second picture. */
const workers = () => `${commonJs()}
const { once } = require("node:events");
const { Worker, isMainThread, parentPort, workerData } = require("node:worker_threads");
const print = (result) => console.log("RESULT " + JSON.stringify(result));

async function paintForever() {
  const pipeline = await Pipeline.load();
  for (;;) await pipeline.generate({ steps: 500, onProgress: () => parentPort.postMessage("step") });
}
async function paintTwice() {
  parentPort.postMessage(await main());
  parentPort.postMessage(await main());
}
async function direct() {
  const busy = new Worker(__filename, { workerData: "busy" });
  await once(busy, "message");
  const threads = Array.from({ length: 3 }, () => new Worker(__filename));
  await Promise.all(threads.map(async (thread) => print((await once(thread, "message"))[0])));
  const second = Promise.all(threads.map(async (thread) => print((await once(thread, "message"))[0])));
  console.log("STOPPED " + (await busy.terminate()));
  await second;
  print(await main());
}
const fail = (error) => { console.error(error); process.exit(1); };
if (isMainThread) direct().catch(fail);
else if (workerData === "busy") paintForever();
else paintTwice();
`;

async function workerThreads(context) {
  const output = await runProgram(context, "workers.cjs", workers());
  assert(output.includes("STOPPED 1"), `the busy thread was not stopped:\n${output.slice(-2000)}`);
  await checkResult(output, 7);
}

/** Two children paint at once, and a third is killed at its work. */
const forks = () => `${commonJs()}
const { fork } = require("node:child_process");
const { once } = require("node:events");

async function paintForever() {
  const pipeline = await Pipeline.load();
  for (;;) await pipeline.generate({ steps: 500, onProgress: () => process.send("step") });
}
async function direct() {
  const busy = fork(__filename, ["busy"]);
  await once(busy, "message");
  const children = [fork(__filename, ["once"]), fork(__filename, ["once"])];
  const results = Promise.all(children.map((child) => once(child, "message")));
  const ends = Promise.all(children.map((child) => once(child, "exit")));
  busy.kill("SIGKILL");
  for (const [result] of await results) console.log("RESULT " + JSON.stringify(result));
  console.log("ENDED " + (await ends).map(([code]) => code));
}
const fail = (error) => { console.error(error); process.exit(1); };
if (process.argv[2] === "busy") paintForever().catch(fail);
else if (process.argv[2] === "once") main().then((result) => process.send(result, () => process.disconnect()), fail);
else direct().catch(fail);
`;

async function forkedProcesses(context) {
  const output = await runProgram(context, "forks.cjs", forks());
  assert(output.includes("ENDED 0,0"), `the children did not end by themselves:\n${output.slice(-2000)}`);
  await checkResult(output, 2);
}

/** Two workers share a port, and each answers one of two requests with a picture. */
const sharedPort = () => `${commonJs()}
const cluster = require("node:cluster");
const { once } = require("node:events");
const http = require("node:http");
cluster.schedulingPolicy = cluster.SCHED_RR;

async function serve() {
  const server = http.createServer(async (_request, response) => {
    response.setHeader("connection", "close");
    response.end(JSON.stringify({ pid: process.pid, result: await main() }));
  });
  server.listen(0, "127.0.0.1");
}
async function ask(port) {
  const [response] = await once(http.get({ port, host: "127.0.0.1", agent: false }), "response");
  const { pid, result } = JSON.parse(Buffer.concat(await response.toArray()).toString());
  console.log("RESULT " + JSON.stringify(result));
  return pid;
}
async function direct() {
  const workers = [cluster.fork(), cluster.fork()];
  const [[{ port }]] = await Promise.all(workers.map((worker) => once(worker, "listening")));
  const answered = await Promise.all([ask(port), ask(port)]);
  console.log("ANSWERED BY " + new Set(answered).size);
  const ends = Promise.all(workers.map((worker) => once(worker, "exit")));
  for (const worker of workers) worker.disconnect();
  console.log("ENDED " + (await ends).map(([code]) => code));
}
const fail = (error) => { console.error(error); process.exit(1); };
(cluster.isPrimary ? direct() : serve()).catch(fail);
`;

async function clusterOfTwo(context) {
  const output = await runProgram(context, "cluster.cjs", sharedPort());
  for (const line of ["ANSWERED BY 2", "ENDED 0,0"])
    assert(output.includes(line), `expected ${line}:\n${output.slice(-2000)}`);
  await checkResult(output, 2);
}

export const cases = [
  { name: "ES module", run: plain("program.mjs", esModuleProgram) },
  { name: "CommonJS", run: plain("program.cjs", commonJsProgram) },
  { name: "worker threads, one stopped at its work", quick: true, run: workerThreads },
  { name: "child_process", run: forkedProcesses },
  { name: "cluster", quick: true, run: clusterOfTwo },
];
