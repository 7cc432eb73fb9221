/** A pool whose child loses its GPU: the call runs again in another child. Needs `npm run build`. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { CrashError, EnginePool } from "../lib/index";
import { loadedAddon } from "../lib/native/load";
import { rejection } from "./support/load";

jest.setTimeout(60_000);

/** The real addon, whose first calls lose the device: as many as `times` says. */
const ADDON = `
const { readdirSync, writeFileSync } = require("node:fs");
const real = require(REAL);
const lost = { code: "ERR_IPA_DEVICE_LOST", message: "the GPU fell off the bus" };
const load = (request, done) =>
  real.load(request, (error, pipeline) => {
    const generate = (_request, _progress, done) => {
      writeFileSync(MARKS + "/" + process.pid, "");
      setImmediate(done, lost);
      return { cancel: () => undefined };
    };
    if (error === null && readdirSync(MARKS).length < TIMES) Object.defineProperty(pipeline, "generate", { value: generate });
    done(error, pipeline);
  });
module.exports = { ...real, load };
`;

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "device-lost-"))));
afterEach(() => {
  delete process.env["NODE_IP_ADAPTER_ADDON"];
  rmSync(folder, { recursive: true });
});

/** @param times how many children lose it */
async function poolThatLoses(times: number): Promise<{ pool: EnginePool; marks: string }> {
  const marks = mkdtempSync(join(folder, "marks-"));
  const values = { REAL: loadedAddon().file, MARKS: marks, TIMES: times };
  const text = ADDON.replace(/\b(?:REAL|MARKS|TIMES)\b/g, (name) =>
    JSON.stringify(values[name as keyof typeof values]),
  );
  writeFileSync(join(folder, "addon.js"), text);
  process.env["NODE_IP_ADAPTER_ADDON"] = join(folder, "addon.js");
  return { pool: await EnginePool.create({ children: 1, device: "cpu" }), marks };
}

test("the call has its result from a new child", async () => {
  const { pool, marks } = await poolThatLoses(1);
  const { images } = await pool.generate({ prompt: "a cat", steps: 1, seed: 1 });
  expect(images).toHaveLength(1);
  expect(pool.stats()).toMatchObject({ succeeded: 1, rerun: 1, deaths: 1 });
  expect(readdirSync(marks)).toHaveLength(1);
  await pool.dispose();
});

test("a call under which it happens twice fails, and says what the children said", async () => {
  const { pool } = await poolThatLoses(2);
  const error = await rejection(pool.generate({ prompt: "a cat", steps: 1, seed: 1 }));
  const deaths = error instanceof CrashError ? error.deaths : [];
  expect(deaths.map(({ output }) => output)).toEqual([
    expect.stringContaining("the GPU fell off the bus"),
    expect.stringContaining("the GPU fell off the bus"),
  ]);
  await pool.dispose();
});
