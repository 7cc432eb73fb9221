/** The addon called without lib/: wrong receivers, arguments and constructors are errors, never the end of the process. Needs `npm run build`. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { MINI, ROOT } from "./support/load";

const ADDON = join(ROOT, "build/Release/node_ip_adapter.node");

/** Runs in a process of its own, which a fault would end. @returns what the script printed */
function byHand(script: string): string {
  const setup = `
    const addon = require(${JSON.stringify(ADDON)});
    const request = { model: ${JSON.stringify(MINI)}, adapters: [], loras: [], embeddings: [], dtype: "f32", threads: 1 };
    const load = () => new Promise((resolve, reject) => addon.load(request, (error, value) => (error ? reject(error) : resolve(value))));
    const attempt = (run) => { try { run(); return "returned"; } catch (error) { return error instanceof TypeError || error instanceof RangeError ? "refused" : "threw " + error?.constructor?.name + " " + (error?.code ?? "") + " " + error?.message; } };
    (async () => {${script}})().then(() => console.log("end"), (error) => console.log("rejected", error));
  `;
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, ["-e", setup], {
    encoding: "utf8",
    timeout: 60_000,
  });
  if (status !== 0) throw new Error(`ended with ${status ?? ""} ${signal ?? ""}: ${stdout}${stderr}`);
  return stdout;
}

const METHODS = ["info", "generate", "encodeImage", "estimateMemory", "setAdapters", "setLoras", "close"];

test("pipelines are made by load() alone", () => {
  const out = byHand(`
    const native = await load();
    const NativePipeline = Object.getPrototypeOf(native).constructor;
    console.log(attempt(() => new NativePipeline()));
    console.log(attempt(() => new NativePipeline(native)));
    console.log(attempt(() => new (class extends NativePipeline {})()));
    console.log(attempt(() => Reflect.construct(NativePipeline, [], Object)));
    console.log(attempt(() => NativePipeline()));
    console.log(attempt(() => NativePipeline.call(native)));
    console.log(typeof native.info().family);
  `);
  expect(out).toBe(`${"refused\n".repeat(6)}string\nend\n`);
});

test("methods on something else than a pipeline are refused", () => {
  const out = byHand(`
    const native = await load();
    const prototype = Object.getPrototypeOf(native);
    const others = [undefined, null, 1, "x", {}, [], prototype, Object.create(prototype), Object.create(native), new Proxy(native, {}), new Map(), () => 1];
    for (const name of ${JSON.stringify(METHODS)}) console.log(name, new Set(others.map((other) => attempt(() => prototype[name].call(other, {}, null, () => 1)))));
  `);
  expect(out).toBe(`${METHODS.map((name) => `${name} Set(1) { 'refused' }\n`).join("")}end\n`);
});

test("arguments of wrong types, and none, are refused by every function and method", () => {
  const out = byHand(`
    const native = await load();
    const calls = { ...addon };
    for (const name of ["system", "fields", "modelLayout"]) delete calls[name]; // take none
    for (const name of ${JSON.stringify(METHODS.filter((name) => name !== "info"))}) calls["pipeline." + name] = native[name].bind(native);
    const wrong = [undefined, null, true, -1, NaN, 2 ** 40, 1n, "", "\\0", Symbol(), {}, [], [null], [{}], Object.create(null), new Array(4294967295), new Float32Array(3), new Proxy([], {}), new Proxy({}, {}), class {}];
    const strange = new Set();
    let count = 0;
    for (const [name, call] of Object.entries(calls))
      for (const a of [...wrong, "absent"])
        for (const b of a === "absent" ? ["absent"] : [...wrong, "absent"])
          for (const c of b === "absent" ? ["absent"] : [...wrong, "absent"]) {
            const given = [a, b, c].filter((value) => value !== "absent");
            // A class is a function, so a few of these are calls.
            if (given.some((value) => typeof value === "function")) continue;
            const answer = attempt(() => call(...given));
            ++count;
            if (answer !== "refused" && !(name === "randn" && answer === "returned")) strange.add(name + " " + answer);
          }
    console.log(count > 50000, [...strange]);
  `);
  expect(out).toBe("true []\nend\n");
});

test("requests with wrong or strange members are refused, or answered with an error that is not internal", () => {
  const out = byHand(`
    const native = await load();
    const ids = () => ({ ids: new Int32Array(20), weights: new Float32Array(20).fill(1) });
    const good = () => ({ prompt: [ids()], negative: [ids()], branches: [], scheduler: "", sigmas: "", seeds: [1], latents: [], steps: 1, guidance: 1, width: 64, height: 64, output: "latents" });
    const plain = addon.fields().generate.map(({ path }) => path.split(".")[0]);
    const call = (request) => new Promise((resolve) => { try { native.generate(request, null, (error) => resolve(error === null ? "ok" : error.code)); } catch (error) { resolve(error instanceof TypeError ? "refused" : String(error)); } });
    const values = [undefined, null, NaN, Infinity, -1, 0, 1e9, 2 ** 53, "x", {}, [], [ids()], [ids(), ids(), ids()], [{ ids: new Int32Array(3), weights: new Float32Array(9) }], [new Float32Array(1)], [{ adapter: 99, scale: 1, structureScale: 1, images: [] }], new Float32Array([NaN, -1]), { get rgb() { throw new RangeError("getter"); } }];
    const answers = {};
    console.log(await call(good()));
    for (const key of [...Object.keys(good()), ...plain, "sigmaValues", "image", "mask"])
      for (const value of values) { const answer = await call({ ...good(), [key]: value }); answers[answer] = (answers[answer] ?? 0) + 1; }
    console.log(Object.keys(answers).sort().join(" "));
  `);
  const [first, kinds = ""] = out.split("\n");
  expect(first).toBe("ok");
  expect(kinds.split(" ")).not.toContain("ERR_IPA_INTERNAL");
  expect(kinds.split(" ").every((kind) => /^(?:ok|refused|ERR_IPA_[A-Z_]+|RangeError:|getter)$/.test(kind))).toBe(true);
});

test("an option that the engine refuses is named beside the message, not in it", () => {
  const out = byHand(`
    const native = await load();
    const ids = () => ({ ids: new Int32Array(20), weights: new Float32Array(20).fill(1) });
    const good = { prompt: [ids()], negative: [ids()], branches: [], scheduler: "", sigmas: "", seeds: [1], latents: [], steps: 1, width: 64, height: 64 };
    const refused = (options) => new Promise((resolve) => native.generate({ ...good, ...options }, null, (error) => resolve(error?.code + " " + error?.option + " " + /^[a-zA-Z]+:/.test(error?.message))));
    for (const options of [{ vaeTile: 132 }, { width: 68 }, { guidance: 101 }, { preview: { every: 0.5e9 } }, { guidanceInterval: [0, 2] }, { scheduler: "none" }]) console.log(await refused(options));
  `);
  const named = ["vaeTile", "width", "guidance", "preview.every", "guidanceInterval[1]", "scheduler"];
  expect(out).toBe(`${named.map((option) => `ERR_IPA_INVALID_OPTION ${option} false\n`).join("")}end\n`);
});

test("after close(), every method answers, and info() still tells", () => {
  const out = byHand(`
    const native = await load();
    await new Promise((resolve) => native.close(resolve));
    await new Promise((resolve) => native.close(resolve));
    console.log(native.info().family);
    console.log(await new Promise((resolve) => native.setLoras([], (error) => resolve(error.code))));
  `);
  expect(out).toBe("sd1\nERR_IPA_DISPOSED\nend\n");
});
