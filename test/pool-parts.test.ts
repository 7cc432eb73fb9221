/** What a pool decides before and after there are processes. */
import type { ChildProcess } from "node:child_process";
import { EventEmitter } from "node:events";

import { EngineProcess } from "../lib/pool/child-process";
import { type CoreSystem, planCores, readCoreList } from "../lib/pool/cores";
import { MemoryGate } from "../lib/pool/memory-gate";
import { rejection } from "./support/load";

const linux: CoreSystem = { platform: "linux", allowed: [0, 1, 4, 5], count: 4, taskset: "/usr/bin/taskset" };
const two = { children: 2, coresPerChild: undefined, pin: true };

test("cores are shared out, each to one child", () => {
  expect(planCores(two, linux)).toMatchObject({
    perChild: 2,
    cores: [
      [0, 1],
      [4, 5],
    ],
    unpinned: undefined,
  });
  expect(planCores({ ...two, coresPerChild: 1 }, linux).cores).toEqual([[0], [1]]);
  expect(readCoreList("0-2,8,10-11")).toEqual([0, 1, 2, 8, 10, 11]);
});

test.each<[string, Partial<CoreSystem>, Partial<typeof two> & { coresPerChild?: number }, RegExp]>([
  ["more children than cores", {}, { children: 5 }, /need 5 cores and this process may use 4/],
  ["more cores than there are", {}, { coresPerChild: 3 } as never, /need 6 cores/],
  ["no taskset", { taskset: undefined }, {}, /taskset is not in PATH/],
  ["another system", { platform: "darwin" }, {}, /only Linux/],
  ["pin: false", {}, { pin: false }, /pin is false/],
])("with %s nothing is pinned, and why is said", (_, system, options, why) => {
  const { cores, taskset, unpinned, perChild } = planCores({ ...two, ...options }, { ...linux, ...system });
  expect(cores.flat()).toEqual([]);
  expect(taskset).toBeUndefined();
  expect(unpinned).toMatch(why);
  expect(perChild).toBeGreaterThan(0);
});

test("what arrives of a child that was given up for dead is no message, but counted", () => {
  const process = Object.assign(new EventEmitter(), { pid: 1, connected: true, kill: jest.fn(), unref: jest.fn() });
  const got: string[] = [];
  const child = new EngineProcess(process as unknown as ChildProcess, {
    message: ({ type }) => got.push(type),
    died: ({ reason }) => got.push(reason),
    late: ({ type }) => got.push(`late ${type}`),
  });
  process.emit("message", { type: "progress", id: 1 });
  child.kill("enough");
  process.emit("message", { type: "done", id: 1 });
  process.emit("exit", null, "SIGKILL");
  process.emit("disconnect");
  expect(process.kill).toHaveBeenCalledWith("SIGKILL");
  expect(got).toEqual(["progress", "enough", "late done"]);
});

test("what a child sent before it ended by itself counts, though its end is told first", () => {
  const process = Object.assign(new EventEmitter(), { pid: 1, connected: true, kill: jest.fn(), unref: jest.fn() });
  const got: string[] = [];
  new EngineProcess(process as unknown as ChildProcess, {
    message: ({ type }) => got.push(type),
    died: ({ reason }) => got.push(reason),
    late: ({ type }) => got.push(`late ${type}`),
  });
  process.emit("exit", 3, null);
  process.emit("message", { type: "done", id: 1 });
  process.emit("disconnect");
  expect(got).toEqual(["done", "it ended with code 3"]);
});

describe("memory of a child", () => {
  const estimate = (working: number) =>
    Promise.resolve({ weights: 100, working, total: 100 + working, tiled: false, devices: {} });

  test("is shared first come, first served, so that small calls keep no large one out", async () => {
    const gate = new MemoryGate(200);
    const { signal } = new AbortController();
    const entered: string[] = [];
    const enter = async (name: string, working: number): Promise<() => void> => {
      const leave = await gate.enter(estimate(working), signal);
      entered.push(name);
      return leave;
    };
    const first = await enter("first", 60);
    const large = enter("large", 90);
    const small = enter("small", 10);
    await new Promise(setImmediate);
    expect(entered).toEqual(["first"]);
    first();
    await Promise.all([large, small]);
    expect(entered).toEqual(["first", "large", "small"]);
  });

  test("is not waited for by a call that was cancelled, nor given to one that never fits", async () => {
    const gate = new MemoryGate(200);
    const controller = new AbortController();
    const { signal } = new AbortController();
    const first = await gate.enter(estimate(40), signal);
    const waiting = rejection(gate.enter(estimate(90), controller.signal));
    const behind = gate.enter(estimate(10), signal);
    await new Promise(setImmediate);
    controller.abort(new Error("gone"));
    expect(await waiting).toMatchObject({ message: "gone" });
    for (const leave of [await behind, first]) leave();
    expect(await rejection(gate.enter(estimate(101), signal))).toMatchObject({ code: "ERR_IPA_NO_MEMORY" });
    await gate.enter(estimate(100), signal);
  });
});
