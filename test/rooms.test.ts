/** The rooms of the house: who may include whom. docs/architecture.md says what lives where. */
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const root = resolve(__dirname, "..");

function filesUnder(folder: string, endings: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && endings.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll("\\", "/"));
}

const native = filesUnder("native", /\.(?:cc|h)$/).map((file) => file.slice("native/".length));
const known = new Set(native);
const included = (file: string): string[] =>
  [...readFileSync(join(root, "native", file), "utf8").matchAll(/^#include "([^"]+)"/gm)]
    .map(([, name = ""]) => name)
    .filter((name) => known.has(name));
/** What each room may include besides itself and base. */
const MAY_USE: Record<string, readonly string[]> = {
  base: [],
  graph: [],
  image: [],
  schedulers: [],
  weights: [],
  "weights/names": ["weights"],
  "weights/formats": ["weights", "weights/names"],
  "weights/changes": ["weights", "weights/names", "weights/formats"],
  "weights/describe": ["weights", "weights/names", "weights/formats", "weights/changes"],
  "weights/write": ["weights", "weights/names", "weights/formats", "weights/describe"],
  models: ["graph"],
  "cpu/kernels": ["graph"],
  "cpu/pack": ["graph", "cpu/kernels"],
  "cpu/launch": ["graph", "cpu/kernels", "cpu/pack"],
  "cpu/isa": ["cpu/kernels", "cpu/pack"],
  cpu: ["graph", "cpu/kernels", "cpu/pack", "cpu/launch", "cpu/isa"],
  pipeline: ["graph", "models", "schedulers", "image", "cpu", "weights"],
  binding: ["pipeline", "schedulers", "image", "cpu", "weights"],
};

const INNER = ["weights", "cpu"];

/** The room a file is in: rooms within `weights` and `cpu` are told apart, formats and pipeline count as one. */
function roomOf(file: string): string {
  const [first = "", second = ""] = dirname(file).split("/");
  return INNER.includes(first) && second !== "" ? `${first}/${second}` : first;
}

const mayUse = (room: string, used: string): boolean => {
  if (used === room || used === "base") return true;
  const allowed = MAY_USE[room] ?? [];
  const outer = used.split("/")[0] ?? "";
  // Rooms of another part of the house are entered by its name, whichever of its inner rooms it is.
  return allowed.includes(used) || (room.split("/")[0] !== outer && allowed.includes(outer));
};

test("every file of native/ is in a room of the table", () => {
  expect(native.filter((file) => !(roomOf(file) in MAY_USE))).toEqual([]);
});

test("rooms of native/ include only what they may", () => {
  const wrong = native.flatMap((file) =>
    included(file)
      .filter((used) => !mayUse(roomOf(file), roomOf(used)))
      .map((used) => `${file} includes ${used}`),
  );
  expect(wrong).toEqual([]);
});

test("only the binding knows JavaScript", () => {
  const knowing = native.filter((file) => /#include <napi\.h>/.test(readFileSync(join(root, "native", file), "utf8")));
  expect([...new Set(knowing.map(roomOf))]).toEqual(["binding"]);
});
