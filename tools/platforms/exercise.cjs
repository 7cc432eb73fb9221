// What a user does, on another system: `node exercise.cjs INPUT.json OUTPUT.json`. Runs in the Node of that system, with the package as
// built (dist/) and the addon that NODE_IP_ADAPTER_ADDON names. It needs no sharp: pictures come and go as pixels. Answers are files,
// because some emulators lose what a program prints.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { isMainThread, parentPort, Worker, workerData } = require("node:worker_threads");

const input = isMainThread ? JSON.parse(fs.readFileSync(process.argv[2], "utf8")) : workerData;
const { EnginePool, Pipeline, convert, inspect, loadEmbeds, saveEmbeds, setThreads, systemInfo } = require(
  path.join(input.root, "dist/index.js"),
);

const picture = () => ({ ...input.picture, data: fs.readFileSync(input.picture.data) });
const CALL = { prompt: "a picture on a blue background", guidance: 4, seed: 1 };

/** Says what is wrong where it is not so. */
function check(holds, message) {
  if (!holds) throw new Error(message);
}

/** @returns {Promise<Error>} */
async function failureOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("expected an error");
}

const bits = (numbers) => Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength).toString("base64");

const PARTS = {
  system: () => systemInfo(),

  /** The latents and the pixels of one picture, for others to compare. */
  async picture() {
    const pipeline = await Pipeline.load();
    const { latents, images } = await pipeline.generate({ ...CALL, imagePrompts: [{ image: picture() }] });
    await pipeline.dispose();
    return { latents: bits(latents[0]), pixels: bits(images[0].data) };
  },

  /** Threads in the middle of it, and fewer and more of them. */
  async threads() {
    const pipeline = await Pipeline.load({ threads: 2 });
    const call = { ...CALL, steps: 2, output: "latents" };
    const made = [];
    for (const threads of [1, 3, 2]) {
      await setThreads(threads);
      made.push(bits((await pipeline.generate(call)).latents[0]));
    }
    await pipeline.dispose();
    check(new Set(made).size === 1, "the number of threads changes the picture");
  },

  async cancel() {
    const pipeline = await Pipeline.load();
    const stop = new AbortController();
    const error = await failureOf(pipeline.generate({ ...CALL, signal: stop.signal, onProgress: () => stop.abort() }));
    check(error.name === "AbortError", `cancelling gives ${error.name}: ${error.message}`);
    await pipeline.dispose();
  },

  /** Names of files in other letters, and paths longer than 260 characters. */
  async names() {
    const folder = path.join(input.work, "дир-日本-é😀", ..."abcdef".split("").map((letter) => letter.repeat(50)));
    fs.mkdirSync(folder, { recursive: true });
    const file = path.join(folder, "ип-адаптер.gguf");
    await convert(path.join(input.root, "models/mini/ip-adapter.safetensors"), file, { type: "f32" });
    const pipeline = await Pipeline.load({ model: path.join(input.root, "models/mini"), adapters: [{ file }] });
    const embeds = await pipeline.encodeImage(picture());
    await saveEmbeds(path.join(folder, "эмб.safetensors"), embeds);
    const read = await loadEmbeds(path.join(folder, "эмб.safetensors"));
    check(bits(read) === bits(embeds), "embeds are not read back as they were written");
    await pipeline.dispose();
    const { format } = await inspect(file);
    check(format === "gguf", `inspect() says ${format}`);
    const error = await failureOf(inspect(path.join(folder, "нет.gguf")));
    check(error.code === "ERR_IPA_NOT_FOUND" && error.message.includes("нет.gguf"), `${error.code}: ${error.message}`);
  },

  /** A file is replaced while a program has it open: by the new one, or by none and with an error. Nothing else is left. */
  async replacing() {
    const folder = path.join(input.work, "replaced");
    fs.mkdirSync(folder, { recursive: true });
    const file = path.join(folder, "adapter.gguf");
    const source = path.join(input.root, "models/mini/ip-adapter.safetensors");
    await convert(source, file, { type: "f16" });
    await convert(source, file, { type: "f32", overwrite: true });
    const opened = fs.openSync(file, "r");
    let answer = "replaced";
    try {
      await convert(source, file, { type: "f16", overwrite: true });
    } catch (error) {
      answer = `${error.code}`;
    } finally {
      fs.closeSync(opened);
    }
    const { format } = await inspect(file);
    check(format === "gguf", "the file is damaged");
    const left = fs.readdirSync(folder);
    check(left.length === 1, `left behind: ${left.join(", ")}`);
    return answer;
  },

  /** In a child process: the same bits. Node of another processor cannot start itself anew in qemu. */
  async pool() {
    if (!input.startsItself) return "left out: this Node cannot start itself";
    const call = { ...CALL, steps: 2 };
    const pool = await EnginePool.create({ children: 1 });
    const pipeline = await Pipeline.load();
    const [there, here] = [await pool.generate(call), await pipeline.generate(call)];
    check(bits(there.images[0].data) === bits(here.images[0].data), "a pool paints another picture");
    await Promise.all([pool.dispose(), pipeline.dispose()]);
    return "the same bits";
  },

  /** Three at once, and one that ends in the middle of its work. */
  async workers() {
    const start = () => new Worker(__filename, { workerData: input });
    const latents = await Promise.all(
      [start(), start(), start()].map(
        (worker) =>
          new Promise((done, fail) => {
            worker.on("message", ({ type, value }) => type === "latents" && done(value));
            worker.on("error", fail);
            worker.on("exit", () => fail(new Error("a worker ended without an answer")));
          }),
      ),
    );
    check(new Set(latents).size === 1, "workers make different pictures");
    const stopped = start();
    await new Promise((begun) => stopped.on("message", ({ type }) => type === "step" && begun()));
    await stopped.terminate();
  },
};

async function inWorker() {
  const pipeline = await Pipeline.load();
  const onProgress = () => parentPort.postMessage({ type: "step" });
  const { latents } = await pipeline.generate({ ...CALL, steps: 4, output: "latents", onProgress });
  parentPort.postMessage({ type: "latents", value: bits(latents[0]) });
  await pipeline.dispose();
}

async function main() {
  const results = {};
  for (const [name, part] of Object.entries(PARTS)) {
    const start = performance.now();
    const answer = await Promise.resolve()
      .then(part)
      .then(
        (value) => ({ ok: true, value }),
        (error) => ({ ok: false, error: `${error?.code ?? ""} ${error?.stack ?? error}` }),
      );
    results[name] = { ...answer, seconds: (performance.now() - start) / 1000 };
    // After each: what ran before a crash is seen.
    fs.writeFileSync(process.argv[3], JSON.stringify(results));
  }
}

(isMainThread ? main() : inWorker()).catch((error) => {
  if (!isMainThread) throw error;
  fs.writeFileSync(process.argv[3], JSON.stringify({ main: { ok: false, error: String(error) } }));
});
